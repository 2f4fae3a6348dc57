/*
 * What Zoom has said to leave alone for a while: a daily limit lasts for hours, in which asking again for
 * each bot would be of no use to anybody. Of one process, shared by its threads; all zero is empty. Who
 * fills it up makes it forget what ends soonest: that costs a question.
 */
#ifndef ZOOM_RATE_LIMITS_H
#define ZOOM_RATE_LIMITS_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	RATE_LIMITS_MAX = 256,
	/* One that is over sooner is that of a second, and no two who ask need meet it. */
	RATE_LIMIT_S_MIN = 10,
};

struct rate_limits {
	struct rate_limit {
		uint64_t subject; /* on whose behalf was asked, and for what; 0: free */
		instant noted_at, until;
	} limits[RATE_LIMITS_MAX];
};

/*
 * Whether it is to be left alone now; then *until is how long. Where the clock was set back since it was noted
 * nobody knows how long, and Zoom says it once more.
 */
bool rate_limits_find(const struct rate_limits *limits, uint64_t subject, instant now,
		      instant *until);

/* Zoom wants to be asked again at `until`, as it says; 0: it does not say. */
void rate_limits_note(struct rate_limits *limits, uint64_t subject, instant now, instant until);

#endif
