/* The calls of Zoom's REST API that Hallpass makes (zoom-facts section 2), one function each. */
#ifndef ZOOM_API_H
#define ZOOM_API_H

#include "zoom/oauth.h"

#include <stdbool.h>
#include <stdint.h>

struct zoom_user {
	const char *id;
	const char *account_id, *email; /* NULL where Zoom sent none */
	const char *status; /* "active", "inactive", "pending"; "" where Zoom sent none */
	int64_t pmi;        /* 0: none */
	const char *vanity_url, *personal_meeting_url; /* NULL where there is none */
};

bool zoom_api_get_user(const struct zoom_endpoint *zoom, struct arena *arena,
		       const char *access_token, struct zoom_user *user,
		       struct zoom_failure *failure) MUST_CHECK;

enum { ZOOM_MEETINGS_PAGE_MAX = 300 };

struct zoom_meeting_page {
	size_t count;
	int64_t meeting_ids[ZOOM_MEETINGS_PAGE_MAX];
	const char *next_page_token; /* NULL: this was the last page */
};

/* One page of the meetings that the user hosts; page_token NULL for the first. */
bool zoom_api_list_meetings(const struct zoom_endpoint *zoom, struct arena *arena,
			    const char *access_token, const char *page_token,
			    struct zoom_meeting_page *page, struct zoom_failure *failure)
	MUST_CHECK;

/*
 * The local recording token, minted with the host's access token (2.3); lives *expire_in_s (120 s).
 * Where Zoom says that the id is a webinar's, the webinar's endpoint is asked.
 */
bool zoom_api_get_local_recording_token(const struct zoom_endpoint *zoom, struct arena *arena,
					const char *access_token, int64_t meeting_id,
					const char **token, long *expire_in_s,
					struct zoom_failure *failure) MUST_CHECK;

/* The on-behalf token; meeting_id 0 leaves it out (2.4). */
bool zoom_api_get_onbehalf_token(const struct zoom_endpoint *zoom, struct arena *arena,
				 const char *access_token, int64_t meeting_id, const char **token,
				 struct zoom_failure *failure) MUST_CHECK;

/* Zoom has two calls that give a ZAK, each with a scope of its own (2.4). */
enum zoom_zak_call { ZOOM_ZAK_CALL_ZAK, ZOOM_ZAK_CALL_TOKEN };

/* The user's ZAK: by the call that is named, and by the other one where Zoom wants another scope for it. */
bool zoom_api_get_zak(const struct zoom_endpoint *zoom, struct arena *arena,
		      const char *access_token, enum zoom_zak_call first, const char **token,
		      struct zoom_failure *failure) MUST_CHECK;

#endif
