/*
 * What is to be told to a webhook, and how that went (table webhook_deliveries). All changes of one
 * subject are told to a webhook in their order: only the oldest pending one is due, the others wait
 * for it without costing a look.
 */
#ifndef STORE_DELIVERY_H
#define STORE_DELIVERY_H

#include "base/clock.h"
#include "store/db.h"
#include "store/page.h"

struct delivery {
	int64_t id;
	const char *public_id; /* "msg_…" */
	int64_t webhook_id;
	const char *trigger;
	const char *subject; /* public id of what changed */
	const char *body;
	const char *state;       /* one of delivery_states */
	instant next_attempt_at; /* 0: done with, or behind another of its subject */
	int attempts;
	instant last_attempt_at; /* 0: none yet; so for all below */
	int64_t last_duration_ms;
	int last_status;
	const char *last_answer, *last_error;
	instant finished_at;
	instant created_at;
};

/* "pending", "delivered", "failed"; NULL last. */
extern const char *const delivery_states[];

bool delivery_is_pending(const struct delivery *delivery);

/*
 * Writes a new one that is pending, behind those of its subject that are; webhook_note_due() is told.
 * public_id, which stands in the body, is the caller's.
 */
bool delivery_add(struct db *db, const struct delivery *delivery, instant now, struct error *err)
	MUST_CHECK;

bool delivery_find(struct db *db, struct arena *arena, int64_t webhook_id, const char *public_id,
		   bool *found, struct delivery *delivery, struct error *err) MUST_CHECK;

/* Of the webhook, in that state (NULL: in any). */
bool delivery_list(struct db *db, struct arena *arena, int64_t webhook_id, const char *state,
		   const struct page *page, struct delivery **deliveries, int *count,
		   bool *has_newer, bool *has_older, struct error *err) MUST_CHECK;

/* Up to `limit` of the webhook that are due, longest due first. */
bool delivery_list_due(struct db *db, struct arena *arena, int64_t webhook_id, instant now,
		       int limit, struct delivery **deliveries, int *count, struct error *err)
	MUST_CHECK;

/* Since when the one is due that is so longest, at a webhook that does not rest; 0: none is. */
bool delivery_due_since(struct db *db, instant *at, struct error *err) MUST_CHECK;

/* Of all webhooks that are told. */
bool delivery_count_pending(struct db *db, int64_t *count, struct error *err) MUST_CHECK;

/*
 * How an attempt went: writes state, next_attempt_at, attempts, the last_… and finished_at. Where it is
 * done with, the next one of its subject is due. One that is not pending any more stays as it is.
 */
bool delivery_record(struct db *db, const struct delivery *delivery, instant now, struct error *err)
	MUST_CHECK;

/* Once more from the start, in its place among those of its subject; webhook_note_due() is told. */
bool delivery_repeat(struct db *db, const struct delivery *delivery, instant now, struct error *err)
	MUST_CHECK;

/* The oldest pending ones of all subjects are due now; webhook_note_due() is told. */
bool delivery_resume(struct db *db, int64_t webhook_id, instant now, struct error *err) MUST_CHECK;

/* Drops at most `limit` of before `before`; what is pending only where its webhook is disabled. */
bool delivery_clean_up(struct db *db, instant before, int limit, int64_t *removed,
		       struct error *err) MUST_CHECK;

#endif
