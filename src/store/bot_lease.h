/*
 * Leases on bots: a runner has one bot to itself for as long as it gives signs of life. It proves that
 * with a token, of which the digest alone is kept.
 */
#ifndef STORE_BOT_LEASE_H
#define STORE_BOT_LEASE_H

#include "base/clock.h"
#include "base/crypto.h"
#include "store/bot.h"
#include "store/db.h"

/* Writes bot->runner_id, lease_s and lease_expires_at; whoever had it before has it no more. */
bool bot_lease_take(struct db *db, const struct bot *bot,
		    const unsigned char token_sha256[static SHA256_BYTES], struct error *err)
	MUST_CHECK;

/* Nobody else has taken it since, and it was not lost. True of an ended one too. */
bool bot_lease_is_held(struct db *db, int64_t bot_id,
		       const unsigned char token_sha256[static SHA256_BYTES], bool *is_held,
		       struct error *err) MUST_CHECK;

/* Writes bot->lease_s and lease_expires_at. */
bool bot_lease_extend(struct db *db, const struct bot *bot, struct error *err) MUST_CHECK;

/*
 * Whether a runner gave a sign of life in what is the future now: the clock was set back since. Who looked at
 * the clock first may be the last to write, so a few seconds prove nothing.
 */
bool bot_lease_find_ahead(struct db *db, instant now, bool *found, struct error *err) MUST_CHECK;

/* Takes those signs, of all projects, for ones of now. */
bool bot_lease_shorten(struct db *db, instant now, struct error *err) MUST_CHECK;

/* The bot is done. Its runner is still known by the token, in case an answer did not reach it. */
bool bot_lease_end(struct db *db, int64_t bot_id, struct error *err) MUST_CHECK;

/* The runner is taken for dead: its token is good for nothing any more. */
bool bot_lease_lose(struct db *db, int64_t bot_id, struct error *err) MUST_CHECK;

#endif
