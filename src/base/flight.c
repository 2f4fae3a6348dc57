#include "base/flight.h"

#include "base/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Whoever waits holds on to it, so that one that landed is not taken for the next of its key. */
struct flight {
	struct flights *flights;
	int64_t key;
	bool has_landed;
	unsigned holders;
	pthread_cond_t landed;
	struct flight *next;
	void (*fly)(void *cargo, void *note);
	alignas(max_align_t) unsigned char cargo[FLIGHT_CARGO_BYTES];
	alignas(max_align_t) unsigned char note[FLIGHT_NOTE_BYTES];
};

struct flights {
	pthread_mutex_t lock;
	struct flight *flying;
	pthread_cond_t all_have_landed;
	pthread_t gone; /* the thread that landed last, to be joined */
	bool has_gone;
};

struct flights *flights_open(void)
{
	struct flights *flights = calloc(1, sizeof(*flights));

	if (flights == NULL)
		abort();
	pthread_mutex_init(&flights->lock, NULL);
	pthread_cond_init(&flights->all_have_landed, NULL);
	return flights;
}

bool flights_are_under_way(struct flights *flights)
{
	bool are_under_way;

	pthread_mutex_lock(&flights->lock);
	are_under_way = flights->flying != NULL;
	pthread_mutex_unlock(&flights->lock);
	return are_under_way;
}

void flights_await(struct flights *flights)
{
	bool has_gone;

	pthread_mutex_lock(&flights->lock);
	while (flights->flying != NULL)
		pthread_cond_wait(&flights->all_have_landed, &flights->lock);
	has_gone = flights->has_gone;
	flights->has_gone = false;
	pthread_mutex_unlock(&flights->lock);
	if (has_gone)
		pthread_join(flights->gone, NULL);
}

void flights_close(struct flights **flights)
{
	if (*flights == NULL)
		return;
	flights_await(*flights);
	pthread_cond_destroy(&(*flights)->all_have_landed);
	pthread_mutex_destroy(&(*flights)->lock);
	free(*flights);
	*flights = NULL;
}

static struct flight **find(struct flights *flights, int64_t key)
{
	struct flight **flight = &flights->flying;

	while (*flight != NULL && (*flight)->key != key)
		flight = &(*flight)->next;
	return flight;
}

static void let_go(struct flight *flight)
{
	if (--flight->holders > 0)
		return;
	pthread_cond_destroy(&flight->landed);
	free(flight);
}

static void land(struct flight *flight)
{
	struct flights *flights = flight->flights;

	*find(flights, flight->key) = flight->next;
	flight->has_landed = true;
	pthread_cond_broadcast(&flight->landed);
	if (flights->flying == NULL)
		pthread_cond_broadcast(&flights->all_have_landed);
}

/* Each joins the one that landed before it, and flights_await() the last one. */
static void *fly(void *argument)
{
	struct flight *flight = argument;
	struct flights *flights = flight->flights;
	pthread_t former;
	bool has_former;

	flight->fly(flight->cargo, flight->note);
	pthread_mutex_lock(&flights->lock);
	former = flights->gone;
	has_former = flights->has_gone;
	flights->gone = pthread_self();
	flights->has_gone = true;
	land(flight);
	let_go(flight);
	pthread_mutex_unlock(&flights->lock);
	if (has_former)
		pthread_join(former, NULL);
	return NULL;
}

static struct flight *take_off(struct flights *flights, int64_t key, const struct flight_plan *plan)
{
	struct flight *flight = calloc(1, sizeof(*flight));
	pthread_condattr_t attributes;

	if (flight == NULL)
		abort();
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&flight->landed, &attributes);
	pthread_condattr_destroy(&attributes);
	flight->flights = flights;
	flight->key = key;
	flight->fly = plan->fly;
	memcpy(flight->cargo, plan->cargo, plan->cargo_bytes);
	flight->holders = 1;
	flight->next = flights->flying;
	flights->flying = flight;
	return flight;
}

/* Where no thread can be started, who asks, and holds on to it, does it: better late than never. With the lock. */
static void begin(struct flight *flight)
{
	struct flights *flights = flight->flights;

	if (thread_start(fly, flight) == 0)
		return;
	pthread_mutex_unlock(&flights->lock);
	flight->fly(flight->cargo, flight->note);
	pthread_mutex_lock(&flights->lock);
	land(flight);
	flight->holders--;
}

enum flight_end flight_join(struct flights *flights, int64_t key, const struct flight_plan *plan,
			    int64_t deadline_ms, void *note)
{
	const struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
	enum flight_end end = FLIGHT_OF_OTHER_LANDED;
	struct flight *flight;
	int result = 0;

	assert(plan->cargo_bytes <= FLIGHT_CARGO_BYTES && plan->note_bytes <= FLIGHT_NOTE_BYTES);
	pthread_mutex_lock(&flights->lock);
	flight = *find(flights, key);
	if (flight == NULL) {
		end = FLIGHT_LANDED;
		flight = take_off(flights, key, plan);
		flight->holders++;
		begin(flight);
	} else {
		flight->holders++;
	}
	while (!flight->has_landed && result == 0)
		result = pthread_cond_timedwait(&flight->landed, &flights->lock, &until);
	if (flight->has_landed)
		memcpy(note, flight->note, plan->note_bytes);
	else
		end = FLIGHT_TIMED_OUT;
	let_go(flight);
	pthread_mutex_unlock(&flights->lock);
	return end;
}
