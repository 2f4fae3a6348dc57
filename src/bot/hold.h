/*
 * Bots that are kept from runners until their on-behalf user is in the meeting, for without that user
 * Zoom lets none of them in. Only what Zoom's events tell counts (store/bot_presence.h).
 */
#ifndef BOT_HOLD_H
#define BOT_HOLD_H

#include "base/arena.h"
#include "base/clock.h"
#include "store/bot.h"
#include "store/db.h"

/*
 * Sets bot->held_until of a bot that is made or changed: onbehalf_user_timeout_s from when it is due, or
 * from now on where it is due already. Writes nothing.
 */
void hold_begin(struct bot *bot, instant now);

/*
 * Settles the hold that ran out first, as lease_settle_one() does a lease. A bot whose user is known not
 * to be there has failed to join. Where nothing is known of the user a runner may have it after all:
 * Zoom will tell.
 */
bool hold_settle_one(struct db *db, struct arena *arena, int64_t project_id, instant now, bool *did,
		     const char **public_id, struct error *err) MUST_CHECK;

#endif
