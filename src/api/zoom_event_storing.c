#include "api/zoom_event_storing.h"

#include "api/zoom_event_effects.h"
#include "base/failpoint.h"
#include "store/connection.h"
#include "store/event.h"
#include "store/log_entry.h"

#include <string.h>

static bool is_proved_by(const struct zoom_event_storing *storing, const struct app *app)
{
	for (int i = 0; i < storing->app_count; i++) {
		const struct app *its = storing->apps[i];

		if (its->id == app->id && its->webhook_secret.size == app->webhook_secret.size &&
		    memcmp(its->webhook_secret.bytes, app->webhook_secret.bytes,
			   app->webhook_secret.size) == 0)
			return true;
	}
	return false;
}

/* By one of the members before this one: nobody else writes meanwhile. */
static bool is_checked(const struct group_member *members, const struct group_member *until,
		       const struct app *app)
{
	for (; members != until; members = members->next) {
		const struct zoom_event_storing *storing = members->part;

		if (!storing->is_outdated && is_proved_by(storing, app))
			return true;
	}
	return false;
}

/* The secrets were looked up before the transaction, or long ago: any process may have changed the app since. */
static bool check_apps(struct db *db, struct group_member *members, struct error *err)
{
	for (struct group_member *member = members; member != NULL; member = member->next) {
		struct zoom_event_storing *storing = member->part;

		storing->is_outdated = false;
		for (int i = 0; i < storing->app_count && !storing->is_outdated; i++) {
			const struct app *app = storing->apps[i];
			bool has = true;

			if (!is_checked(members, member, app) &&
			    !app_has_webhook_secret(db, app->id, app->webhook_secret, &has, err))
				return false;
			storing->is_outdated = !has;
		}
	}
	return true;
}

static bool store_for_app(struct zoom_event_effect *effect,
			  const struct zoom_event_storing *storing, bool *is_new, struct error *err)
{
	const struct zoom_event *event = storing->event;
	struct log_event entry = {
		.app_id = effect->app->id,
		.name = event->name,
		.meeting_id = event->meeting_id,
		.event_at = event->event_at,
		.body_sha256 = storing->body_sha256,
		.now = storing->now,
	};

	if (!connection_find_id(effect->db, entry.app_id, zoom_event_user(event),
				&effect->user_connection_id, err))
		return false;
	entry.connection_id = effect->user_connection_id;
	return log_entry_add_event(effect->db, &entry, is_new, err) &&
	       (!*is_new || zoom_event_apply(effect, err));
}

static bool store(struct db *db, void *part, struct error *err)
{
	struct zoom_event_storing *storing = part;

	storing->is_news = storing->wakes_worker = false;
	for (int i = 0; i < storing->app_count && !storing->is_outdated; i++) {
		struct zoom_event_effect effect = {
			.db = db,
			.arena = storing->arena,
			.app = storing->apps[i],
			.event = storing->event,
			.now = storing->now,
			.at = storing->at,
		};

		if (!store_for_app(&effect, storing, &storing->is_new[i], err))
			return false;
		storing->is_news |= storing->is_new[i];
		storing->wakes_worker |= effect.wakes_worker;
	}
	failpoint("event.storing");
	return true;
}

/* How many of the new events are of an app and have a name. */
struct total {
	int64_t app_id;
	const char *name;
	int64_t count;
	instant last_at;
};

/* Of a group: where there are more, what is there is written first. */
struct totals {
	struct total of[16];
	size_t count;
};

static bool write_totals(struct db *db, struct totals *totals, struct error *err)
{
	for (size_t i = 0; i < totals->count; i++) {
		const struct total *total = &totals->of[i];

		if (!event_count(db, total->app_id, total->name, total->count, total->last_at,
				 err) ||
		    !app_note_verified_webhook(db, total->app_id, total->last_at, err))
			return false;
	}
	totals->count = 0;
	return true;
}

static bool add_to_totals(struct db *db, struct totals *totals, int64_t app_id,
			  const struct zoom_event_storing *storing, struct error *err)
{
	const char *name = storing->event->name;
	struct total *total = totals->of;

	while (total < totals->of + totals->count &&
	       (total->app_id != app_id || strcmp(total->name, name) != 0))
		total++;
	if (total == totals->of + COUNT_OF(totals->of)) {
		if (!write_totals(db, totals, err))
			return false;
		total = totals->of;
	}
	if (total == totals->of + totals->count) {
		*total = (struct total){.app_id = app_id, .name = name};
		totals->count++;
	}
	total->count++;
	if (total->last_at < storing->now)
		total->last_at = storing->now;
	return true;
}

/* Once for all of them, for they are mostly of one app and have one of a few names. */
static bool count_events(struct db *db, struct group_member *members, struct error *err)
{
	struct totals totals = {.count = 0};

	for (struct group_member *member = members; member != NULL; member = member->next) {
		const struct zoom_event_storing *storing = member->part;

		for (int i = 0; i < storing->app_count && !storing->is_outdated; i++)
			if (storing->is_new[i] &&
			    !add_to_totals(db, &totals, storing->apps[i]->id, storing, err))
				return false;
	}
	return write_totals(db, &totals, err);
}

const struct group_work zoom_event_storing_work = {check_apps, store, count_events};
