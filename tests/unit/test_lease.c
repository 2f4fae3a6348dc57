#include "base/crypto.h"
#include "bot/lease.h"
#include "bot/life.h"
#include "store/bot_event.h"
#include "store/bot_queue.h"
#include "store/statement.h"
#include "support/must.h"
#include "support/test_bots.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const instant now = 1000 * DAY;

static struct test_database database;
static struct db *db;
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	database = test_rows_open();
	db = database.db;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	test_database_release(&database);
	return 0;
}

/* The token of the bot that is handed out; NULL where none is. */
static const char *claim(instant at, struct bot *bot)
{
	const struct lease_request request = {TEST_PROJECT, "runner-1", 60, 0};
	struct error err = {0};
	const char *token;
	bool is_worth, found;

	must(lease_is_worth_claiming(db, TEST_PROJECT, at, &is_worth, &err), &err);
	must(lease_claim(db, &arena, &request, at, &found, bot, &token, &err), &err);
	assert_true(is_worth || !found);
	return found ? token : NULL;
}

static bool is_held(const struct bot *bot, const char *token)
{
	struct error err = {0};

	if (lease_check(db, bot, token, &err))
		return true;
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_string_equal(err.code, "lease_lost");
	assert_null(strstr(err.message, token));
	return false;
}

static void happen(struct bot *bot, const char *type, const char *sub_type)
{
	const struct bot_event event = {type, sub_type, NULL, now};
	struct error err = {0};

	must(life_apply(db, &arena, bot, &event, &err), &err);
}

static bool settle_one(instant at, const char **public_id)
{
	struct error err = {0};
	bool did;

	must(lease_settle_one(db, &arena, 0, at, 0, &did, public_id, &err), &err);
	return did;
}

static instant next_at(void)
{
	struct error err = {0};
	instant at;

	must(bot_queue_next_at(db, 0, &at, &err), &err);
	return at;
}

static void without_bots_nothing_is_handed_out(void **state)
{
	struct error err = {0};
	struct bot bot;
	bool is_worth;

	(void)state;
	assert_null(claim(now, &bot));
	must(lease_is_worth_claiming(db, TEST_PROJECT, now, &is_worth, &err), &err);
	assert_false(is_worth);
	assert_int_equal(next_at(), 0);
}

static void a_bot_is_handed_out_once_and_joins(void **state)
{
	const struct bot added = test_bot_add(db, &arena, test_bot(now));
	struct bot bot, stored;
	const char *token = claim(now, &bot);

	(void)state;
	assert_non_null(token);
	stored = test_bot_read(db, &arena, added.id);
	assert_int_equal(bot.id, added.id);
	assert_string_equal(bot.state, "joining");
	assert_string_equal(stored.state, "joining");
	assert_string_equal(stored.runner_id, "runner-1");
	assert_int_equal(stored.lease_s, 60);
	assert_int_equal(stored.lease_expires_at, now + MINUTE);
	assert_int_equal(bot.lease_expires_at, now + MINUTE);
	assert_int_equal(next_at(), now + MINUTE);
	assert_string_equal(test_bot_history(db, &arena, bot.id), "join_requested");
	assert_null(claim(now, &bot));
}

static void the_bot_that_is_due_longest_goes_first_and_none_before_its_time(void **state)
{
	struct bot scheduled = test_bot(now), late = test_bot(now + 20), early = test_bot(now + 10);
	struct bot bot;

	(void)state;
	scheduled.state = "scheduled";
	scheduled.join_at = now + 15;
	scheduled = test_bot_add(db, &arena, scheduled);
	late = test_bot_add(db, &arena, late);
	early = test_bot_add(db, &arena, early);
	assert_null(claim(now + 9, &bot));
	assert_non_null(claim(now + 30, &bot));
	assert_int_equal(bot.id, early.id);
	assert_non_null(claim(now + 30, &bot));
	assert_int_equal(bot.id, scheduled.id);
	assert_string_equal(test_bot_history(db, &arena, bot.id), "staged join_requested");
	assert_non_null(claim(now + 30, &bot));
	assert_int_equal(bot.id, late.id);
}

static void the_bots_of_another_project_are_not_handed_out(void **state)
{
	struct bot bot = test_bot(now);
	struct error err = {0};

	(void)state;
	must(db_script(
		     db,
		     "INSERT INTO projects (id, public_id, name, created_at) VALUES (2, 'p2', '', 1)",
		     &err),
	     &err);
	bot.project_id = 2;
	test_bot_add(db, &arena, bot);
	assert_null(claim(now, &bot));
}

static void only_the_latest_token_is_good(void **state)
{
	struct bot bot, again;
	const char *old, *token;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	old = claim(now, &bot);
	assert_true(is_held(&bot, old));
	assert_false(is_held(&bot, "lease_wrong"));
	token = claim(now + MINUTE, &again);
	assert_int_equal(again.id, bot.id);
	assert_string_not_equal(old, token);
	assert_false(is_held(&bot, old));
	assert_true(is_held(&bot, token));
	assert_string_equal(test_bot_history(db, &arena, bot.id),
			    "join_requested lease_expired join_requested");
}

static void the_token_is_stored_nowhere(void **state)
{
	SCOPED(statement_release) struct statement *find = NULL;
	struct error err = {0};
	struct bot bot;
	bool found;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	find = db_statement(db,
			    "SELECT 1 FROM bots WHERE lease_token_sha256 = $1 OR runner_id = $1");
	bind_text(find, 1, claim(now, &bot));
	must(statement_row(find, &found, &err), &err);
	assert_false(found);
	assert_int_equal(test_database_number(db, "SELECT length(lease_token_sha256) FROM bots"),
			 SHA256_BYTES);
}

static void a_sign_of_life_is_good_for_the_time_that_was_said_last(void **state)
{
	struct error err = {0};
	struct bot bot;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	claim(now, &bot);
	must(lease_extend(db, &bot, 0, now + 30 * SECOND, &err), &err);
	assert_int_equal(next_at(), now + 90 * SECOND);
	must(lease_extend(db, &bot, 600, now + MINUTE, &err), &err);
	assert_int_equal(next_at(), now + 11 * MINUTE);
	must(lease_extend(db, &bot, 0, now + 2 * MINUTE, &err), &err);
	assert_int_equal(next_at(), now + 12 * MINUTE);
}

static void a_bot_on_its_way_in_is_free_again_when_its_lease_runs_out(void **state)
{
	const char *public_id;
	struct bot bot;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	claim(now, &bot);
	happen(&bot, "put_in_waiting_room", NULL);
	assert_false(settle_one(now + MINUTE - 1, &public_id));
	assert_true(settle_one(now + MINUTE, &public_id));
	assert_string_equal(public_id, bot.public_id);
	bot = test_bot_read(db, &arena, bot.id);
	assert_string_equal(bot.state, "ready");
	assert_null(bot.runner_id);
	assert_int_equal(bot.lease_expires_at, 0);
	assert_false(settle_one(now + HOUR, &public_id));
	assert_int_equal(next_at(), 0);
}

/* What kills its runners is not handed out for ever. */
static void a_bot_whose_tenth_runner_died_on_the_way_in_fails(void **state)
{
	const struct bot added = test_bot_add(db, &arena, test_bot(now));
	struct bot_event newest;
	struct error err = {0};
	const char *public_id;
	struct bot bot;
	instant at = now;
	bool found;

	(void)state;
	for (int times = 1; times <= LEASES_LOST_MAX; times++, at += MINUTE) {
		assert_string_equal(test_bot_read(db, &arena, added.id).state, "ready");
		assert_non_null(claim(at, &bot));
		assert_true(settle_one(at + MINUTE, &public_id));
	}
	bot = test_bot_read(db, &arena, added.id);
	assert_string_equal(bot.state, "fatal_error");
	assert_int_equal(bot.lease_expires_at, 0);
	assert_null(claim(at, &bot));
	must(bot_event_find_newest(db, &arena, added.id, &found, &newest, &err), &err);
	assert_string_equal(newest.type, "fatal_error");
	assert_string_equal(newest.sub_type, "heartbeat_timeout");
	assert_string_equal(newest.metadata, "{\"runner_id\":\"runner-1\",\"leases_lost\":10}");
}

static void a_bot_that_had_joined_fails_when_its_lease_runs_out(void **state)
{
	static const char *const cases[][2] = {
		{"joined_meeting", NULL},
		{"leave_requested", "user_requested"},
		{"meeting_ended", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *token, *public_id;
		struct bot bot;

		test_bot_add(db, &arena, test_bot(now));
		token = claim(now, &bot);
		happen(&bot, cases[i][0], cases[i][1]);
		assert_true(settle_one(now + MINUTE, &public_id));
		assert_string_equal(test_bot_read(db, &arena, bot.id).state, "fatal_error");
		assert_non_null(strstr(test_bot_history(db, &arena, bot.id),
				       "fatal_error/heartbeat_timeout"));
		assert_false(is_held(&bot, token));
		assert_null(claim(now + HOUR, &bot));
	}
}

static void a_claim_settles_what_ran_out_by_itself(void **state)
{
	struct bot joined, lost, bot;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	test_bot_add(db, &arena, test_bot(now));
	claim(now, &joined);
	happen(&joined, "joined_meeting", NULL);
	claim(now, &lost);
	assert_non_null(claim(now + MINUTE, &bot));
	assert_int_equal(bot.id, lost.id);
	assert_string_equal(test_bot_read(db, &arena, joined.id).state, "fatal_error");
}

static void who_could_not_be_heard_has_as_long_again(void **state)
{
	const instant up = now + HOUR;
	struct error err = {0};
	const char *public_id;
	struct bot bot;
	bool did;
	instant at;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	assert_non_null(claim(now, &bot));
	must(bot_queue_next_at(db, up, &at, &err), &err);
	assert_int_equal(at, up + MINUTE);
	must(lease_settle_one(db, &arena, 0, up + MINUTE - 1, up, &did, &public_id, &err), &err);
	assert_false(did);
	must(bot_queue_next_at(db, now + MINUTE, &at, &err), &err);
	assert_int_equal(at, now + MINUTE);
	must(lease_settle_one(db, &arena, 0, up + MINUTE, up, &did, &public_id, &err), &err);
	assert_true(did);
	assert_string_equal(public_id, bot.public_id);
}

static instant lease_end(const struct bot *bot)
{
	return test_bot_read(db, &arena, bot->id).lease_expires_at;
}

static void a_lease_from_before_the_clock_was_set_back_is_as_long_as_it_was_from_now_on(
	void **state)
{
	struct error err = {0};
	const char *public_id;
	struct bot longer, bot;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	test_bot_add(db, &arena, test_bot(now));
	claim(now + HOUR, &longer);
	must(lease_extend(db, &longer, 600, now + HOUR, &err), &err);
	claim(now + HOUR, &bot);
	assert_false(settle_one(now, &public_id));
	assert_int_equal(lease_end(&bot), now + MINUTE);
	assert_int_equal(lease_end(&longer), now + 10 * MINUTE);
	assert_int_equal(next_at(), now + MINUTE);
	assert_true(settle_one(now + MINUTE, &public_id));
	assert_string_equal(public_id, bot.public_id);
}

static void a_claim_sees_as_well_that_the_clock_was_set_back(void **state)
{
	struct error err = {0};
	struct bot bot;
	bool is_worth;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	claim(now + HOUR, &bot);
	must(lease_is_worth_claiming(db, TEST_PROJECT, now, &is_worth, &err), &err);
	assert_true(is_worth);
	assert_null(claim(now, &bot));
	assert_int_equal(lease_end(&bot), now + MINUTE);
	must(lease_is_worth_claiming(db, TEST_PROJECT, now, &is_worth, &err), &err);
	assert_false(is_worth);
}

/* Who looked at the clock first may be the last to write. */
static void a_lease_of_a_few_seconds_ahead_is_left_alone(void **state)
{
	const char *public_id;
	struct bot bot;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	claim(now + 5 * SECOND, &bot);
	assert_false(settle_one(now, &public_id));
	assert_int_equal(lease_end(&bot), now + 65 * SECOND);
	assert_int_equal(next_at(), now + 65 * SECOND);
}

static void an_ended_bot_still_knows_its_runner_but_has_no_lease(void **state)
{
	struct error err = {0};
	const char *token, *public_id;
	struct bot bot;

	(void)state;
	test_bot_add(db, &arena, test_bot(now));
	token = claim(now, &bot);
	happen(&bot, "meeting_ended", NULL);
	happen(&bot, "post_processing_completed", NULL);
	assert_true(is_held(&bot, token));
	must(lease_extend(db, &bot, 60, now, &err), &err);
	assert_int_equal(test_bot_read(db, &arena, bot.id).lease_expires_at, 0);
	assert_false(settle_one(now + HOUR, &public_id));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(without_bots_nothing_is_handed_out),
		CASE(a_bot_is_handed_out_once_and_joins),
		CASE(the_bot_that_is_due_longest_goes_first_and_none_before_its_time),
		CASE(the_bots_of_another_project_are_not_handed_out),
		CASE(only_the_latest_token_is_good),
		CASE(the_token_is_stored_nowhere),
		CASE(a_sign_of_life_is_good_for_the_time_that_was_said_last),
		CASE(a_bot_on_its_way_in_is_free_again_when_its_lease_runs_out),
		CASE(a_bot_whose_tenth_runner_died_on_the_way_in_fails),
		CASE(a_bot_that_had_joined_fails_when_its_lease_runs_out),
		CASE(a_claim_settles_what_ran_out_by_itself),
		CASE(who_could_not_be_heard_has_as_long_again),
		CASE(a_lease_from_before_the_clock_was_set_back_is_as_long_as_it_was_from_now_on),
		CASE(a_claim_sees_as_well_that_the_clock_was_set_back),
		CASE(a_lease_of_a_few_seconds_ahead_is_left_alone),
		CASE(an_ended_bot_still_knows_its_runner_but_has_no_lease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
