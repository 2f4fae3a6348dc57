/*
 * Which events from Zoom were handled (table zoom_events), so that a repeated delivery changes nothing,
 * and how many of each name there were (table zoom_event_counts).
 */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include "base/clock.h"
#include "base/crypto.h"
#include "store/db.h"

/* *is_new is false where the app has had an event with this raw body. */
bool event_add(struct db *db, int64_t app_id, const unsigned char body_sha256[static SHA256_BYTES],
	       instant now, bool *is_new, struct error *err) MUST_CHECK;

/*
 * A name is counted as EVENT_NAME_OTHER where it is no [a-z0-9_.] of at most EVENT_NAME_BYTES_MAX, and
 * where the app has EVENT_NAMES_MAX others already.
 */
#define EVENT_NAME_OTHER "other"
enum { EVENT_NAME_BYTES_MAX = 64, EVENT_NAMES_MAX = 100 };
bool event_count(struct db *db, int64_t app_id, const char *name, instant now, struct error *err)
	MUST_CHECK;

/* Drops at most `limit` rows of events that came before `before`; the counts stay. */
bool event_clean_up(struct db *db, instant before, int limit, int64_t *removed, struct error *err)
	MUST_CHECK;

#endif
