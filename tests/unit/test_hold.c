#include "bot/hold.h"
#include "bot/lease.h"
#include "store/bot_presence.h"
#include "store/bot_queue.h"
#include "store/meeting.h"
#include "store/participant.h"
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

static void run(const char *sql)
{
	struct error err = {0};

	must(db_script(db, sql, &err), &err);
}

/* Waits ten minutes for Ada, whose connection is TEST_ADA. */
static struct bot held_bot(instant at, instant join_at)
{
	struct bot bot = test_bot(at);

	bot.onbehalf_user_id = "ada";
	bot.onbehalf_user_timeout_s = 600;
	bot.join_at = join_at;
	bot.state = join_at > at ? "scheduled" : "ready";
	hold_begin(&bot, at);
	return test_bot_add(db, &arena, bot);
}

static enum presence presence_of(const struct bot *bot, instant at)
{
	enum presence presence;
	struct error err = {0};

	must(bot_presence_find(db, bot->id, at, &presence, &err), &err);
	return presence;
}

static void note(int64_t connection_id, bool is_present, instant at)
{
	struct error err = {0};

	must(participant_note(db,
			      &(struct participation){TEST_APP, TEST_MEETING, connection_id, NULL},
			      is_present, at, &err),
	     &err);
}

/* Bob's meeting begins or ends. */
static void set_live(bool is_live, instant at)
{
	struct error err = {0};

	must(meeting_learn(db, TEST_APP, TEST_MEETING, TEST_BOB, at, &err), &err);
	must(meeting_set_live(db, TEST_APP, TEST_MEETING, is_live, at, &err), &err);
}

static void hear_of_participants(void)
{
	run("INSERT INTO zoom_event_counts (app_id, name, count, last_at)"
	    " VALUES (1, 'meeting.participant_joined', 1, 1)");
}

static bool claim(instant at, struct bot *bot)
{
	const struct lease_request request = {TEST_PROJECT, "runner-1", 60, 0};
	struct error err = {0};
	const char *token;
	bool found;

	must(lease_claim(db, &arena, &request, at, &found, bot, &token, &err), &err);
	return found;
}

static bool settle_one(instant at, const char **public_id)
{
	struct error err = {0};
	bool did;

	must(hold_settle_one(db, &arena, 0, at, &did, public_id, &err), &err);
	return did;
}

static void nothing_is_known_of_a_user_of_whom_nothing_was_heard(void **state)
{
	struct bot bot = held_bot(now, 0), stranger = test_bot(now);

	(void)state;
	stranger.onbehalf_user_id = "nobody";
	stranger = test_bot_add(db, &arena, stranger);
	hear_of_participants();
	assert_int_equal(presence_of(&bot, now), PRESENCE_UNKNOWN);
	set_live(true, now);
	assert_int_equal(presence_of(&stranger, now), PRESENCE_UNKNOWN);
}

static void a_user_is_there_from_joining_to_leaving(void **state)
{
	const struct bot bot = held_bot(now, 0);

	(void)state;
	note(TEST_ADA, true, now);
	assert_int_equal(presence_of(&bot, now), PRESENCE_PRESENT);
	note(TEST_ADA, false, now + 1);
	assert_int_equal(presence_of(&bot, now + 1), PRESENCE_ABSENT);
}

static void another_user_in_the_meeting_is_not_the_one(void **state)
{
	const struct bot bot = held_bot(now, 0);

	(void)state;
	note(TEST_BOB, true, now);
	assert_int_equal(presence_of(&bot, now), PRESENCE_UNKNOWN);
}

static void nobody_is_in_a_meeting_that_has_ended(void **state)
{
	const struct bot bot = held_bot(now, 0);

	(void)state;
	set_live(true, now);
	set_live(false, now + 1);
	assert_int_equal(presence_of(&bot, now + 1), PRESENCE_ABSENT);
}

static void who_did_not_come_to_a_live_meeting_is_known_only_where_the_app_hears_of_participants(
	void **state)
{
	const struct bot bot = held_bot(now, 0);

	(void)state;
	set_live(true, now);
	assert_int_equal(presence_of(&bot, now), PRESENCE_UNKNOWN);
	hear_of_participants();
	assert_int_equal(presence_of(&bot, now), PRESENCE_ABSENT);
}

static void what_was_heard_days_ago_says_nothing_of_now(void **state)
{
	const struct bot bot = held_bot(now, 0);

	(void)state;
	hear_of_participants();
	set_live(true, now);
	assert_int_equal(presence_of(&bot, now + BOT_PRESENCE_AGE), PRESENCE_ABSENT);
	assert_int_equal(presence_of(&bot, now + BOT_PRESENCE_AGE + 1), PRESENCE_UNKNOWN);
	note(TEST_ADA, true, now);
	assert_int_equal(presence_of(&bot, now + BOT_PRESENCE_AGE), PRESENCE_PRESENT);
	assert_int_equal(presence_of(&bot, now + BOT_PRESENCE_AGE + 1), PRESENCE_UNKNOWN);
}

static void what_one_app_of_the_project_knows_is_enough(void **state)
{
	const struct bot bot = held_bot(now, 0);
	struct error err = {0};

	(void)state;
	run("INSERT INTO zoom_oauth_connections (id, public_id, project_id, app_id, zoom_user_id,"
	    " pmi_at, metadata, scopes, is_local_recording_token_supported,"
	    " is_onbehalf_token_supported, state, created_at, updated_at)"
	    " VALUES (9, 'zoauth_9', 1, 2, 'ada', 1, '{}', '', 1, 1, 'connected', 1, 1)");
	note(TEST_ADA, false, now);
	assert_int_equal(presence_of(&bot, now), PRESENCE_ABSENT);
	must(participant_note(db, &(struct participation){TEST_OTHER_APP, TEST_MEETING, 9, NULL},
			      true, now, &err),
	     &err);
	assert_int_equal(presence_of(&bot, now), PRESENCE_PRESENT);
}

static void a_personal_link_is_its_owners_personal_meeting(void **state)
{
	struct bot bot = test_bot(now);

	(void)state;
	run("UPDATE zoom_oauth_connections SET pmi = 123456789, personal_name = 'bob' WHERE id = 2");
	bot.meeting_id = 0;
	bot.personal_name = "bob";
	bot.onbehalf_user_id = "ada";
	bot = test_bot_add(db, &arena, bot);
	note(TEST_ADA, true, now);
	assert_int_equal(presence_of(&bot, now), PRESENCE_PRESENT);
}

static void a_held_bot_is_handed_out_once_its_user_is_there(void **state)
{
	const struct bot held = held_bot(now, 0);
	struct bot bot;

	(void)state;
	assert_false(claim(now, &bot));
	note(TEST_ADA, true, now + 1);
	assert_true(claim(now + 1, &bot));
	assert_int_equal(bot.id, held.id);
	assert_string_equal(bot.state, "joining");
}

static void a_held_bot_holds_up_no_other(void **state)
{
	const struct bot held = held_bot(now, 0);
	const struct bot other = test_bot_add(db, &arena, test_bot(now + 1));
	struct bot bot;

	(void)state;
	assert_true(claim(now + 1, &bot));
	assert_int_equal(bot.id, other.id);
	assert_false(claim(now + 1, &bot));
	assert_string_equal(test_bot_read(db, &arena, held.id).state, "ready");
}

static void the_time_to_wait_begins_when_the_bot_is_due(void **state)
{
	struct bot bot = test_bot(now);

	(void)state;
	bot.onbehalf_user_timeout_s = 600;
	hold_begin(&bot, now);
	assert_int_equal(bot.held_until, now + 10 * MINUTE);
	bot.join_at = now + HOUR;
	hold_begin(&bot, now);
	assert_int_equal(bot.held_until, now + HOUR + 10 * MINUTE);
	bot.join_at = now - HOUR;
	hold_begin(&bot, now);
	assert_int_equal(bot.held_until, now + 10 * MINUTE);
	bot.onbehalf_user_timeout_s = 0;
	hold_begin(&bot, now);
	assert_int_equal(bot.held_until, 0);
}

static void a_bot_whose_user_did_not_come_has_failed_to_join(void **state)
{
	const struct bot held = held_bot(now - HOUR, now);
	const char *public_id;

	(void)state;
	note(TEST_ADA, false, now);
	assert_false(settle_one(now + 10 * MINUTE - 1, &public_id));
	assert_true(settle_one(now + 10 * MINUTE, &public_id));
	assert_string_equal(public_id, held.public_id);
	assert_string_equal(test_bot_read(db, &arena, held.id).state, "fatal_error");
	assert_string_equal(test_bot_history(db, &arena, held.id),
			    "staged join_requested could_not_join_meeting/"
			    "authorized_user_not_in_meeting_timeout_exceeded");
	assert_false(settle_one(now + HOUR, &public_id));
}

static void a_bot_of_whose_user_nothing_is_known_is_handed_out_after_all(void **state)
{
	const struct bot held = held_bot(now, 0);
	struct error err = {0};
	const char *public_id;
	struct bot bot;
	instant at;

	(void)state;
	must(bot_queue_next_at(db, 0, &at, &err), &err);
	assert_int_equal(at, now + 10 * MINUTE);
	assert_true(settle_one(at, &public_id));
	assert_false(settle_one(at, &public_id));
	assert_true(claim(at, &bot));
	assert_int_equal(bot.id, held.id);
}

static void a_claim_settles_holds_by_itself(void **state)
{
	const struct bot unknown = held_bot(now, 0);
	struct bot bot;

	(void)state;
	assert_false(claim(now + 10 * MINUTE - 1, &bot));
	assert_true(claim(now + 10 * MINUTE, &bot));
	assert_int_equal(bot.id, unknown.id);
}

static void a_bot_that_lost_its_runner_waits_for_its_user_again(void **state)
{
	struct bot bot;

	(void)state;
	held_bot(now, 0);
	note(TEST_ADA, true, now);
	assert_true(claim(now, &bot));
	note(TEST_ADA, false, now + 1);
	assert_false(claim(now + MINUTE, &bot));
	assert_string_equal(test_bot_history(db, &arena, bot.id), "join_requested lease_expired");
	note(TEST_ADA, true, now + 2 * MINUTE);
	assert_true(claim(now + 2 * MINUTE, &bot));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_known_of_a_user_of_whom_nothing_was_heard),
		CASE(a_user_is_there_from_joining_to_leaving),
		CASE(another_user_in_the_meeting_is_not_the_one),
		CASE(nobody_is_in_a_meeting_that_has_ended),
		CASE(who_did_not_come_to_a_live_meeting_is_known_only_where_the_app_hears_of_participants),
		CASE(what_was_heard_days_ago_says_nothing_of_now),
		CASE(what_one_app_of_the_project_knows_is_enough),
		CASE(a_personal_link_is_its_owners_personal_meeting),
		CASE(a_held_bot_is_handed_out_once_its_user_is_there),
		CASE(a_held_bot_holds_up_no_other),
		CASE(the_time_to_wait_begins_when_the_bot_is_due),
		CASE(a_bot_whose_user_did_not_come_has_failed_to_join),
		CASE(a_bot_of_whose_user_nothing_is_known_is_handed_out_after_all),
		CASE(a_claim_settles_holds_by_itself),
		CASE(a_bot_that_lost_its_runner_waits_for_its_user_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
