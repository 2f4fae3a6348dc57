#include "bot/lease.h"

#include "base/crypto.h"
#include "bot/hold.h"
#include "bot/life.h"
#include "bot/transition.h"
#include "http/json.h"
#include "store/bot_lease.h"
#include "store/bot_queue.h"

#include <string.h>

enum {
	TOKEN_LENGTH = 32, /* 190 bits: random enough for its digest to need no salt */
	SETTLED_MAX = 20,  /* by one claim, of leases and of holds; the next one goes on */
};

/* Of a runner, and of how many the bot lost on its way in, where that is why. */
static const char *runner_metadata(struct arena *arena, const char *runner_id, int64_t leases_lost)
{
	json_t *metadata = json_object();
	const char *text;

	json_object_set_new(metadata, "runner_id", json_string(runner_id));
	if (leases_lost != 0)
		json_object_set_new(metadata, "leases_lost", json_integer(leases_lost));
	text = json_text(arena, metadata);
	json_decref(metadata);
	return text;
}

/* In the order in which a bot comes to be due, for it may do so between two looks. */
bool lease_is_worth_claiming(struct db *db, int64_t project_id, instant now, bool *is_worth,
			     struct error *err)
{
	int64_t id;

	return bot_lease_find_ahead(db, now, is_worth, err) &&
	       (*is_worth || bot_queue_find_lost(db, project_id, now, 0, is_worth, &id, err)) &&
	       (*is_worth ||
		bot_queue_find_kept_waiting(db, project_id, now, is_worth, &id, err)) &&
	       (*is_worth || bot_queue_find_due(db, project_id, now, is_worth, &id, err));
}

/* What ran out in the project; of very much the oldest. */
static bool settle(struct db *db, struct arena *arena, const struct lease_request *request,
		   instant now, struct error *err)
{
	const int64_t project_id = request->project_id;
	const char *public_id;
	bool did = true;

	for (int i = 0; i < SETTLED_MAX && did; i++)
		if (!lease_settle_one(db, arena, project_id, now, request->heard_since, &did,
				      &public_id, err))
			return false;
	did = true;
	for (int i = 0; i < SETTLED_MAX && did; i++)
		if (!hold_settle_one(db, arena, project_id, now, &did, &public_id, err))
			return false;
	return true;
}

static bool take(struct db *db, struct arena *arena, const struct lease_request *request,
		 instant now, struct bot *bot, const char **token, struct error *err)
{
	char *random = arena_alloc(arena, TOKEN_LENGTH + 1);
	unsigned char digest[SHA256_BYTES];

	random_base62(random, TOKEN_LENGTH);
	*token = arena_printf(arena, "lease_%s", random);
	sha256(*token, strlen(*token), digest);
	bot->runner_id = request->runner_id;
	bot->lease_s = request->lease_s;
	bot->lease_expires_at = now + request->lease_s * SECOND;
	return bot_lease_take(db, bot, digest, err);
}

bool lease_claim(struct db *db, struct arena *arena, const struct lease_request *request,
		 instant now, bool *found, struct bot *bot, const char **token, struct error *err)
{
	int64_t id;

	if (!settle(db, arena, request, now, err) ||
	    !bot_queue_find_due(db, request->project_id, now, found, &id, err))
		return false;
	if (!*found)
		return true;
	return bot_find_by_id(db, arena, id, found, bot, err) &&
	       life_begin_to_join(db, arena, bot, runner_metadata(arena, request->runner_id, 0),
				  now, err) &&
	       take(db, arena, request, now, bot, token, err);
}

bool lease_check(struct db *db, const struct bot *bot, const char *token, struct error *err)
{
	unsigned char digest[SHA256_BYTES];
	bool is_held;

	sha256(token, strlen(token), digest);
	if (!bot_lease_is_held(db, bot->id, digest, &is_held, err))
		return false;
	return is_held ||
	       error_set_code(err, ERROR_CONFLICT, "lease_lost",
			      "this lease_token is not the one of the bot's lease: it ran"
			      " out, or another runner has the bot; stop working on it");
}

bool lease_extend(struct db *db, struct bot *bot, int lease_s, instant now, struct error *err)
{
	if (bot_is_final(bot))
		return true;
	if (lease_s != 0)
		bot->lease_s = lease_s;
	bot->lease_expires_at = now + bot->lease_s * SECOND;
	return bot_lease_extend(db, bot, err);
}

static bool is_on_the_way_in(const struct bot *bot)
{
	return strcmp(bot->state, "joining") == 0 || strcmp(bot->state, "waiting_room") == 0;
}

/* Freed while nobody can miss it in the meeting, and not too many runners have died with it; else it has failed. */
static bool lose(struct db *db, struct arena *arena, struct bot *bot, instant now,
		 struct error *err)
{
	const struct bot_event freed = {EVENT_LEASE_EXPIRED, NULL,
					runner_metadata(arena, bot->runner_id, 0), now};
	struct bot_event failed = {EVENT_FATAL_ERROR, SUB_TYPE_HEARTBEAT_TIMEOUT, freed.metadata,
				   now};
	int64_t freed_count;
	bool is_free = false;

	if (is_on_the_way_in(bot)) {
		if (!bot_event_count(db, bot->id, EVENT_LEASE_EXPIRED, &freed_count, err))
			return false;
		is_free = freed_count + 1 < LEASES_LOST_MAX;
		failed.metadata = runner_metadata(arena, bot->runner_id, freed_count + 1);
	}
	return life_apply(db, arena, bot, is_free ? &freed : &failed, err) &&
	       bot_lease_lose(db, bot->id, err);
}

bool lease_settle_one(struct db *db, struct arena *arena, int64_t project_id, instant now,
		      instant heard_since, bool *did, const char **public_id, struct error *err)
{
	struct bot bot;
	int64_t id;

	if (!bot_lease_shorten(db, now, err) ||
	    !bot_queue_find_lost(db, project_id, now, heard_since, did, &id, err))
		return false;
	if (!*did)
		return true;
	if (!bot_find_by_id(db, arena, id, did, &bot, err) || !lose(db, arena, &bot, now, err))
		return false;
	*public_id = bot.public_id;
	return true;
}
