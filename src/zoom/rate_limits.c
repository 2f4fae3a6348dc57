#include "zoom/rate_limits.h"

bool rate_limits_find(const struct rate_limits *limits, uint64_t subject, instant now,
		      instant *until)
{
	for (int i = 0; i < RATE_LIMITS_MAX; i++)
		if (limits->limits[i].subject == subject) {
			*until = limits->limits[i].until;
			return *until > now && *until <= now + DAY;
		}
	return false;
}

void rate_limits_note(struct rate_limits *limits, uint64_t subject, instant now, instant until)
{
	struct rate_limit *place = &limits->limits[0];

	if (until < now + RATE_LIMIT_S_MIN * SECOND)
		return;
	for (int i = 0; i < RATE_LIMITS_MAX && place->subject != subject; i++)
		if (limits->limits[i].subject == subject || limits->limits[i].until < place->until)
			place = &limits->limits[i];
	*place = (struct rate_limit){subject, until};
}
