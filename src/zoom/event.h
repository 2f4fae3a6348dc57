/*
 * An event that Zoom sent, read from its JSON (zoom-facts 3.5, 3.6): every body, whatever the order
 * of its keys, ids as strings or as numbers. A pure function: it neither checks nor stores.
 */
#ifndef ZOOM_EVENT_H
#define ZOOM_EVENT_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum zoom_event_kind {
	ZOOM_EVENT_OTHER, /* counted and left alone */
	ZOOM_EVENT_URL_VALIDATION,
	ZOOM_EVENT_MEETING_CREATED,
	ZOOM_EVENT_MEETING_UPDATED,
	ZOOM_EVENT_MEETING_DELETED,
	ZOOM_EVENT_MEETING_STARTED,
	ZOOM_EVENT_MEETING_ENDED,
	ZOOM_EVENT_PARTICIPANT_JOINED,
	ZOOM_EVENT_PARTICIPANT_LEFT,
	ZOOM_EVENT_USER_UPDATED,
	ZOOM_EVENT_USER_GONE, /* user.deactivated, user.deleted, user.disassociated */
	ZOOM_EVENT_APP_DEAUTHORIZED,
};

/* Type 1 of Zoom's meeting object. */
enum { ZOOM_MEETING_INSTANT = 1 };

struct zoom_event {
	enum zoom_event_kind kind;
	const char *name;      /* "meeting.started"; never NULL */
	instant event_at;      /* from event_ts (milliseconds); 0 where it is missing */
	const char *client_id; /* only app_deauthorized carries it; else NULL */
	const char *account_id;
	const char *user_id;    /* of user.* and app_deauthorized; NULL else */
	int64_t meeting_id;     /* 0 where there is none */
	const char *host_id;    /* Zoom user id of the host; NULL where there is none */
	int meeting_type;       /* 0 where there is none */
	bool is_one_occurrence; /* meeting.deleted of one occurrence: the meeting itself stays */
	const char *participant_user_id; /* Zoom user id; NULL for guests */
	const char *participant_session; /* of this one joining, until it is left; NULL: not said */
	bool has_pmi;                    /* user.updated changed the personal meeting id … */
	int64_t pmi;                     /* … to this one; 0: it has none any more */
	const char *personal_url; /* user.updated changed vanity_url ("": taken away); NULL else */
	const char *plain_token;  /* of endpoint.url_validation */
};

/*
 * `body` is the parsed JSON; strings point into it, so it must outlive the event. ERROR_INVALID
 * names the field where it is no event at all, or a known one without what it cannot do without.
 */
bool zoom_event_read(const json_t *body, struct zoom_event *event, struct error *err) MUST_CHECK;

/* Whom it is about, by Zoom's id; NULL: nobody. */
const char *zoom_event_user(const struct zoom_event *event);

/* Copies its strings into the arena, so that it may outlive the JSON. */
void zoom_event_keep(struct zoom_event *event, struct arena *arena);

#endif
