/*
 * Everything that is known of who hosts a meeting: what events and syncs told (table zoom_meetings), and
 * whose personal meeting it is. For people who ask why; what is decided from it is decided elsewhere.
 */
#ifndef STORE_MEETING_HOST_H
#define STORE_MEETING_HOST_H

#include "base/clock.h"
#include "store/db.h"

enum { MEETING_HOSTS_MAX = 100 };

struct meeting_host {
	const char *app_public_id;
	const char
		*connection_public_id; /* NULL: the meeting was known there, and is not any more */
	const char *zoom_user_id;      /* NULL with it */
	bool is_connected, is_local_recording_token_supported;
	bool is_by_personal_id; /* the user's profile says so, and nothing was told of the meeting */
	bool is_live;
	instant known_at; /* by Zoom's clock, or when the profile was read */
};

/* In the order in which connection_find_host() prefers them, MEETING_HOSTS_MAX at most. */
bool meeting_host_list(struct db *db, struct arena *arena, int64_t project_id, int64_t meeting_id,
		       struct meeting_host **hosts, int *count, struct error *err) MUST_CHECK;

#endif
