/*
 * Since when a process has been up without a gap, which is how long whoever calls could be heard. A gap is
 * also that the machine slept, and that its clock was set forward: by the clock it is the same.
 */
#ifndef SERVE_UPTIME_H
#define SERVE_UPTIME_H

#include "base/clock.h"

struct uptime;

/* That is further ahead from one look to the next than any clock is slow. */
enum { UPTIME_GAP_S = 5 };

/* From now on, which clock_monotonic_ms() tells as `monotonic_ms`. */
struct uptime *uptime_open(instant now, int64_t monotonic_ms);

/* NULL is none. */
void uptime_close(struct uptime **uptime);

/* By the clock as it is now, however it was set since. A gap is noticed by who looks first after it; any thread. */
instant uptime_since(struct uptime *uptime, instant now, int64_t monotonic_ms);

#endif
