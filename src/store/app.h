/* Apps: a customer's Zoom General App (table zoom_oauth_apps). */
#ifndef STORE_APP_H
#define STORE_APP_H

#include "base/clock.h"
#include "store/db.h"
#include "store/page.h"

struct app {
	int64_t id;
	const char *public_id; /* "zoapp_…" */
	int64_t project_id;
	const char *name; /* NULL: none */
	const char *client_id;
	struct sealed client_secret, webhook_secret; /* the latter may be none */
	bool is_active;                              /* else Zoom refuses its credentials */
	instant last_verified_webhook_at;            /* 0: never, here and below */
	instant last_rejected_webhook_at;
	instant last_url_validation_at;
	instant created_at, updated_at;
};

/* Where a secret of an app is sealed to. */
struct seal_place app_client_secret_place(const struct app *app);
struct seal_place app_webhook_secret_place(const struct app *app);

/* All finds: *found is false where there is none; strings live in the arena. */
bool app_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
	      bool *found, struct app *app, struct error *err) MUST_CHECK;
bool app_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found, struct app *app,
		    struct error *err) MUST_CHECK;
bool app_find_by_client_id(struct db *db, struct arena *arena, int64_t project_id,
			   const char *client_id, bool *found, struct app *app, struct error *err)
	MUST_CHECK;

/* In any project: for Zoom's events, whose address names it. */
bool app_find_anywhere(struct db *db, struct arena *arena, const char *public_id, bool *found,
		       struct app *app, struct error *err) MUST_CHECK;

/*
 * The apps of any project that an event on the shared address may be meant for: those of the client
 * id; where that is NULL those with a connection in the account or of the user; where both are NULL
 * too, all that have a webhook secret. The newest APP_CANDIDATES_MAX of them.
 */
enum { APP_CANDIDATES_MAX = 1000 };
bool app_list_candidates(struct db *db, struct arena *arena, const char *client_id,
			 const char *account_id, const char *zoom_user_id, struct app **apps,
			 int *count, struct error *err) MUST_CHECK;

bool app_list(struct db *db, struct arena *arena, int64_t project_id, const struct page *page,
	      struct app **apps, int *count, bool *has_newer, bool *has_older, struct error *err)
	MUST_CHECK;

/* How many apps the project has, and the only one's id where it is one. */
bool app_count(struct db *db, int64_t project_id, int64_t *count, int64_t *some_id,
	       struct error *err) MUST_CHECK;

/*
 * In all projects: the public ids of the first that Zoom refuses, and of the first that have a webhook
 * secret and whose address Zoom has not validated since then.
 */
enum { APPS_LISTED_MAX = 6 };
bool app_list_refused(struct db *db, struct arena *arena, const char *ids[static APPS_LISTED_MAX],
		      size_t *count, struct error *err) MUST_CHECK;
bool app_list_unvalidated(struct db *db, struct arena *arena, instant since,
			  const char *ids[static APPS_LISTED_MAX], size_t *count, struct error *err)
	MUST_CHECK;

/* Writes all but id; app->public_id is the caller's, so that the secrets could be sealed to it. */
bool app_add(struct db *db, struct app *app, struct error *err) MUST_CHECK;

/* Writes name, secrets, state and updated_at of app->id. */
bool app_change(struct db *db, const struct app *app, struct error *err) MUST_CHECK;

/* Takes the app for refused by Zoom, or not; *changed tells whether that is news. */
bool app_set_active(struct db *db, int64_t id, bool is_active, instant now, bool *changed,
		    struct error *err) MUST_CHECK;

/* ERROR_CONFLICT with code app_has_connections while it has any. */
bool app_remove(struct db *db, int64_t id, struct error *err) MUST_CHECK;

/*
 * Whether the app is there and its webhook secret is still the one that was sealed so: each sealing is
 * another text, even of the same secret, so that no clock is needed to tell.
 */
bool app_has_webhook_secret(struct db *db, int64_t id, struct sealed webhook_secret, bool *has,
			    struct error *err) MUST_CHECK;

/* An event came whose signature was right (written at most once a second), or wrong. */
bool app_note_verified_webhook(struct db *db, int64_t id, instant now, struct error *err)
	MUST_CHECK;
bool app_note_rejected_webhook(struct db *db, int64_t id, instant now, struct error *err)
	MUST_CHECK;
bool app_note_url_validation(struct db *db, int64_t id, instant now, struct error *err) MUST_CHECK;

#endif
