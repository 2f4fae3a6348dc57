/*
 * Which connected users are inside a meeting (table zoom_meeting_participants). As with meetings, what
 * was so later, by Zoom's clock, stands, in whatever order it comes.
 */
#ifndef STORE_PARTICIPANT_H
#define STORE_PARTICIPANT_H

#include "base/clock.h"
#include "store/db.h"

/* One joining of a meeting, from which it lasts until the leaving that has the same session. */
struct participation {
	int64_t app_id, meeting_id, connection_id;
	const char
		*session; /* NULL: Zoom did not say; a leaving is then one of all that there are */
};

/* Who joins or leaves what has ended since (store/meeting.h) is not inside. */
bool participant_note(struct db *db, const struct participation *participation, bool is_present,
		      instant at, struct error *err) MUST_CHECK;

/* The meeting is over: nobody who came before is inside any more. */
bool participant_note_end(struct db *db, int64_t app_id, int64_t meeting_id, instant at,
			  struct error *err) MUST_CHECK;

bool participant_is_present(struct db *db, int64_t app_id, int64_t meeting_id,
			    int64_t connection_id, bool *is_present, struct error *err) MUST_CHECK;

/* The connection is another user's from now on. */
bool participant_remove_all(struct db *db, int64_t connection_id, struct error *err) MUST_CHECK;

/* Drops at most `limit` rows of which nothing was heard since `before`. */
bool participant_clean_up(struct db *db, instant before, int limit, int64_t *removed,
			  struct error *err) MUST_CHECK;

#endif
