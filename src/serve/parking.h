/*
 * Where the requests of a process wait for a thread that may wait for Zoom. At most so many of its threads
 * do at a time; the requests above that are parked, and their threads go on to accept others. So a slow Zoom
 * never keeps a request waiting that needs no Zoom. What there is no room for does not wait at all, for the
 * same reason: it is answered without Zoom, or refused (http/route.h).
 */
#ifndef SERVE_PARKING_H
#define SERVE_PARKING_H

#include "base/attr.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct parked {
	void *owner;       /* what it is part of, for whoever gets it back */
	size_t body_bytes; /* what its waiting costs in memory, … */
	struct parked *next;
};

struct parking {
	pthread_mutex_t lock; /* over what follows */
	unsigned threads, threads_max, count;
	size_t bytes; /* … where that counts */
	struct parked *first, *last;
};

/* `threads`: as many as the process may have. */
void parking_open(struct parking *parking, long threads);
void parking_close(struct parking *parking);

/* What is parked belongs to another thread then. */
enum place {
	PLACE_TAKEN, /* the caller's thread may wait for Zoom, until parking_next() finds nothing */
	PLACE_PARKED,
	PLACE_NONE, /* neither a thread nor room */
};

enum place parking_enter(struct parking *parking, struct parked *parked) MUST_CHECK;

/*
 * The one that has been parked longest, for a thread that may wait for Zoom. NULL: there is none, and the
 * thread may no longer.
 */
struct parked *parking_next(struct parking *parking) MUST_CHECK;

/* Whether so many threads wait for Zoom, or have just done so, that the memory of their stacks counts. */
bool parking_is_crowded(struct parking *parking) MUST_CHECK;

#endif
