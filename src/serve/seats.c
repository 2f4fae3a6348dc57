#include "serve/seats.h"

#include <string.h>
#include <time.h>

enum {
	SEATED_S_MAX = 20, /* without a call; the last one that sits stays */
	CROWD_MIN = 16,    /* threads that leave memory behind which is worth being given back */
};

void seats_open(struct seats *seats, const struct process *process, seats_thread *run,
		void *argument)
{
	*seats = (struct seats){.process = process,
				.run = run,
				.argument = argument,
				.threads_max = process->config.threads};
	pthread_mutex_init(&seats->lock, NULL);
	pthread_cond_init(&seats->all_are_gone, NULL);
}

void seats_close(struct seats *seats)
{
	pthread_cond_destroy(&seats->all_are_gone);
	pthread_mutex_destroy(&seats->lock);
}

/* Without it the others have more to do. With the lock. */
static int start_thread(struct seats *seats)
{
	pthread_t id;
	const int failure = pthread_create(&id, NULL, seats->run, seats->argument);
	const struct log_field fields[] = {
		{"threads", NULL, seats->thread_count},
		{"error", strerror(failure), 0},
		{NULL, NULL, 0},
	};

	if (failure == 0)
		seats->thread_count++;
	if (seats->thread_count > seats->thread_count_max)
		seats->thread_count_max = seats->thread_count;
	if (failure != 0 && !seats->lacks_threads)
		log_write(&seats->process->log, LOG_ERROR, "no more threads", fields);
	seats->lacks_threads = failure != 0;
	return failure;
}

/*
 * Calls whoever sat down last; false where nobody sits, and then one is started if it may be, for the
 * next call. With the lock.
 */
static bool call_from_seat(struct seats *seats, enum call call)
{
	struct seat *seat = seats->top;

	if (seat == NULL) {
		if (seats->thread_count < seats->threads_max && !seats->is_over)
			start_thread(seats);
		return false;
	}
	seats->top = seat->below;
	seat->call = call;
	pthread_cond_signal(&seat->called);
	return true;
}

bool seats_start(struct seats *seats)
{
	int failure;

	pthread_mutex_lock(&seats->lock);
	failure = start_thread(seats);
	pthread_mutex_unlock(&seats->lock);
	return failure == 0;
}

void seats_be_over(struct seats *seats)
{
	pthread_mutex_lock(&seats->lock);
	seats->is_over = true;
	pthread_mutex_unlock(&seats->lock);
}

/* Those too that are started meanwhile: once none is left nobody starts another. */
void seats_wait(struct seats *seats)
{
	pthread_mutex_lock(&seats->lock);
	while (seats->thread_count > 0)
		pthread_cond_wait(&seats->all_are_gone, &seats->lock);
	pthread_mutex_unlock(&seats->lock);
	if (seats->has_gone)
		pthread_join(seats->gone, NULL);
}

bool seats_call_to_lead(struct seats *seats)
{
	bool is_called;

	pthread_mutex_lock(&seats->lock);
	is_called = call_from_seat(seats, CALLED_TO_LEAD);
	pthread_mutex_unlock(&seats->lock);
	return is_called;
}

void seat_open(struct seat *seat, struct seats *seats)
{
	*seat = (struct seat){.seats = seats, .called = PTHREAD_COND_INITIALIZER};
}

static bool is_only_one_seated(const struct seat *seat)
{
	return seat->seats->top == seat && seat->below == NULL;
}

static void leave_seat(struct seat *seat)
{
	struct seat **place = &seat->seats->top;

	while (*place != seat)
		place = &(*place)->below;
	*place = seat->below;
}

/* With the lock. */
static enum call wait_for_call(struct seat *seat)
{
	struct seats *seats = seat->seats;
	struct timespec until;

	seat->call = 0;
	seat->below = seats->top;
	seats->top = seat;
	do {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += SEATED_S_MAX;
		while (seat->call == 0 && pthread_cond_clockwait(&seat->called, &seats->lock,
								 CLOCK_MONOTONIC, &until) == 0)
			;
	} while (seat->call == 0 && is_only_one_seated(seat));
	if (seat->call == 0) {
		leave_seat(seat);
		seat->call = SENT_HOME;
	}
	return seat->call;
}

enum call seat_sit(struct seat *seat)
{
	struct seats *seats = seat->seats;

	if (seat->has_turn)
		return CALLED_TO_ACCEPT;
	pthread_mutex_lock(&seats->lock);
	seat->call = seats->is_turn_taken ? wait_for_call(seat) : CALLED_TO_ACCEPT;
	seat->has_turn = seat->call == CALLED_TO_ACCEPT;
	seats->is_turn_taken |= seat->has_turn;
	pthread_mutex_unlock(&seats->lock);
	return seat->call;
}

void seat_pass_turn(void *thread)
{
	struct seat *seat = thread;
	struct seats *seats = seat->seats;

	if (!seat->has_turn)
		return;
	seat->has_turn = false;
	pthread_mutex_lock(&seats->lock);
	seats->is_turn_taken = call_from_seat(seats, CALLED_TO_ACCEPT);
	pthread_mutex_unlock(&seats->lock);
}

/* With the lock. True for the one by whom three quarters of a crowd are gone. */
static bool is_crowd_gone(struct seats *seats)
{
	const bool is_gone = seats->thread_count_max >= CROWD_MIN && !seats->is_over &&
			     seats->thread_count <= seats->thread_count_max / 4;

	if (is_gone)
		seats->thread_count_max = seats->thread_count;
	return is_gone;
}

/* Each joins the one that went before it, and the end the last one. */
void seat_give_up(struct seat *seat)
{
	struct seats *seats = seat->seats;
	bool has_former, gives_memory_back;
	pthread_t former;
	long left;

	pthread_mutex_lock(&seats->lock);
	former = seats->gone;
	has_former = seats->has_gone;
	seats->gone = pthread_self();
	seats->has_gone = true;
	left = --seats->thread_count;
	gives_memory_back = is_crowd_gone(seats);
	if (left == 0)
		pthread_cond_signal(&seats->all_are_gone);
	pthread_mutex_unlock(&seats->lock);
	if (has_former)
		pthread_join(former, NULL);
	if (gives_memory_back)
		process_give_memory_back(seats->process, (size_t)left);
}
