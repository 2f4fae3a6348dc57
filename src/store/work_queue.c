#include "store/work_queue.h"

#include "store/authorization.h"
#include "store/bot_queue.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/delivery.h"

/*
 * The worker gives what ran out while it was down a lease more, and nobody else knows since when it is up; by the
 * time of who asks, a worker that is dead would look well whenever that one has just been started.
 */
static bool next_lease_at(struct db *db, instant *at, struct error *err)
{
	return bot_queue_next_at(db, 0, at, err);
}

const struct work_queue work_queues[WORK_QUEUE_COUNT] = {
	{"authorization_finish", .needs_zoom = true, .next_due = authorization_next_due},
	{"token_upkeep", .needs_zoom = true, .next_due = credentials_next_refresh},
	{"meeting_sync", .needs_zoom = true, .next_due = connection_next_sync},
	{"bot_lease", .waits_for_runners = true, .next_due = next_lease_at},
	{"webhook_delivery", .next_due = delivery_due_since},
};

bool work_queue_delay(const struct work_queue *queue, struct db *db, instant now, instant *delay,
		      struct error *err)
{
	instant at;

	if (!queue->next_due(db, &at, err))
		return false;
	*delay = at != 0 && at < now ? now - at : 0;
	return true;
}
