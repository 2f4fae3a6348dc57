/* What waits for the worker, by its job: how late it is tells whether a worker lives, and keeps up. */
#ifndef STORE_WORK_QUEUE_H
#define STORE_WORK_QUEUE_H

#include "base/clock.h"
#include "store/db.h"

struct work_queue {
	const char *job;
	bool needs_zoom;        /* rests while Zoom is not asked */
	bool waits_for_runners; /* rests after a standstill, for as long as their leases are */
	bool (*next_due)(struct db *db, instant *at, struct error *err);
};

enum { WORK_QUEUE_COUNT = 5 };

extern const struct work_queue work_queues[WORK_QUEUE_COUNT];

/*
 * How long the piece that is due longest has been so; 0: none is. A bot's lease that ran out while the worker was
 * down counts until the worker settles it, which it does when it has been up for as long as the lease is.
 */
bool work_queue_delay(const struct work_queue *queue, struct db *db, instant now, instant *delay,
		      struct error *err) MUST_CHECK;

#endif
