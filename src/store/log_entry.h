/*
 * What happened to an app and to its connections (table zoom_log), kept for 90 days. An event from Zoom
 * that is accepted is at once its own entry and what tells that a repeated delivery is one.
 */
#ifndef STORE_LOG_ENTRY_H
#define STORE_LOG_ENTRY_H

#include "base/clock.h"
#include "base/crypto.h"
#include "store/db.h"
#include "store/page.h"

/* As stored: a number is never given to another meaning. */
enum log_type {
	LOG_EVENT_ACCEPTED = 1,
	LOG_EVENT_REJECTED, /* nothing proved that it came from Zoom */
	LOG_URL_VALIDATED,
	LOG_AUTHORIZED,
	LOG_REFRESHED,
	LOG_REFRESH_REFUSED, /* Zoom said no */
	LOG_REFRESH_FAILED,  /* for a reason that passes */
	LOG_DISCONNECTED,
	LOG_RECONNECTED,
	LOG_SYNC_FAILED,
	LOG_SYNC_RECOVERED,      /* the first one that worked after one that failed */
	LOG_CREDENTIALS_INVALID, /* the app's */
	LOG_CREDENTIALS_ACCEPTED,
	LOG_TYPES_END
};

/* "event_accepted", … */
const char *log_type_name(enum log_type type);

struct log_entry {
	int64_t id;                       /* 0 of one that is to be added */
	int64_t app_id;                   /* 0: that of the connection */
	int64_t connection_id;            /* 0: it concerns the app, or nobody who is connected */
	const char *connection_public_id; /* of one that was listed; NULL: none, or deleted since */
	instant at;
	enum log_type type;
	const char *name;   /* of an event accepted; else a code of what went wrong, or NULL */
	int64_t meeting_id; /* of an event; 0: none */
	const char *error;  /* for people, or Zoom's own words; NULL: nothing went wrong */
	int zoom_status;    /* 0: Zoom did not answer, or had no part in it */
	const char *zoom_code, *zoom_tracking_id; /* NULL: it sent none */
};

/* Of a connection that is gone nothing is added. */
bool log_entry_add(struct db *db, const struct log_entry *entry, struct error *err) MUST_CHECK;

/* Of a connection that goes: its entries are those of its app alone from now on. */
bool log_entry_leave_to_app(struct db *db, int64_t connection_id, struct error *err) MUST_CHECK;

/* An event whose signature was right. */
struct log_event {
	int64_t app_id;
	int64_t connection_id; /* of whom it is about; 0: of nobody who is connected */
	const char *name;
	int64_t meeting_id; /* 0: of none */
	instant event_at;   /* by Zoom's clock, as the body says; 0: it does not */
	const unsigned char *body_sha256;
	instant now;
};

/* *is_new is false, and nothing is added, where the app has had an event with this raw body. */
bool log_entry_add_event(struct db *db, const struct log_event *event, bool *is_new,
			 struct error *err) MUST_CHECK;

/*
 * For an event that nothing proved, which anybody can send: adds at most one a minute and app, and so
 * must come before app_note_rejected_webhook(), by which it knows. `code` says what was wrong.
 */
bool log_entry_add_rejection(struct db *db, int64_t app_id, const char *code, instant now,
			     struct error *err) MUST_CHECK;

/* That of the app has its connections' entries, too. Strings live in the arena. */
bool log_entry_list_of_app(struct db *db, struct arena *arena, int64_t app_id,
			   const struct page *page, struct log_entry **entries, int *count,
			   bool *has_newer, bool *has_older, struct error *err) MUST_CHECK;
bool log_entry_list_of_connection(struct db *db, struct arena *arena, int64_t connection_id,
				  const struct page *page, struct log_entry **entries, int *count,
				  bool *has_newer, bool *has_older, struct error *err) MUST_CHECK;

/* When the newest one was added; 0: there is none. */
bool log_entry_newest_at(struct db *db, instant *at, struct error *err) MUST_CHECK;

/*
 * Looks at the oldest entries, at most `limit`, and drops those from before `before`; *removed is 0 once
 * the oldest is younger.
 */
bool log_entry_clean_up(struct db *db, instant before, int limit, int64_t *removed,
			struct error *err) MUST_CHECK;

#endif
