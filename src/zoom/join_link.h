/*
 * One link, taken apart by whoever found it: is it one that joins a Zoom meeting, and which? A pure
 * function; finding links in what people paste is meeting_url.c's.
 */
#ifndef ZOOM_JOIN_LINK_H
#define ZOOM_JOIN_LINK_H

#include "base/arena.h"
#include "base/error.h"
#include "zoom/meeting_url.h"

enum { MEETING_ID_DIGITS_MIN = 9, MEETING_ID_DIGITS_MAX = 12 };

/* What one link comes to, from what decides nothing to what decides all. */
enum link_verdict {
	LINK_NONE,    /* no link at all */
	LINK_ASIDE,   /* a page beside the meeting, as dial-in numbers are in invitations */
	LINK_REFUSED, /* what was meant to be joined, and cannot be */
	LINK_JOINS,
};

struct join_link {
	const char *scheme;    /* as it came; "" where it had none */
	const char *authority; /* between the scheme and the path */
	const char *path;      /* decoded; begins with a slash or is empty */
	const char *query;     /* as it came, without its ? and the fragment */
};

/* The meeting that a link joins, with what its canonical link carries on. */
struct join_target {
	struct meeting_url url;       /* all but canonical */
	const char *registrant_token; /* the tk parameter of a registered webinar guest */
};

/* Fills *target for LINK_JOINS, and err, as meeting_url_parse() does, for LINK_REFUSED and LINK_ASIDE. */
enum link_verdict join_link_read(struct arena *arena, const struct join_link *link,
				 struct join_target *target, struct error *err);

/* True for the domain itself and for what is below it. */
bool host_is_of_domain(const char *host, const char *domain);

/* False where the digits are no meeting id. */
bool meeting_id_read(const char *digits, int64_t *id);

#endif
