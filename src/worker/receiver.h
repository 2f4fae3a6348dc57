/*
 * Who receives what a project's webhooks are told: a host and port, to which any number of webhooks may lead,
 * for each bot may have some of its own. So that one which hangs takes a few posts however many they are, a
 * receiver has as many under way as it deals with: twice as many after each that worked, half as many after
 * one that failed.
 */
#ifndef WORKER_RECEIVER_H
#define WORKER_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RECEIVER_WINDOW_MIN = 8,
	RECEIVER_WINDOW_MAX = 128,
	RECEIVER_SLOW_MS = 1000,        /* without a result while as many as may be are under way */
	RECEIVER_AUTHORITY_BYTES = 280, /* a scheme, a host's name of 253 characters and a port */
};

/* Zeroed: a place that is free. */
struct receiver {
	int user_count; /* who holds it; what it has learnt goes with the last. 0: the place is free */
	int64_t project_id;
	char authority[RECEIVER_AUTHORITY_BYTES]; /* with the scheme */
	int under_way;                            /* posts that are not over */
	int window;                               /* how many may be */
	int64_t result_at_ms; /* when the last one was, or before the first when that began; monotonic */
};

/*
 * Takes hold of the receiver of that URL among the `count` places, of which there are more than users.
 * The URL is one that webhook input accepts.
 */
struct receiver *receiver_hold(struct receiver *places, int count, int64_t project_id,
			       const char *url);

/* *receiver is NULL then; it may be before. */
void receiver_release(struct receiver **receiver);

/* Whether there is room beside those under way and `starting` more. */
bool receiver_has_room(const struct receiver *receiver, int starting);

void receiver_note_start(struct receiver *receiver, int64_t now_ms);
void receiver_note_result(struct receiver *receiver, bool has_failed, int64_t now_ms);

/* It has not worked lately, as far as is known. */
bool receiver_is_doubtful(const struct receiver *receiver);

/* How many posts are under way to those of the project's receivers that are doubtful. */
int receiver_count_doubtful(const struct receiver *places, int count, int64_t project_id);

/* It has no room, and has had no result for so long that nobody is to wait for one. */
bool receiver_is_slow(const struct receiver *receiver, int64_t now_ms);

#endif
