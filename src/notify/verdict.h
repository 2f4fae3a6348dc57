/*
 * What becomes of a delivery, and of its webhook, after an attempt: when it is tried again, whether it
 * is given up, whether the webhook rests or is disabled. Pure: values in, value out.
 *
 * A delivery has ten attempts within 75 hours. A webhook that does not answer is not hammered by all
 * of its deliveries: after a few failures in a row it rests as a whole, longer each time, and one
 * delivery then finds out whether it is back.
 */
#ifndef NOTIFY_VERDICT_H
#define NOTIFY_VERDICT_H

#include "base/clock.h"
#include "store/delivery.h"
#include "store/webhook.h"

#include <stdbool.h>
#include <stdint.h>

enum { DELIVERY_ATTEMPTS_MAX = 10 };

/* How an attempt went. */
struct attempt {
	instant began_at, ended_at;
	int status;              /* 0: no answer came */
	const char *retry_after; /* the header; NULL: there was none */
	const char *answer;      /* the first bytes of its body; NULL: no answer came */
	const char *error;       /* why none came; NULL where one did */
};

/*
 * Lays the outcome over what was known when it began. *webhook_failed tells that the webhook is to be
 * written with webhook_note_failure(); else the attempt worked. `spread` (0 … 65535) is for the jitter.
 */
void verdict_apply(const struct attempt *attempt, uint32_t spread, struct arena *arena,
		   struct delivery *delivery, struct webhook *webhook, bool *webhook_failed);

/* Seconds until the next attempt after so many that failed (1 …), before the jitter. */
int64_t verdict_wait_s(int attempts);

#endif
