#include "serve/uptime.h"

#include <pthread.h>
#include <stdlib.h>

struct uptime {
	pthread_mutex_t lock; /* over what follows */
	int64_t since_ms;     /* monotonic */
	instant ahead; /* how far the clock was ahead of the monotonic one at the last look */
};

static instant ahead_by(instant now, int64_t monotonic_ms)
{
	return now - monotonic_ms * MILLISECOND;
}

struct uptime *uptime_open(instant now, int64_t monotonic_ms)
{
	struct uptime *uptime = calloc(1, sizeof(*uptime));

	if (uptime == NULL)
		abort();
	pthread_mutex_init(&uptime->lock, NULL);
	uptime->since_ms = monotonic_ms;
	uptime->ahead = ahead_by(now, monotonic_ms);
	return uptime;
}

void uptime_close(struct uptime **uptime)
{
	if (*uptime == NULL)
		return;
	pthread_mutex_destroy(&(*uptime)->lock);
	free(*uptime);
	*uptime = NULL;
}

instant uptime_since(struct uptime *uptime, instant now, int64_t monotonic_ms)
{
	const instant ahead = ahead_by(now, monotonic_ms);
	instant since;

	pthread_mutex_lock(&uptime->lock);
	if (ahead > uptime->ahead + UPTIME_GAP_S * SECOND)
		uptime->since_ms = monotonic_ms;
	uptime->ahead = ahead;
	since = now - (monotonic_ms - uptime->since_ms) * MILLISECOND;
	pthread_mutex_unlock(&uptime->lock);
	return since;
}
