#include "api/zoom_event_effects.h"

#include "broker/health.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/meeting.h"
#include "store/participant.h"
#include "zoom/meeting_url.h"

#include <string.h>

/* The app's connection of a Zoom user; *found is false for NULL too. */
static bool find_user(const struct zoom_event_effect *effect, const char *zoom_user_id, bool *found,
		      struct connection *connection, struct error *err)
{
	*found = false;
	return zoom_user_id == NULL ||
	       connection_find_by_user(effect->db, effect->arena, effect->app->id, zoom_user_id,
				       found, connection, err);
}

/* The id of that connection, which is mostly known already; 0: there is none. */
static bool find_user_id(const struct zoom_event_effect *effect, const char *zoom_user_id,
			 int64_t *connection_id, struct error *err)
{
	if (zoom_user_id == zoom_event_user(effect->event)) {
		*connection_id = effect->user_connection_id;
		return true;
	}
	return connection_find_id(effect->db, effect->app->id, zoom_user_id, connection_id, err);
}

/* A meeting that was ours may have another host now, who has no connection. */
static bool learn_host(struct zoom_event_effect *effect, struct error *err)
{
	const int64_t app_id = effect->app->id, meeting_id = effect->event->meeting_id;
	int64_t host;

	if (effect->event->host_id == NULL)
		return true;
	if (!find_user_id(effect, effect->event->host_id, &host, err))
		return false;
	if (host == 0)
		return meeting_forget_if_known(effect->db, app_id, meeting_id, effect->at, err);
	return meeting_learn(effect->db, app_id, meeting_id, host, effect->at, err);
}

static bool start_meeting(struct zoom_event_effect *effect, struct error *err)
{
	const int64_t app_id = effect->app->id, meeting_id = effect->event->meeting_id;
	int64_t host;

	if (!find_user_id(effect, effect->event->host_id, &host, err))
		return false;
	if (host != 0)
		return meeting_start(effect->db, app_id, meeting_id, host, effect->at, err);
	return learn_host(effect, err) &&
	       meeting_set_live(effect->db, app_id, meeting_id, true, effect->at, err);
}

/* Only of our own hosts' meetings is it noted that they are no more where they were not known. */
static bool forget_meeting(struct zoom_event_effect *effect, int64_t host, struct error *err)
{
	const int64_t app_id = effect->app->id, meeting_id = effect->event->meeting_id;

	return host != 0 ? meeting_forget(effect->db, app_id, meeting_id, effect->at, err)
			 : meeting_forget_if_known(effect->db, app_id, meeting_id, effect->at, err);
}

/* Nobody can join a one-off instant meeting again; every other one may start anew under its id. */
static bool end_meeting(struct zoom_event_effect *effect, struct error *err)
{
	const struct zoom_event *event = effect->event;
	const int64_t app_id = effect->app->id;
	int64_t host;

	if (!find_user_id(effect, event->host_id, &host, err) ||
	    !participant_note_end(effect->db, app_id, event->meeting_id, effect->at, err))
		return false;
	if (event->meeting_type == ZOOM_MEETING_INSTANT && !forget_meeting(effect, host, err))
		return false;
	return host != 0 ? meeting_end(effect->db, app_id, event->meeting_id, effect->at, err)
			 : meeting_set_live(effect->db, app_id, event->meeting_id, false,
					    effect->at, err);
}

static bool delete_meeting(struct zoom_event_effect *effect, struct error *err)
{
	int64_t host;

	if (effect->event->is_one_occurrence)
		return true;
	return find_user_id(effect, effect->event->host_id, &host, err) &&
	       forget_meeting(effect, host, err);
}

static bool note_participant(struct zoom_event_effect *effect, struct error *err)
{
	const struct zoom_event *event = effect->event;
	struct participation participation = {.app_id = effect->app->id,
					      .meeting_id = event->meeting_id,
					      .session = event->participant_session};

	if (!find_user_id(effect, event->participant_user_id, &participation.connection_id, err))
		return false;
	return participation.connection_id == 0 ||
	       participant_note(effect->db, &participation,
				event->kind == ZOOM_EVENT_PARTICIPANT_JOINED, effect->at, err);
}

/* Meetings under the old personal meeting id are not this user's any more. */
static bool move_pmi(struct zoom_event_effect *effect, const struct connection *connection,
		     struct error *err)
{
	const int64_t old_pmi = connection->pmi, new_pmi = effect->event->pmi;
	const bool is_news = effect->at >= connection->pmi_at;

	if (is_news && old_pmi != 0 && old_pmi != new_pmi &&
	    !meeting_forget_if_known(effect->db, effect->app->id, old_pmi, effect->at, err))
		return false;
	return connection_learn_pmi(effect->db, connection->id, new_pmi, effect->at, err);
}

static bool update_user(struct zoom_event_effect *effect, struct error *err)
{
	const struct zoom_event *event = effect->event;
	struct connection connection;
	bool is_ours;

	if (!find_user(effect, event->user_id, &is_ours, &connection, err))
		return false;
	if (!is_ours)
		return true;
	if (event->has_pmi && !move_pmi(effect, &connection, err))
		return false;
	return event->personal_url == NULL ||
	       connection_learn_personal_name(effect->db, connection.id,
					      personal_name_of_url(effect->arena,
								   event->personal_url),
					      effect->at, err);
}

static bool probe(struct zoom_event_effect *effect, const struct connection *connection,
		  struct error *err)
{
	return health_probe(effect->db, effect->arena, connection, effect->now,
			    &effect->wakes_worker, err);
}

static bool find_credentials(struct zoom_event_effect *effect, bool *is_ours,
			     struct connection *connection, struct credentials *credentials,
			     struct error *err)
{
	bool found;

	*credentials = (struct credentials){0};
	if (!find_user(effect, effect->event->user_id, is_ours, connection, err))
		return false;
	return !*is_ours || credentials_find(effect->db, effect->arena, connection->id, &found,
					     credentials, err);
}

/* The user has not authorized the app since then, and it is this app that is meant. */
static bool is_conclusive(const struct zoom_event_effect *effect,
			  const struct credentials *credentials)
{
	const char *client_id = effect->event->client_id;

	return effect->at >= credentials->authorized_at &&
	       (client_id == NULL || strcmp(client_id, effect->app->client_id) == 0);
}

static bool lose_user(struct zoom_event_effect *effect, struct error *err)
{
	struct connection connection;
	struct credentials credentials;
	bool is_ours;

	if (!find_credentials(effect, &is_ours, &connection, &credentials, err))
		return false;
	if (!is_ours)
		return true;
	if (!is_conclusive(effect, &credentials))
		return probe(effect, &connection, err);
	if (effect->event->kind == ZOOM_EVENT_APP_DEAUTHORIZED)
		return health_disconnect_and_erase(effect->db, connection.id,
						   FAILURE_APP_DEAUTHORIZED,
						   "the user removed the app at Zoom", effect->now,
						   err);
	return health_disconnect(effect->db, connection.id, FAILURE_USER_GONE,
				 arena_printf(effect->arena, "Zoom reported %s of this user",
					      effect->event->name),
				 effect->now, err);
}

bool zoom_event_probe(struct zoom_event_effect *effect, struct error *err)
{
	struct connection connection;
	bool is_ours;

	return find_user(effect, effect->event->user_id, &is_ours, &connection, err) &&
	       (!is_ours || probe(effect, &connection, err));
}

static bool change_nothing(struct zoom_event_effect *effect, struct error *err)
{
	(void)effect;
	(void)err;
	return true;
}

bool zoom_event_apply(struct zoom_event_effect *effect, struct error *err)
{
	static bool (*const effects[])(struct zoom_event_effect *, struct error *) = {
		[ZOOM_EVENT_OTHER] = change_nothing,
		[ZOOM_EVENT_URL_VALIDATION] = change_nothing,
		[ZOOM_EVENT_MEETING_CREATED] = learn_host,
		[ZOOM_EVENT_MEETING_UPDATED] = learn_host,
		[ZOOM_EVENT_MEETING_DELETED] = delete_meeting,
		[ZOOM_EVENT_MEETING_STARTED] = start_meeting,
		[ZOOM_EVENT_MEETING_ENDED] = end_meeting,
		[ZOOM_EVENT_PARTICIPANT_JOINED] = note_participant,
		[ZOOM_EVENT_PARTICIPANT_LEFT] = note_participant,
		[ZOOM_EVENT_USER_UPDATED] = update_user,
		[ZOOM_EVENT_USER_GONE] = lose_user,
		[ZOOM_EVENT_APP_DEAUTHORIZED] = lose_user,
	};

	return effects[effect->event->kind](effect, err);
}
