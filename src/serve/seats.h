/*
 * The threads of a responder. One of them at a time has the turn to accept, and passes it on before it
 * waits for anything; the others sit on a stack, so that a request wakes one thread rather than all of
 * them, and the one whose memory is warmest. Where none sits another one is started, as long as there may
 * be more, and who sits for long goes: a program has as many threads as it had requests at once lately.
 */
#ifndef SERVE_SEATS_H
#define SERVE_SEATS_H

#include "base/attr.h"
#include "serve/process.h"

#include <pthread.h>
#include <stdbool.h>

enum call {
	CALLED_TO_ACCEPT = 1,
	CALLED_TO_LEAD, /* a group of store/group_commit.h */
	SENT_HOME,
};

/* What each thread does, with the seats' `argument`; the last that it does is seat_give_up(). */
typedef void *seats_thread(void *argument);

struct seats {
	const struct process *process;
	seats_thread *run;
	void *argument;
	pthread_mutex_t lock; /* over what follows */
	long thread_count, threads_max;
	long thread_count_max; /* since memory was given back */
	pthread_cond_t all_are_gone;
	pthread_t gone; /* the last one that went, to be joined */
	bool has_gone;
	bool lacks_threads; /* one could not be started, and that was said */
	bool is_over;       /* nothing comes any more */
	bool is_turn_taken;
	struct seat *top;
};

/* Of a thread. */
struct seat {
	struct seats *seats;
	bool has_turn;
	pthread_cond_t called; /* while it has nothing to do */
	enum call call;
	struct seat *below;
};

/* Nobody sits yet. `process`, which is open, and `argument` outlive the seats. */
void seats_open(struct seats *seats, const struct process *process, seats_thread *run,
		void *argument);

/* Once all are gone. */
void seats_close(struct seats *seats);

/* Starts the first thread, which starts the others as they are needed; the log has why it fails. */
bool seats_start(struct seats *seats) MUST_CHECK;

/* Nothing comes any more: no other thread is started. */
void seats_be_over(struct seats *seats);

/* Until all are gone, those too that are started meanwhile. */
void seats_wait(struct seats *seats);

/* Has a thread that sits lead a group; false where none does. */
bool seats_call_to_lead(struct seats *seats) MUST_CHECK;

/* By its own thread, as all that follows. */
void seat_open(struct seat *seat, struct seats *seats);

/* Returns with the turn to accept, called to lead a group, or sent home. */
enum call seat_sit(struct seat *seat) MUST_CHECK;

/* `thread`: a seat. Does nothing where it does not have the turn. */
void seat_pass_turn(void *thread);

/* The end of the thread. */
void seat_give_up(struct seat *seat);

#endif
