/*
 * Places where the fault tests (tests/faults) make a process die, stop or wait, in builds with
 * -DHALLPASS_FAILPOINTS; in every other build nothing at all.
 *
 * One is armed by a file `failpoint` in the process's working directory that holds its name and what
 * is to happen, "refresh.answered kill". The first process that gets there takes it: the file is
 * `failpoint.taken` then and holds "refresh.answered kill PID".
 *
 *	kill   SIGKILL
 *	stop   SIGSTOP, of all the process's threads
 *	pause  the one thread waits until there is a file `failpoint.go`, a minute at most
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include "base/clock.h"

#include <stddef.h>

#ifdef HALLPASS_FAILPOINTS

void failpoint(const char *name);

/* By how much the system's clock is wrong: seconds in a file `failpoint.clock`; 0 where there is none. */
instant failpoint_clock_error(void);

/* Where those files are; NULL in every other build. */
const char *failpoint_folder(void);

/* What has patience for minutes has it for seconds, lest its end be waited for as long. */
int64_t failpoint_shorten(int64_t ms);

#else

static inline void failpoint(const char *name)
{
	(void)name;
}

static inline instant failpoint_clock_error(void)
{
	return 0;
}

static inline const char *failpoint_folder(void)
{
	return NULL;
}

static inline int64_t failpoint_shorten(int64_t ms)
{
	return ms;
}

#endif

#endif
