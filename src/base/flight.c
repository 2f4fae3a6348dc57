#include "base/flight.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Waiters hold on to their flight, so that one that landed is not taken for the next of its key. */
struct flight {
	int64_t key;
	bool has_landed;
	unsigned holders;
	pthread_cond_t landed;
	struct flight *next;
	unsigned char note[FLIGHT_NOTE_BYTES];
};

struct flights {
	pthread_mutex_t lock;
	struct flight *flying;
};

struct flights *flights_open(void)
{
	struct flights *flights = calloc(1, sizeof(*flights));

	if (flights == NULL)
		abort();
	pthread_mutex_init(&flights->lock, NULL);
	return flights;
}

void flights_close(struct flights **flights)
{
	if (*flights == NULL)
		return;
	assert((*flights)->flying == NULL);
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

static void take_off(struct flights *flights, int64_t key)
{
	struct flight *flight = calloc(1, sizeof(*flight));
	pthread_condattr_t attributes;

	if (flight == NULL)
		abort();
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&flight->landed, &attributes);
	pthread_condattr_destroy(&attributes);
	flight->key = key;
	flight->holders = 1;
	flight->next = flights->flying;
	flights->flying = flight;
}

enum flight_role flight_join(struct flights *flights, int64_t key, int64_t deadline_ms, void *note,
			     size_t note_bytes)
{
	const struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
	enum flight_role role = FLIGHT_LANDED;
	struct flight *flight;
	int result = 0;

	assert(note_bytes <= FLIGHT_NOTE_BYTES);
	pthread_mutex_lock(&flights->lock);
	flight = *find(flights, key);
	if (flight == NULL) {
		take_off(flights, key);
		role = FLIGHT_LEADER;
	} else {
		flight->holders++;
		while (!flight->has_landed && result == 0)
			result = pthread_cond_timedwait(&flight->landed, &flights->lock, &until);
		if (flight->has_landed)
			memcpy(note, flight->note, note_bytes);
		else
			role = FLIGHT_TIMED_OUT;
		let_go(flight);
	}
	pthread_mutex_unlock(&flights->lock);
	return role;
}

void flight_land(struct flights *flights, int64_t key, const void *note, size_t note_bytes)
{
	struct flight **place, *flight;

	assert(note_bytes <= FLIGHT_NOTE_BYTES);
	pthread_mutex_lock(&flights->lock);
	place = find(flights, key);
	flight = *place;
	assert(flight != NULL);
	*place = flight->next;
	memcpy(flight->note, note, note_bytes);
	flight->has_landed = true;
	pthread_cond_broadcast(&flight->landed);
	let_go(flight);
	pthread_mutex_unlock(&flights->lock);
}
