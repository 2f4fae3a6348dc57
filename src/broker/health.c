#include "broker/health.h"

#include "notify/notification.h"
#include "store/app.h"
#include "store/bot_join_flow.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/log_entry.h"
#include "store/refresh_attempt.h"
#include "store/transaction.h"

bool health_disconnect(struct db *db, int64_t connection_id, const char *failure_code,
		       const char *failure_error, instant now, struct error *err)
{
	const struct log_entry entry = {.connection_id = connection_id,
					.at = now,
					.type = LOG_DISCONNECTED,
					.name = failure_code,
					.error = failure_error};
	bool changed;

	return connection_disconnect(db, connection_id, failure_code, failure_error, now, &changed,
				     err) &&
	       (!changed || (log_entry_add(db, &entry, err) &&
			     bot_join_flow_leave_token(db, connection_id, now, err) &&
			     notification_of_connection(db, connection_id, now, err))) &&
	       credentials_park(db, connection_id, err);
}

bool health_disconnect_and_erase(struct db *db, int64_t connection_id, const char *failure_code,
				 const char *failure_error, instant now, struct error *err)
{
	return health_disconnect(db, connection_id, failure_code, failure_error, now, err) &&
	       credentials_erase(db, connection_id, err) &&
	       refresh_attempt_remove_all(db, connection_id, err);
}

bool health_reconnect(struct db *db, int64_t connection_id, instant now, struct error *err)
{
	const struct log_entry entry = {.connection_id = connection_id,
					.at = now,
					.type = LOG_RECONNECTED};
	bool changed;

	return connection_reconnect(db, connection_id, now, &changed, err) &&
	       (!changed || (log_entry_add(db, &entry, err) &&
			     bot_join_flow_return_to_token(db, connection_id, now, err) &&
			     notification_of_connection(db, connection_id, now, err)));
}

bool health_refreshed(struct db *db, int64_t connection_id, instant asked_at, instant now,
		      struct error *err)
{
	bool has_gone;

	if (!connection_has_failed_since(db, connection_id, FAILURE_USER_GONE, asked_at, now,
					 &has_gone, err))
		return false;
	if (!has_gone)
		return health_reconnect(db, connection_id, now, err);
	transaction_ring(db);
	return credentials_schedule_refresh(db, connection_id, now, err);
}

/* *changed tells whether the app was not taken so before. */
static bool take_app(struct db *db, int64_t app_id, bool is_active, instant now, bool *changed,
		     struct error *err)
{
	const struct log_entry entry = {.app_id = app_id,
					.at = now,
					.type = is_active ? LOG_CREDENTIALS_ACCEPTED
							  : LOG_CREDENTIALS_INVALID};

	return app_set_active(db, app_id, is_active, now, changed, err) &&
	       (!*changed ||
		(log_entry_add(db, &entry, err) && notification_of_app(db, app_id, now, err)));
}

bool health_probe(struct db *db, struct arena *arena, const struct connection *connection,
		  instant now, bool *wakes_worker, struct error *err)
{
	struct credentials credentials;
	instant at = now;
	bool found;

	if (!connection->is_connected)
		return true;
	if (!credentials_find(db, arena, connection->id, &found, &credentials, err))
		return false;
	if (!found)
		return true;
	if (credentials.refresh_attempts > 0)
		at = now + MINUTE;
	else if (credentials.refreshed_at > credentials.authorized_at &&
		 credentials.refreshed_at + MINUTE > now)
		at = credentials.refreshed_at + MINUTE;
	*wakes_worker = true;
	return credentials_schedule_refresh(db, connection->id, at, err);
}

bool health_app_refused(struct db *db, int64_t app_id, instant now, struct error *err)
{
	bool changed;

	return take_app(db, app_id, false, now, &changed, err);
}

bool health_app_accepted(struct db *db, int64_t app_id, instant now, struct error *err)
{
	bool changed;

	return take_app(db, app_id, true, now, &changed, err) &&
	       credentials_retry_postponed(db, app_id, now, err) &&
	       connection_retry_failed_syncs(db, app_id, now, err);
}

bool health_app_answered(struct db *db, int64_t app_id, instant now, struct error *err)
{
	bool changed;

	if (!take_app(db, app_id, true, now, &changed, err))
		return false;
	return !changed || health_app_accepted(db, app_id, now, err);
}
