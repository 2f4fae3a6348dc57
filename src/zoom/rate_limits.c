#include "zoom/rate_limits.h"

/* When it ends; 0: it has, or it was noted by a clock that has been set back since. */
static instant end_of(const struct rate_limit *limit, instant now)
{
	return limit->noted_at <= now && limit->until > now ? limit->until : 0;
}

bool rate_limits_find(const struct rate_limits *limits, uint64_t subject, instant now,
		      instant *until)
{
	for (int i = 0; i < RATE_LIMITS_MAX; i++)
		if (limits->limits[i].subject == subject) {
			*until = end_of(&limits->limits[i], now);
			return *until != 0;
		}
	return false;
}

void rate_limits_note(struct rate_limits *limits, uint64_t subject, instant now, instant until)
{
	struct rate_limit *place = &limits->limits[0];

	if (until < now + RATE_LIMIT_S_MIN * SECOND)
		return;
	for (int i = 0; i < RATE_LIMITS_MAX && place->subject != subject; i++)
		if (limits->limits[i].subject == subject ||
		    end_of(&limits->limits[i], now) < end_of(place, now))
			place = &limits->limits[i];
	*place = (struct rate_limit){subject, now, until};
}
