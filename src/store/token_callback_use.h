/*
 * The calls of token callbacks (table token_callback_uses): when, for which meeting, whose tokens, and
 * what came of it. A callback keeps its newest TOKEN_CALLBACK_USES_MAX, so that no flood fills the disk.
 */
#ifndef STORE_TOKEN_CALLBACK_USE_H
#define STORE_TOKEN_CALLBACK_USE_H

#include "base/clock.h"
#include "store/db.h"
#include "store/page.h"

enum { TOKEN_CALLBACK_USES_MAX = 100000 };

struct token_callback_use {
	int64_t number; /* counts the callback's uses */
	instant used_at;
	const char *address;       /* its name in the API: "zak_url" */
	const char *engine_bot_id; /* NULL: the engine did not say */
	int64_t meeting_id;        /* 0: not known */
	int64_t connection_id;     /* 0: nobody's */
	const char
		*connection_public_id; /* of a list only; NULL: nobody's, or of one that is gone */
	const char *tokens;            /* what was handed out, space separated; "" for nothing */
	const char *outcome;           /* "minted", or the reason for a token that is not there */
	int status;                    /* HTTP */
};

/*
 * Inside the caller's transaction. Gives the use its number; nothing is written where the callback was
 * removed meanwhile.
 */
bool token_callback_use_add(struct db *db, int64_t callback_id,
			    const struct token_callback_use *use, struct error *err) MUST_CHECK;

/* The page's ids are numbers. */
bool token_callback_use_list(struct db *db, struct arena *arena, int64_t callback_id,
			     const struct page *page, struct token_callback_use **uses, int *count,
			     bool *has_newer, bool *has_older, struct error *err) MUST_CHECK;

/* Drops at most `limit` from before `before`. */
bool token_callback_use_clean_up(struct db *db, instant before, int limit, int64_t *removed,
				 struct error *err) MUST_CHECK;

#endif
