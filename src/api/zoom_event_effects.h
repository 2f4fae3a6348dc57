/* What an event from Zoom changes in an app that it was proved to be for. */
#ifndef API_ZOOM_EVENT_EFFECTS_H
#define API_ZOOM_EVENT_EFFECTS_H

#include "base/arena.h"
#include "base/clock.h"
#include "store/app.h"
#include "store/db.h"
#include "zoom/event.h"

#include <stdbool.h>

/* One event for one app, inside the caller's transaction. */
struct zoom_event_effect {
	struct db *db;
	struct arena *arena;
	const struct app *app;
	const struct zoom_event *event;
	int64_t user_connection_id; /* of zoom_event_user(); 0: there is none. For zoom_event_apply() */
	instant now;
	instant at;        /* when it happened, by Zoom's clock */
	bool wakes_worker; /* set where there is work for the worker after the commit */
};

/* The event is not to be repeated: of what is known, only what is older changes. */
bool zoom_event_apply(struct zoom_event_effect *effect, struct error *err) MUST_CHECK;

/*
 * The event says that a user is lost, but proves nothing: the worker asks Zoom, with the connection's
 * own credentials. Whoever makes such events up causes one refresh a minute and no more.
 */
bool zoom_event_probe(struct zoom_event_effect *effect, struct error *err) MUST_CHECK;

#endif
