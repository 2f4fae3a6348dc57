/*
 * Which connection hosts a meeting, and whether it is live (table zoom_meetings). What is known of a
 * meeting carries the time, by Zoom's clock, at which it was so; older knowledge never overwrites
 * newer, in whatever order it comes.
 */
#ifndef STORE_MEETING_H
#define STORE_MEETING_H

#include "base/clock.h"
#include "store/db.h"
#include "store/page.h"

struct meeting {
	int64_t meeting_id;
	bool is_live;
	instant known_at;
};

/* The connection hosts the meeting. */
bool meeting_learn(struct db *db, int64_t app_id, int64_t meeting_id, int64_t connection_id,
		   instant at, struct error *err) MUST_CHECK;

/* The same, and it has started. */
bool meeting_start(struct db *db, int64_t app_id, int64_t meeting_id, int64_t connection_id,
		   instant at, struct error *err) MUST_CHECK;

/* It is gone. The row stays a while, so that a late event does not bring it back. */
bool meeting_forget(struct db *db, int64_t app_id, int64_t meeting_id, instant at,
		    struct error *err) MUST_CHECK;

/* Only where the meeting is known (its host is not ours any more): no row is made for a stranger's. */
bool meeting_forget_if_known(struct db *db, int64_t app_id, int64_t meeting_id, instant at,
			     struct error *err) MUST_CHECK;

/*
 * The meeting of a host of ours is over. Makes a row where there is none, so that a late `started`
 * does not bring it back to life.
 */
bool meeting_end(struct db *db, int64_t app_id, int64_t meeting_id, instant at, struct error *err)
	MUST_CHECK;

/* Only where the meeting is known. */
bool meeting_set_live(struct db *db, int64_t app_id, int64_t meeting_id, bool is_live, instant at,
		      struct error *err) MUST_CHECK;

/* All that the connection hosts: its Zoom user is another one now. */
bool meeting_remove_all(struct db *db, int64_t connection_id, struct error *err) MUST_CHECK;

/* A page of what the connection hosts, highest meeting id first; the page's ids are meeting ids. */
bool meeting_list(struct db *db, struct arena *arena, int64_t connection_id,
		  const struct page *page, struct meeting **meetings, int *count, bool *has_newer,
		  bool *has_older, struct error *err) MUST_CHECK;

/*
 * Of the next `limit` rows after the meeting *after (0: from the first one on), drops those that nothing has
 * confirmed since `before` (forgotten ones since forgotten_before). *after: where to go on; 0: there are no more.
 */
bool meeting_clean_up(struct db *db, instant before, instant forgotten_before, int limit,
		      int64_t *after, struct error *err) MUST_CHECK;

#endif
