/*
 * Bots on lease to runners, the programs that put them into meetings. A runner has a bot for as long as
 * it gives a sign of life within the lease; after that the bot is another runner's, or has failed
 * where it was in its meeting already. All of it inside the caller's transaction.
 */
#ifndef BOT_LEASE_H
#define BOT_LEASE_H

#include "base/arena.h"
#include "base/clock.h"
#include "store/bot.h"
#include "store/db.h"

/* So many runners of a bot may die before it is in its meeting; then it has failed, for it may be what kills them. */
enum { LEASES_LOST_MAX = 10 };

struct lease_request {
	int64_t project_id;
	const char *runner_id;
	int lease_s;
	instant heard_since; /* as that of lease_settle_one() */
};

/* Looks whether lease_claim() would find a bot or something to do, without a transaction. */
bool lease_is_worth_claiming(struct db *db, int64_t project_id, instant now, bool *is_worth,
			     struct error *err) MUST_CHECK;

/*
 * Hands out the bot that is due longest, now joining; *found is false where none is. What has run out
 * is settled first, so that it works the same where no worker runs. The token, in the arena, is the
 * only copy.
 */
bool lease_claim(struct db *db, struct arena *arena, const struct lease_request *request,
		 instant now, bool *found, struct bot *bot, const char **token, struct error *err)
	MUST_CHECK;

/*
 * ERROR_CONFLICT with code lease_lost unless the token is that of the bot's latest lease. That one may
 * have run out, as long as nobody has noticed; and it may have ended with the bot.
 */
bool lease_check(struct db *db, const struct bot *bot, const char *token, struct error *err)
	MUST_CHECK;

/* A sign of life, which is good for lease_s; 0: for as long as the latest one. Nothing for a bot that is over. */
bool lease_extend(struct db *db, struct bot *bot, int lease_s, instant now, struct error *err)
	MUST_CHECK;

/*
 * Settles the lease that ran out first, in one project or (0) in all: frees a bot that was on its way in
 * for the next runner, unless it has lost LEASES_LOST_MAX; fails that and any other one. *did is false where
 * none has run out; *public_id is the bot's.
 * What ran out before `heard_since` (store/bot_queue.h) is given as much time again; and what a clock that was
 * set back since would keep for longer than the lease is, has as long as that from now on.
 */
bool lease_settle_one(struct db *db, struct arena *arena, int64_t project_id, instant now,
		      instant heard_since, bool *did, const char **public_id, struct error *err)
	MUST_CHECK;

#endif
