/*
 * An event that was proved, on its way into the database together with those that wait at the same moment
 * (store/group_commit.h).
 */
#ifndef API_ZOOM_EVENT_STORING_H
#define API_ZOOM_EVENT_STORING_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "store/app.h"
#include "store/group_commit.h"
#include "zoom/event.h"

#include <stdbool.h>

struct zoom_event_storing {
	const struct zoom_event *event;
	struct arena *arena;     /* of the request */
	const struct app **apps; /* whose secrets proved it */
	int app_count;
	unsigned char body_sha256[SHA256_BYTES];
	instant now;
	instant at; /* when it happened, by Zoom's clock */
	/* What came of it, the caller's is_new having room for each app. */
	bool is_outdated; /* nothing was stored: a secret that proved it is not the app's any more */
	bool *is_new;     /* to that app; else it had this event already */
	bool is_news;     /* to any */
	bool wakes_worker;
};

/* Whose parts are struct zoom_event_storing. */
extern const struct group_work zoom_event_storing_work;

#endif
