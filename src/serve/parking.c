#include "serve/parking.h"

enum {
	PARKED_MAX = 2048,
	PARKED_BYTES_MAX = 64 << 20, /* of their bodies, but for … */
	SMALL_BODY_BYTES = 16 << 10, /* … those that are no larger, as nearly all of use are */
	CROWD_MIN = 64,              /* threads */
	FREE_THREADS_MAX = 32,       /* kept for requests that need no Zoom */
};

/* A quarter of the threads, at least one and at most FREE_THREADS_MAX, is kept for requests that need no Zoom. */
static unsigned zoom_threads_max(long threads)
{
	const long quarter = threads < 4 ? 1 : threads / 4;
	const long kept = quarter < FREE_THREADS_MAX ? quarter : FREE_THREADS_MAX;

	return threads == 1 ? 1 : (unsigned)(threads - kept);
}

void parking_open(struct parking *parking, long threads)
{
	*parking = (struct parking){.threads_max = zoom_threads_max(threads)};
	pthread_mutex_init(&parking->lock, NULL);
}

void parking_close(struct parking *parking)
{
	pthread_mutex_destroy(&parking->lock);
}

/* What it takes of the room for bodies. */
static size_t size_of(const struct parked *parked)
{
	return parked->body_bytes > SMALL_BODY_BYTES ? parked->body_bytes : 0;
}

static bool has_room(const struct parking *parking, const struct parked *parked)
{
	return parking->count < PARKED_MAX && parking->bytes + size_of(parked) <= PARKED_BYTES_MAX;
}

static void park(struct parking *parking, struct parked *parked)
{
	parked->next = NULL;
	if (parking->last != NULL)
		parking->last->next = parked;
	else
		parking->first = parked;
	parking->last = parked;
	parking->count++;
	parking->bytes += size_of(parked);
}

enum place parking_enter(struct parking *parking, struct parked *parked)
{
	enum place place = PLACE_NONE;

	pthread_mutex_lock(&parking->lock);
	if (parking->threads < parking->threads_max) {
		parking->threads++;
		place = PLACE_TAKEN;
	} else if (has_room(parking, parked)) {
		park(parking, parked);
		place = PLACE_PARKED;
	}
	pthread_mutex_unlock(&parking->lock);
	return place;
}

struct parked *parking_next(struct parking *parking)
{
	struct parked *parked;

	pthread_mutex_lock(&parking->lock);
	parked = parking->first;
	if (parked != NULL) {
		parking->first = parked->next;
		if (parked->next == NULL)
			parking->last = NULL;
		parking->count--;
		parking->bytes -= size_of(parked);
	} else {
		parking->threads--;
	}
	pthread_mutex_unlock(&parking->lock);
	return parked;
}

bool parking_is_crowded(struct parking *parking)
{
	bool is_crowded;

	pthread_mutex_lock(&parking->lock);
	is_crowded = parking->threads >= CROWD_MIN;
	pthread_mutex_unlock(&parking->lock);
	return is_crowded;
}
