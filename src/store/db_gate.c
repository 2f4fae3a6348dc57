#include "store/db_gate.h"

#include "base/clock.h"
#include "store/db_checkpoint.h"
#include "store/db_internal.h"
#include "store/group_commit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	/*
	 * Of a process, in use at a time. More would only be memory: they take turns on the processors.
	 * Whoever has waited CONNECTION_WAIT_MS goes beyond, for the others may wait for a writer.
	 */
	CONNECTIONS_AT_ONCE = 8,
	CONNECTION_WAIT_MS = 1000,
	/* Who writes does not wait for one: it would be opened and closed for each transaction. */
	CONNECTIONS_KEPT = CONNECTIONS_AT_ONCE + 1,
	/* After so long a writer that goes not first gets the next turn but one. */
	LATE_AFTER_MS = 200,
};

/* Where a writer stands in line. */
enum line { OTHERS, FIRST, LATE, LINES };

/* A thread in the line for a connection. */
struct waiter {
	pthread_cond_t called;
	bool is_called; /* it is out of the line, and what was given back counts as its */
	struct waiter *next;
};

struct db_gate {
	pthread_mutex_t lock; /* over what follows */
	bool is_held;         /* by a writer */
	bool was_first;       /* the last one came from the line FIRST */
	struct {
		int count; /* of those who wait */
		pthread_cond_t may_enter;
	} lines[LINES];
	struct db_connection *idle; /* the one that was used last is on top */
	int used_count;
	struct waiter *waiters;   /* the one that has waited longest first */
	struct group_queue group; /* has a lock of its own */
	struct checkpointer *checkpointer;
};

static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

struct db_gate *db_gate_open(void)
{
	struct db_gate *gate = db_allocate(sizeof(*gate));

	/*
	 * Each piece of memory would be counted, under a lock that all threads share. Refused once SQLite is
	 * in use, for which an earlier gate has said it.
	 */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	pthread_mutex_init(&gate->lock, NULL);
	for (size_t i = 0; i < LINES; i++)
		init_condition(&gate->lines[i].may_enter);
	group_open(&gate->group);
	return gate;
}

void db_gate_close(struct db_gate **gate)
{
	struct db_connection *idle, *next;

	if (*gate == NULL)
		return;
	checkpointer_close(&(*gate)->checkpointer);
	for (idle = (*gate)->idle; idle != NULL; idle = next) {
		next = idle->next;
		db_connection_close(idle);
	}
	group_close(&(*gate)->group);
	for (size_t i = 0; i < LINES; i++)
		pthread_cond_destroy(&(*gate)->lines[i].may_enter);
	pthread_mutex_destroy(&(*gate)->lock);
	free(*gate);
	*gate = NULL;
}

static struct timespec instant_of(int64_t monotonic_ms)
{
	return (struct timespec){monotonic_ms / 1000, monotonic_ms % 1000 * 1000000};
}

/* With no end of those who go first, every other turn is that of one who has waited long. */
static enum line next_line(const struct db_gate *gate)
{
	if (gate->lines[LATE].count > 0 && (gate->was_first || gate->lines[FIRST].count == 0))
		return LATE;
	return gate->lines[FIRST].count > 0 ? FIRST : OTHERS;
}

static void wake_next(struct db_gate *gate)
{
	pthread_cond_signal(&gate->lines[next_line(gate)].may_enter);
}

/* With the lock. False where the deadline passed. */
static bool wait_in(struct db_gate *gate, enum line line, int64_t deadline_ms)
{
	const struct timespec until = instant_of(deadline_ms);
	int result = 0;
	bool may_enter;

	gate->lines[line].count++;
	for (;;) {
		may_enter = !gate->is_held && next_line(gate) == line;
		if (may_enter || result != 0)
			break;
		result = pthread_cond_timedwait(&gate->lines[line].may_enter, &gate->lock, &until);
	}
	gate->lines[line].count--;
	if (may_enter) {
		gate->is_held = true;
		gate->was_first = line == FIRST;
	}
	return may_enter;
}

bool db_gate_enter(struct db_gate *gate, bool goes_first, int64_t deadline_ms)
{
	const int64_t late_at_ms = clock_monotonic_ms() + LATE_AFTER_MS;
	bool entered;

	pthread_mutex_lock(&gate->lock);
	if (goes_first)
		entered = wait_in(gate, FIRST, deadline_ms);
	else
		entered = wait_in(gate, OTHERS,
				  late_at_ms < deadline_ms ? late_at_ms : deadline_ms) ||
			  wait_in(gate, LATE, deadline_ms);
	if (!entered && !gate->is_held)
		wake_next(gate);
	pthread_mutex_unlock(&gate->lock);
	return entered;
}

void db_gate_leave(struct db_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->is_held = false;
	wake_next(gate);
	pthread_mutex_unlock(&gate->lock);
}

void db_gate_checkpoint_aside(struct db_gate *gate, int pages_min)
{
	gate->checkpointer = checkpointer_open(gate, pages_min);
}

struct checkpointer *db_gate_checkpointer(const struct db_gate *gate)
{
	return gate->checkpointer;
}

struct group_queue *db_gate_group(struct db_gate *gate)
{
	return &gate->group;
}

static struct waiter **place_of(struct db_gate *gate, const struct waiter *waiter)
{
	struct waiter **place = &gate->waiters;

	while (*place != waiter)
		place = &(*place)->next;
	return place;
}

/* The last place in the line; false where nobody gave one back in time. */
static bool wait_for_connection(struct db_gate *gate)
{
	const struct timespec until = instant_of(clock_monotonic_ms() + CONNECTION_WAIT_MS);
	struct waiter waiter = {.is_called = false};
	int result = 0;

	init_condition(&waiter.called);
	*place_of(gate, NULL) = &waiter;
	while (!waiter.is_called && result == 0)
		result = pthread_cond_timedwait(&waiter.called, &gate->lock, &until);
	if (!waiter.is_called)
		*place_of(gate, &waiter) = waiter.next;
	pthread_cond_destroy(&waiter.called);
	return waiter.is_called;
}

static void call_first_waiter(struct db_gate *gate)
{
	struct waiter *first = gate->waiters;

	if (first == NULL || gate->used_count >= CONNECTIONS_AT_ONCE)
		return;
	gate->waiters = first->next;
	first->is_called = true;
	gate->used_count++;
	pthread_cond_signal(&first->called);
}

struct db_connection *db_gate_take(struct db_gate *gate, const char *path, bool may_wait)
{
	struct db_connection **place, *taken;

	pthread_mutex_lock(&gate->lock);
	if (!may_wait || gate->used_count < CONNECTIONS_AT_ONCE || !wait_for_connection(gate))
		gate->used_count++;
	place = &gate->idle;
	while (*place != NULL && strcmp((*place)->path, path) != 0)
		place = &(*place)->next;
	taken = *place;
	if (taken != NULL)
		*place = taken->next;
	pthread_mutex_unlock(&gate->lock);
	return taken;
}

void db_gate_give_back(struct db_gate *gate, struct db_connection *connection, bool is_reusable)
{
	pthread_mutex_lock(&gate->lock);
	if (is_reusable && gate->used_count <= CONNECTIONS_KEPT) {
		connection->next = gate->idle;
		gate->idle = connection;
		connection = NULL;
	}
	gate->used_count--;
	call_first_waiter(gate);
	pthread_mutex_unlock(&gate->lock);
	db_connection_close(connection);
}
