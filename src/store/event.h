/* How many events of each name an app has had (table zoom_event_counts). */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include "base/clock.h"
#include "store/db.h"

#define EVENT_NAME_OTHER "other"
enum { EVENT_NAME_BYTES_MAX = 64, EVENT_NAMES_MAX = 100 };

/* EVENT_NAME_OTHER for what is no [a-z0-9_.] of at most EVENT_NAME_BYTES_MAX. */
const char *event_countable_name(const char *name);

/*
 * So many more, the last of them now. A name that is not countable counts as EVENT_NAME_OTHER, and so does the
 * app's EVENT_NAMES_MAX + 1st.
 */
bool event_count(struct db *db, int64_t app_id, const char *name, int64_t count, instant now,
		 struct error *err) MUST_CHECK;

#endif
