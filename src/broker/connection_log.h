/* What Zoom answered for a connection, into its log (store/log_entry.h). */
#ifndef BROKER_CONNECTION_LOG_H
#define BROKER_CONNECTION_LOG_H

#include "store/log_entry.h"
#include "zoom/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* Inside the caller's transaction, as all here. */
bool connection_log_success(struct db *db, int64_t connection_id, enum log_type type, instant now,
			    struct error *err) MUST_CHECK;

/* With Zoom's words, status, code and tracking id, as far as it answered. */
bool connection_log_failure(struct db *db, int64_t connection_id, enum log_type type,
			    const struct zoom_failure *failure, instant now, struct error *err)
	MUST_CHECK;

/* A refresh that brought nothing: refused for good, or failed for a reason that passes. */
bool connection_log_refresh_failure(struct db *db, int64_t connection_id,
				    const struct zoom_failure *failure, instant now,
				    struct error *err) MUST_CHECK;

#endif
