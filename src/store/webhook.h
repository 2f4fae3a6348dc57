/*
 * Where a project's programs want to hear what happens, how that goes, and which worker is at it
 * (table webhooks). What is to be told is in store/delivery.h.
 *
 * A worker holds a webhook while it sends what is due there, so that nobody else does. due_at is then
 * the end of its lease; else it says when something is to be sent.
 */
#ifndef STORE_WEBHOOK_H
#define STORE_WEBHOOK_H

#include "base/clock.h"
#include "base/keyring.h"
#include "store/db.h"
#include "store/page.h"

#include <stddef.h>

#define TRIGGER_CONNECTION_STATE_CHANGE "zoom_oauth_connection.state_change"
#define TRIGGER_APP_STATE_CHANGE        "zoom_oauth_app.state_change"
#define TRIGGER_BOT_STATE_CHANGE        "bot.state_change"

/* Each change is written once for each of them. */
enum { WEBHOOKS_OF_PROJECT_MAX = 20, WEBHOOKS_OF_BOT_MAX = 2 };

enum { WEBHOOK_FORMER_SECRETS_MAX = 4 };

/* All that can be subscribed to, and what a bot's own webhooks can hear of; NULL last. */
extern const char *const webhook_triggers[], *const webhook_triggers_of_bot[];

/* disabled_reason: the receiver answered 410; it failed for days on end; the customer said so. */
#define WEBHOOK_GONE       "gone"
#define WEBHOOK_FAILING    "failing"
#define WEBHOOK_BY_REQUEST "by_request"

struct webhook {
	int64_t id;
	const char *public_id; /* "wh_…" */
	int64_t project_id;
	int64_t bot_id;            /* 0: it hears of the whole project, else of this bot */
	const char *bot_public_id; /* NULL for 0 */
	const char *url;
	const char *triggers; /* space separated */
	struct sealed secret;
	struct sealed
		former_secret; /* none; or those, with spaces between, that sign as well until: */
	instant former_secret_until;
	instant disabled_at; /* 0: it is told */
	const char *disabled_reason;
	instant failing_since; /* 0: the last try worked */
	int failures;          /* in a row */
	int pauses;            /* in a row */
	instant paused_until;  /* 0: not at all */
	int64_t holder;        /* 0: no worker's */
	instant created_at, updated_at;
};

/* Where its secrets are sealed to. */
struct seal_place webhook_secret_place(const struct webhook *webhook);
struct seal_place webhook_former_secret_place(const struct webhook *webhook);

bool webhook_has_trigger(const struct webhook *webhook, const char *trigger);

/* Both finds: *found is false where there is none; strings live in the arena. */
bool webhook_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
		  bool *found, struct webhook *webhook, struct error *err) MUST_CHECK;
bool webhook_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found,
			struct webhook *webhook, struct error *err) MUST_CHECK;

/* Those of the bot, or for bot_id 0 those of the project as a whole. */
bool webhook_list(struct db *db, struct arena *arena, int64_t project_id, int64_t bot_id,
		  const struct page *page, struct webhook **webhooks, int *count, bool *has_newer,
		  bool *has_older, struct error *err) MUST_CHECK;

/* How many webhooks the project as a whole has. */
bool webhook_count(struct db *db, int64_t project_id, int64_t *count, struct error *err) MUST_CHECK;

/* Writes a new row; fills in id. public_id is the caller's, so that the secret could be sealed to it. */
bool webhook_add(struct db *db, struct webhook *webhook, struct error *err) MUST_CHECK;

/* Writes url, triggers, secrets, the two of disabled, what is known of failures, and updated_at of webhook->id. */
bool webhook_change(struct db *db, const struct webhook *webhook, struct error *err) MUST_CHECK;

/* With all its deliveries. */
bool webhook_remove(struct db *db, int64_t id, struct error *err) MUST_CHECK;

/* Something is to be sent at `at`, or once its pause is over. The commit wakes the worker. */
bool webhook_note_due(struct db *db, int64_t id, instant at, struct error *err) MUST_CHECK;

/* When a worker is to look after one; 0: none is due ever. */
bool webhook_next_due(struct db *db, instant *at, struct error *err) MUST_CHECK;

/* Takes up to `limit` that are due for the holder alone until lease_until. */
bool webhook_claim_due(struct db *db, int64_t holder, instant now, instant lease_until, int limit,
		       int64_t *ids, int *count, struct error *err) MUST_CHECK;

/* All that the holder has: its lease goes on. */
bool webhook_renew(struct db *db, int64_t holder, instant lease_until, struct error *err)
	MUST_CHECK;

/* The holder has nothing to send there now; the next delivery says when it is due again. */
bool webhook_release(struct db *db, int64_t id, int64_t holder, struct error *err) MUST_CHECK;

/* Releases it with something due, which is looked at from `until` on. */
bool webhook_put_back(struct db *db, int64_t id, int64_t holder, instant until, struct error *err)
	MUST_CHECK;

/* Nobody's any more and due now: whoever held them is gone, or ends. */
bool webhook_release_all(struct db *db, int64_t holder, instant now, struct error *err) MUST_CHECK;

/* The next holder of any webhook after that number; 0: there is none. */
bool webhook_next_holder(struct db *db, int64_t after, int64_t *holder, struct error *err)
	MUST_CHECK;

/* A try worked: whatever had failed before is forgotten. */
bool webhook_note_success(struct db *db, int64_t id, struct error *err) MUST_CHECK;

/* A try failed: writes failing_since, failures, pauses, paused_until and the two of disabled. */
bool webhook_note_failure(struct db *db, const struct webhook *webhook, struct error *err)
	MUST_CHECK;

#endif
