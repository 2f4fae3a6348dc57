/*
 * Token callbacks: where a bot engine fetches tokens (table token_callbacks). The secret of the path is
 * shown once and never stored; its SHA-256 finds it.
 */
#ifndef STORE_TOKEN_CALLBACK_H
#define STORE_TOKEN_CALLBACK_H

#include "base/clock.h"
#include "store/db.h"
#include "store/page.h"

struct token_callback {
	int64_t id;
	const char *public_id; /* "tcb_…" */
	int64_t project_id;
	const char *engine;               /* "attendee", "recall", "meeting_baas" or "meetstream" */
	const char *name;                 /* NULL: none */
	struct sealed signing_secret;     /* may be none */
	instant created_at, last_used_at; /* the latter 0: never */
	int64_t use_count;
};

/* Where the signing secret is sealed to. */
struct seal_place token_callback_signing_secret_place(const struct token_callback *callback);

/* For the path of a new one, in the arena. */
const char *token_callback_make_secret(struct arena *arena);

/* Writes a new row and fills in its id. */
bool token_callback_add(struct db *db, struct token_callback *callback, const char *secret,
			struct error *err) MUST_CHECK;

/* Both: *found is false where there is none; strings live in the arena. */
bool token_callback_find(struct db *db, struct arena *arena, int64_t project_id,
			 const char *public_id, bool *found, struct token_callback *callback,
			 struct error *err) MUST_CHECK;
bool token_callback_find_by_secret(struct db *db, struct arena *arena, const char *secret,
				   bool *found, struct token_callback *callback, struct error *err)
	MUST_CHECK;

bool token_callback_list(struct db *db, struct arena *arena, int64_t project_id,
			 const struct page *page, struct token_callback **callbacks, int *count,
			 bool *has_newer, bool *has_older, struct error *err) MUST_CHECK;

/* Its addresses are dead from the commit on, and its uses forgotten. */
bool token_callback_remove(struct db *db, int64_t id, struct error *err) MUST_CHECK;

#endif
