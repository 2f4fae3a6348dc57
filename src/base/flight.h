/*
 * Single flight within a process: of the threads that want the same thing at the same time, the first
 * has it done, on a thread of its own, and all wait for it, each until its own deadline. A flight goes on
 * to its end whoever still waits for it. What came of it they read where it was put; a short note tells
 * them what cannot be read anywhere, such as why it failed.
 */
#ifndef BASE_FLIGHT_H
#define BASE_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flights;

struct flights *flights_open(void);

bool flights_are_under_way(struct flights *flights);

/* Until none is under way. Who can begin one must be gone. */
void flights_await(struct flights *flights);

/* The same, and the end of them. */
void flights_close(struct flights **flights);

enum { FLIGHT_CARGO_BYTES = 512, FLIGHT_NOTE_BYTES = 1536 };

/* What is to be done, with a copy of `cargo`; whoever had it begun may be gone before it ends. */
struct flight_plan {
	void (*fly)(void *cargo, void *note);
	const void *cargo;
	size_t cargo_bytes, note_bytes;
};

enum flight_end {
	FLIGHT_LANDED,          /* it was begun for who asks, … */
	FLIGHT_OF_OTHER_LANDED, /* … or was under way */
	FLIGHT_TIMED_OUT,       /* it is still under way at the deadline */
};

/*
 * Waits at most until deadline_ms of clock_monotonic_ms() for the key's flight, which is begun where
 * there is none. Where it landed its note is copied to `note`.
 */
enum flight_end flight_join(struct flights *flights, int64_t key, const struct flight_plan *plan,
			    int64_t deadline_ms, void *note);

#endif
