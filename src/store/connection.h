/*
 * Connections: one Zoom user's authorization of an app, and what is known of the user (table
 * zoom_oauth_connections). Their tokens are in store/credentials.h.
 */
#ifndef STORE_CONNECTION_H
#define STORE_CONNECTION_H

#include "base/clock.h"
#include "store/db.h"
#include "store/page.h"

struct connection {
	int64_t id;
	const char *public_id; /* "zoauth_…" */
	int64_t project_id, app_id;
	const char *app_public_id;
	const char *zoom_user_id, *account_id, *email; /* the last two may be NULL */
	int64_t pmi;                                   /* 0: none */
	const char *personal_name;                     /* NULL: none */
	instant pmi_at, personal_name_at;              /* when they were known to be so */
	const char *deduplication_key;                 /* NULL: none */
	const char *metadata;                          /* JSON object */
	const char *scopes;                            /* space separated */
	bool is_local_recording_token_supported, is_onbehalf_token_supported;
	bool is_connected;
	const char *failure_code, *failure_error; /* NULL while connected */
	instant failure_at;
	instant last_token_refresh_at;
	instant last_successful_sync_at, last_attempted_sync_at; /* 0: never */
	int sync_attempts;
	instant created_at, updated_at;
};

/* All finds: *found is false where there is none; strings live in the arena. */
bool connection_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
		     bool *found, struct connection *connection, struct error *err) MUST_CHECK;
bool connection_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found,
			   struct connection *connection, struct error *err) MUST_CHECK;
bool connection_find_by_user(struct db *db, struct arena *arena, int64_t app_id,
			     const char *zoom_user_id, bool *found, struct connection *connection,
			     struct error *err) MUST_CHECK;

/* Its id alone; 0 where there is none, and for NULL. */
bool connection_find_id(struct db *db, int64_t app_id, const char *zoom_user_id, int64_t *id,
			struct error *err) MUST_CHECK;

bool connection_find_by_key(struct db *db, struct arena *arena, int64_t app_id,
			    const char *deduplication_key, bool *found,
			    struct connection *connection, struct error *err) MUST_CHECK;

/* Of all apps of the project; a connected one rather than another, then the newest. */
bool connection_find_user_in_project(struct db *db, struct arena *arena, int64_t project_id,
				     const char *zoom_user_id, bool *found,
				     struct connection *connection, struct error *err) MUST_CHECK;
bool connection_find_key_in_project(struct db *db, struct arena *arena, int64_t project_id,
				    const char *deduplication_key, bool *found,
				    struct connection *connection, struct error *err) MUST_CHECK;
bool connection_find_host(struct db *db, struct arena *arena, int64_t project_id,
			  int64_t meeting_id, bool *found, struct connection *connection,
			  struct error *err) MUST_CHECK;
bool connection_find_by_personal_name(struct db *db, struct arena *arena, int64_t project_id,
				      const char *personal_name, bool *found,
				      struct connection *connection, struct error *err) MUST_CHECK;

/* What a list is narrowed to; NULL and 0 narrow nothing. */
struct connection_filter {
	const char *state; /* "connected" or "disconnected" */
	int64_t app_id;
	const char *zoom_user_id, *deduplication_key;
};

bool connection_list(struct db *db, struct arena *arena, int64_t project_id,
		     const struct connection_filter *filter, const struct page *page,
		     struct connection **connections, int *count, bool *has_newer, bool *has_older,
		     struct error *err) MUST_CHECK;

/* Writes a new row, connected, due for a sync now; fills in id, and public_id where it is NULL. */
bool connection_add(struct db *db, struct arena *arena, struct connection *connection, instant now,
		    struct error *err) MUST_CHECK;

/*
 * The user has authorized (again): writes the user's facts, settings and scopes of connection->id,
 * and makes it due for a sync now. Its state is broker/health.h's.
 */
bool connection_reauthorize(struct db *db, const struct connection *connection, instant now,
			    struct error *err) MUST_CHECK;

/* Writes metadata, deduplication_key and the two is_…_supported of connection->id. */
bool connection_change_settings(struct db *db, const struct connection *connection, instant now,
				struct error *err) MUST_CHECK;

/* In all projects: how many are connected and how many are not. */
bool connection_count(struct db *db, int64_t *connected, int64_t *disconnected, struct error *err)
	MUST_CHECK;

/* In all projects: the disconnected ones by why they are, the most frequent first. */
enum { CONNECTION_FAILURES_MAX = 16 }; /* more than there are codes */
struct connection_failure {
	const char *code;
	int64_t count;
};
bool connection_count_failures(struct db *db, struct arena *arena,
			       struct connection_failure failures[static CONNECTION_FAILURES_MAX],
			       size_t *count, struct error *err) MUST_CHECK;

bool connection_remove(struct db *db, int64_t id, struct error *err) MUST_CHECK;

/*
 * The only way to `disconnected`; no sync is due any more. *changed is false where it was so
 * already: the first failure stands.
 */
bool connection_disconnect(struct db *db, int64_t id, const char *failure_code,
			   const char *failure_error, instant now, bool *changed, struct error *err)
	MUST_CHECK;

/* Whether it was disconnected for that reason from `since` to `now`: what is told of later is of another clock. */
bool connection_has_failed_since(struct db *db, int64_t id, const char *failure_code, instant since,
				 instant now, bool *has, struct error *err) MUST_CHECK;

/* The only way back: the credentials turned out to be good, or there are new ones. */
bool connection_reconnect(struct db *db, int64_t id, instant now, bool *changed, struct error *err)
	MUST_CHECK;

/* Each unless something newer is known of it. */
bool connection_learn_pmi(struct db *db, int64_t id, int64_t pmi, instant at, struct error *err)
	MUST_CHECK;
bool connection_learn_personal_name(struct db *db, int64_t id, const char *personal_name,
				    instant at, struct error *err) MUST_CHECK;
bool connection_learn_profile(struct db *db, int64_t id, int64_t pmi, const char *personal_name,
			      instant at, struct error *err) MUST_CHECK;

/* Where they are not known. */
bool connection_learn_scopes(struct db *db, int64_t id, const char *scopes, struct error *err)
	MUST_CHECK;

/*
 * Takes the sync that is due longest, for this worker alone until lease_until: *found is false where
 * none is due.
 */
bool connection_claim_sync(struct db *db, instant now, instant lease_until, bool *found,
			   int64_t *id, struct error *err) MUST_CHECK;

/*
 * How it ended, and when the next one is due. Nothing changes where the claim is gone: the user has
 * authorized anew, so that another sync is due, or was disconnected.
 */
bool connection_finish_sync(struct db *db, int64_t id, instant lease_until, bool worked,
			    instant now, instant next_at, struct error *err) MUST_CHECK;

/* It was not done, and nothing speaks against it: it is due again now. */
bool connection_give_back_sync(struct db *db, int64_t id, instant lease_until, instant now,
			       struct error *err) MUST_CHECK;

/* Those of the app that failed last time are tried at `at`. */
bool connection_retry_failed_syncs(struct db *db, int64_t app_id, instant at, struct error *err)
	MUST_CHECK;

/* When the next sync is due; 0: none is. */
bool connection_next_sync(struct db *db, instant *at, struct error *err) MUST_CHECK;

#endif
