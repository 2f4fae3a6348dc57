/*
 * Bots: requests to attend one meeting each (table bots). What happens to them goes through
 * bot/life.h.
 */
#ifndef STORE_BOT_H
#define STORE_BOT_H

#include "base/clock.h"
#include "store/db.h"
#include "store/page.h"

struct bot {
	int64_t id;
	const char *public_id; /* "bot_…" */
	int64_t project_id;
	const char *meeting_url;   /* canonical */
	int64_t meeting_id;        /* 0 for a personal link */
	const char *personal_name; /* of a personal link, else NULL */
	bool is_webinar_link;
	const char *bot_name;
	const char *state;  /* one of bot_states */
	bool is_token_flow; /* as last decided; else the standard flow, because of: */
	const char *join_flow_reason;
	int64_t connection_id; /* as last decided; 0: none */
	const char *connection_public_id;
	int64_t asked_connection_id; /* the one that the customer named; 0: none */
	const char *asked_connection_public_id;
	const char *onbehalf_user_id;  /* Zoom user id; NULL: no on-behalf token is wanted */
	const char *zoom_settings;     /* JSON object; NULL: none */
	instant join_at;               /* 0: at once */
	const char *deduplication_key; /* NULL: none */
	const char *metadata;          /* JSON object */
	const char *recording_state, *transcription_state;
	instant created_at, updated_at;
	const char *joined_state;    /* that a breakout room returns to; NULL: in none */
	int onbehalf_user_timeout_s; /* how long it waits for its on-behalf user; 0: it does not */
	instant held_until;       /* until then no runner gets it without that user; 0: any does */
	const char *runner_id;    /* who has it on lease; NULL: nobody */
	int lease_s;              /* how long a sign of life is good for */
	instant lease_expires_at; /* 0: its runner has nothing to do for it */
};

/* All states (zoom-facts section 7), NULL last. */
extern const char *const bot_states[];

/* True while nobody has begun to join for it: it can still be changed and deleted. */
bool bot_is_before_joining(const struct bot *bot);

/* True once nothing will happen to it any more but the deletion of its data. */
bool bot_is_final(const struct bot *bot);

/* *found is false where there is none; strings live in the arena. */
bool bot_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
	      bool *found, struct bot *bot, struct error *err) MUST_CHECK;

/* As bot_find(), by an id of ours. */
bool bot_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found, struct bot *bot,
		    struct error *err) MUST_CHECK;

/* What a list is narrowed to; NULL and 0 narrow nothing. */
struct bot_filter {
	const char *state, *meeting_url, *deduplication_key;
	/* Both inclusive; a bot without join_at matches neither. */
	instant join_at_after, join_at_before;
};

/* Its list is in the order of join_at, the latest first; else, as all are, in that of the ids. */
bool bot_filter_is_by_time(const struct bot_filter *filter);

bool bot_list(struct db *db, struct arena *arena, int64_t project_id,
	      const struct bot_filter *filter, const struct page *page, struct bot **bots,
	      int *count, bool *has_newer, bool *has_older, struct error *err) MUST_CHECK;

/*
 * Writes a new row; fills in id and public_id. ERROR_CONFLICT with code deduplication_key_in_use and
 * details {"bot_id"} while another bot that is not in a final state has the key.
 */
bool bot_add(struct db *db, struct arena *arena, struct bot *bot, struct error *err) MUST_CHECK;

/*
 * Writes all that a customer or the decision about the join flow can change of bot->id, its state,
 * held_until and updated_at. Fails as bot_add() does.
 */
bool bot_change(struct db *db, struct arena *arena, const struct bot *bot, struct error *err)
	MUST_CHECK;

/* How it joins was decided anew: writes is_token_flow, join_flow_reason and connection_id alone. */
bool bot_set_join_flow(struct db *db, const struct bot *bot, instant now, struct error *err)
	MUST_CHECK;

/* Writes its state, recording_state, joined_state and updated_at alone. */
bool bot_set_state(struct db *db, const struct bot *bot, struct error *err) MUST_CHECK;

/* Whoever asks for it may have it, whether its on-behalf user is there or not. */
bool bot_end_hold(struct db *db, int64_t id, instant now, struct error *err) MUST_CHECK;

bool bot_remove(struct db *db, int64_t id, struct error *err) MUST_CHECK;

/*
 * Removes at most `limit` to which nothing has happened since `before` and which were to join before that, with
 * what is theirs; none that a runner has.
 */
bool bot_clean_up(struct db *db, instant before, int limit, int64_t *removed, struct error *err)
	MUST_CHECK;

#endif
