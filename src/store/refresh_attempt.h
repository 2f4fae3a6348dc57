/*
 * Refreshes that Zoom may have seen and that nobody has recorded an answer to (table
 * zoom_oauth_refresh_attempts). See src/broker/refresh.h.
 */
#ifndef STORE_REFRESH_ATTEMPT_H
#define STORE_REFRESH_ATTEMPT_H

#include "base/clock.h"
#include "store/db.h"

struct refresh_attempt {
	int64_t holder; /* the attempt's own number; 0: it is known that no answer will come */
	instant started_at;
};

bool refresh_attempt_add(struct db *db, int64_t connection_id, int64_t holder, instant now,
			 struct error *err) MUST_CHECK;

/* The holder's: its answer is recorded. */
bool refresh_attempt_remove(struct db *db, int64_t connection_id, int64_t holder, struct error *err)
	MUST_CHECK;

/* All of the connection's: there are new tokens, or none any more. */
bool refresh_attempt_remove_all(struct db *db, int64_t connection_id, struct error *err) MUST_CHECK;

/* The holder's: no answer will come, but Zoom may have acted. */
bool refresh_attempt_lose(struct db *db, int64_t connection_id, int64_t holder, struct error *err)
	MUST_CHECK;

/* One of before the connection had these tokens, of which no answer will come; an older one stays. */
bool refresh_attempt_add_lost(struct db *db, int64_t connection_id, instant started_at,
			      struct error *err) MUST_CHECK;

/* Those of everybody but the holder, oldest first; inside a transaction, so that none comes between. */
bool refresh_attempt_list_others(struct db *db, struct arena *arena, int64_t connection_id,
				 int64_t holder, struct refresh_attempt **attempts, int *count,
				 struct error *err) MUST_CHECK;

#endif
