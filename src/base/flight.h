/*
 * Single flight within a process: of the threads that want the same thing at the same time, one
 * does it and the others wait for it to be done. What came of it they read where it was put; a
 * short note tells them what cannot be read anywhere, such as why it failed.
 */
#ifndef BASE_FLIGHT_H
#define BASE_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

struct flights;

struct flights *flights_open(void);
void flights_close(struct flights **flights);

enum flight_role {
	FLIGHT_LEADER,    /* nobody else was at it: do it, then flight_land() */
	FLIGHT_LANDED,    /* another thread was at it, and is done now */
	FLIGHT_TIMED_OUT, /* … and is still at it at the deadline */
};

enum { FLIGHT_NOTE_BYTES = 512 };

/*
 * Waits at most until deadline_ms of clock_monotonic_ms(). Where it FLIGHT_LANDED, the leader's note
 * is copied to `note`, which has room for note_bytes (at most FLIGHT_NOTE_BYTES).
 */
enum flight_role flight_join(struct flights *flights, int64_t key, int64_t deadline_ms, void *note,
			     size_t note_bytes);

/* By the leader, always, whether it worked or not. */
void flight_land(struct flights *flights, int64_t key, const void *note, size_t note_bytes);

#endif
