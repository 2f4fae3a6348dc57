/*
 * Where a responder's requests come from: the socket that it listens on, and the connections that the web
 * server keeps open between its requests. A connection that waits for its next request has no thread; so
 * there may be any number of them, whatever the number of threads is.
 */
#ifndef SERVE_INTAKE_H
#define SERVE_INTAKE_H

#include "base/attr.h"
#include "base/flight.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Above that number a descriptor is not kept open. */
enum { INTAKE_FILES_MAX = 16384 };

enum intake_state { INTAKE_NEW, INTAKE_SERVED, INTAKE_IDLE };

struct intake {
	int listening, poll, stop_event;
	int64_t idle_ms; /* 0: no limit */
	struct flights *flights;
	bool was_kept;        /* what intake_next() gave last */
	bool has_new;         /* somebody may wait to be accepted */
	pthread_mutex_t lock; /* over what follows */
	bool is_stopped, is_idle;
	unsigned open_count;                    /* accepted, and not closed yet */
	int64_t idle_since_ms;                  /* of clock_monotonic_ms(), where open_count is 0 */
	unsigned char states[INTAKE_FILES_MAX]; /* enum intake_state, by descriptor */
};

/*
 * `listening` and `flights` are the caller's. Once it has had no connection open for idle_ms it is over, unless a
 * flight is under way, whose end the program's would have to wait for; 0: never.
 */
void intake_open(struct intake *intake, int listening, int64_t idle_ms, struct flights *flights);
void intake_close(struct intake *intake);

/*
 * The next connection on which a request comes, the caller's from now on; waits for one. *is_kept: it has
 * brought requests before, and brings its next one in a piece. -1 after
 * intake_stop(), once what has come on kept connections is handed out and the others are closed, and once
 * nobody has come for idle_ms; what waits to be accepted is another process's. One thread at a time.
 */
int intake_next(struct intake *intake, bool *is_kept) MUST_CHECK;

/* Gives a connection back whose last request was read to its end and answered. From any thread. */
void intake_keep(struct intake *intake, int connection);

/* Of a connection that the caller has closed instead. From any thread. */
void intake_forget(struct intake *intake);

/* From any thread. */
void intake_stop(struct intake *intake);

/* Whether it is over because nobody has come for idle_ms. From any thread. */
bool intake_is_idle(struct intake *intake);

#endif
