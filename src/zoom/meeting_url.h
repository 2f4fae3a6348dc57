/*
 * Zoom join links, in every form that people paste (zoom-facts section 4): web links of zoom.us,
 * zoom.com and zoomgov.com and their company hosts, /j/ /w/ /s/ /wc/ /my/, the app schemes, a whole
 * invitation, a bare meeting id. A pure function: text in, value out.
 */
#ifndef ZOOM_MEETING_URL_H
#define ZOOM_MEETING_URL_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct meeting_url {
	int64_t meeting_id; /* 0 for a personal link, whose id only its owner's profile tells */
	const char *personal_name; /* of a /my/NAME link, lower case; else NULL */
	const char *host;          /* lower case, "us02web.zoom.us"; zoom.com is written zoom.us */
	bool is_webinar_link;      /* a /w/ link: mostly a webinar's */
	const char *passcode; /* the pwd parameter as it came, an invitation's passcode, or NULL */
	/* "https://us02web.zoom.us/j/123456789?pwd=…", without secrets of the host (zak). */
	const char *canonical;
};

/* ERROR_INVALID with code invalid_meeting_url, saying what is wrong and what would be right. */
bool meeting_url_parse(struct arena *arena, const char *text, struct meeting_url *url,
		       struct error *err) MUST_CHECK;

/*
 * The key under which a personal link is known, from a user's vanity_url or personal_meeting_url
 * ("https://us05web.zoom.us/my/jane.host?pwd=…" → "jane.host"), lower case; NULL where it has none.
 */
const char *personal_name_of_url(struct arena *arena, const char *url);

#endif
