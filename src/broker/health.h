/*
 * How a connection and an app stand: the one place where they are taken for broken and for mended.
 * Each function here runs inside the caller's transaction, so that state, failure data, credentials
 * and whatever hangs on them change together, once, however many saw the failure.
 */
#ifndef BROKER_HEALTH_H
#define BROKER_HEALTH_H

#include "base/clock.h"
#include "store/connection.h"
#include "store/db.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * failure_code of connection_failure_data: Zoom says that the authorization is dead; it says so after a
 * refresh of ours was cut off, or after a newer authorization of the same user was; the user removed
 * the app at Zoom; the user was deactivated or deleted there, or has left the account.
 */
#define FAILURE_INVALID_GRANT             "invalid_grant"
#define FAILURE_REFRESH_INTERRUPTED       "refresh_interrupted"
#define FAILURE_AUTHORIZATION_INTERRUPTED "authorization_interrupted"
#define FAILURE_APP_DEAUTHORIZED          "app_deauthorized"
#define FAILURE_USER_GONE                 "user_deactivated"

/* Keeps the credentials, in case it turns out to be wrong, but renews them no more. */
bool health_disconnect(struct db *db, int64_t connection_id, const char *failure_code,
		       const char *failure_error, instant now, struct error *err) MUST_CHECK;

/* The same, and erases the credentials. */
bool health_disconnect_and_erase(struct db *db, int64_t connection_id, const char *failure_code,
				 const char *failure_error, instant now, struct error *err)
	MUST_CHECK;

/* The credentials turned out to be good after all, or the user has authorized again. Nothing happens to a connected one. */
bool health_reconnect(struct db *db, int64_t connection_id, instant now, struct error *err)
	MUST_CHECK;

/*
 * Zoom has renewed the credentials, asked at asked_at: the same, unless Zoom has reported since that the user
 * is gone. Then the worker is to ask again, with what that brought.
 */
bool health_refreshed(struct db *db, int64_t connection_id, instant asked_at, instant now,
		      struct error *err) MUST_CHECK;

/*
 * Something speaks against a connection, but proves nothing: the worker is to try its credentials. At
 * once after an authorization, then no sooner than a minute after the latest refresh, and in a minute
 * where Zoom gave no answer lately, so that whoever makes such things up causes one refresh a minute and
 * no more. *wakes_worker is set where there is work after the commit.
 */
bool health_probe(struct db *db, struct arena *arena, const struct connection *connection,
		  instant now, bool *wakes_worker, struct error *err) MUST_CHECK;

/* Zoom refuses the app's client id or secret: no user's fault, so no connection is touched. */
bool health_app_refused(struct db *db, int64_t app_id, instant now, struct error *err) MUST_CHECK;

/* The app has a client secret that Zoom takes: it is active, and what had failed with the old one is tried again. */
bool health_app_accepted(struct db *db, int64_t app_id, instant now, struct error *err) MUST_CHECK;

/* Zoom takes the app's credentials: the same, unless it was active all along. */
bool health_app_answered(struct db *db, int64_t app_id, instant now, struct error *err) MUST_CHECK;

#endif
