/*
 * Which bot something is to be done for next: one that is due and that a runner may have, one whose
 * runner gave no sign of life, one that has waited long enough for its on-behalf user.
 */
#ifndef STORE_BOT_QUEUE_H
#define STORE_BOT_QUEUE_H

#include "base/clock.h"
#include "store/db.h"

/* Of all finds: *found is false where there is none; a project_id of 0 looks in all projects. */

/* The one that is due longest; one that is held only where its on-behalf user is known to be there. */
bool bot_queue_find_due(struct db *db, int64_t project_id, instant now, bool *found,
			int64_t *bot_id, struct error *err) MUST_CHECK;

/* In all projects: how many have not begun to join, and are late for it. */
bool bot_queue_count_due(struct db *db, instant now, int64_t *count, struct error *err) MUST_CHECK;

/*
 * The one whose lease ran out first. Nobody could give a sign of life before `heard_since`: a lease that ran
 * out by then does so anew, as long after it as the lease is. 0: they always could.
 */
bool bot_queue_find_lost(struct db *db, int64_t project_id, instant now, instant heard_since,
			 bool *found, int64_t *bot_id, struct error *err) MUST_CHECK;

/* The one whose hold ran out first. */
bool bot_queue_find_kept_waiting(struct db *db, int64_t project_id, instant now, bool *found,
				 int64_t *bot_id, struct error *err) MUST_CHECK;

/* When the next lease or hold runs out, in the same sense; 0: none does. */
bool bot_queue_next_at(struct db *db, instant heard_since, instant *at, struct error *err)
	MUST_CHECK;

#endif
