#include "broker/connection_log.h"

bool connection_log_success(struct db *db, int64_t connection_id, enum log_type type, instant now,
			    struct error *err)
{
	const struct log_entry entry = {.connection_id = connection_id, .at = now, .type = type};

	return log_entry_add(db, &entry, err);
}

bool connection_log_failure(struct db *db, int64_t connection_id, enum log_type type,
			    const struct zoom_failure *failure, instant now, struct error *err)
{
	const struct log_entry entry = {
		.connection_id = connection_id,
		.at = now,
		.type = type,
		.name = zoom_failure_name(failure->class),
		.error = failure->reason,
		.zoom_status = failure->status,
		.zoom_code = failure->code,
		.zoom_tracking_id = failure->tracking_id,
	};

	return log_entry_add(db, &entry, err);
}

bool connection_log_refresh_failure(struct db *db, int64_t connection_id,
				    const struct zoom_failure *failure, instant now,
				    struct error *err)
{
	const enum log_type type =
		zoom_failure_is_passing(failure) ? LOG_REFRESH_FAILED : LOG_REFRESH_REFUSED;

	return connection_log_failure(db, connection_id, type, failure, now, err);
}
