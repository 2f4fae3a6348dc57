#include "bot/life.h"
#include "bot/transition.h"
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
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	database = test_rows_open();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	test_database_release(&database);
	return 0;
}

static void happen(struct bot *bot, const char *type, const char *sub_type, instant at)
{
	const struct bot_event event = {type, sub_type, NULL, at};
	struct error err = {0};

	must(life_apply(database.db, &arena, bot, &event, &err), &err);
}

static struct bot joined_bot(void)
{
	struct bot bot = test_bot_add(database.db, &arena, test_bot(now));

	happen(&bot, "join_requested", NULL, now + 1);
	happen(&bot, "joined_meeting", NULL, now + 2);
	happen(&bot, "recording_permission_granted", NULL, now + 3);
	return bot;
}

static void an_event_changes_the_bot_and_what_is_stored_of_it(void **state)
{
	struct bot bot = joined_bot(), stored = test_bot_read(database.db, &arena, bot.id);

	(void)state;
	assert_string_equal(bot.state, "joined_recording");
	assert_string_equal(stored.state, "joined_recording");
	assert_string_equal(stored.recording_state, "in_progress");
	assert_int_equal(stored.updated_at, now + 3);
	assert_string_equal(test_bot_history(database.db, &arena, bot.id),
			    "join_requested joined_meeting recording_permission_granted");
}

static void an_events_details_are_kept(void **state)
{
	const struct bot_event event = {"fatal_error", "process_terminated", "{\"signal\":9}", now};
	struct bot bot = joined_bot();
	struct bot_event newest;
	struct error err = {0};
	bool found;

	(void)state;
	must(life_apply(database.db, &arena, &bot, &event, &err), &err);
	must(bot_event_find_newest(database.db, &arena, bot.id, &found, &newest, &err), &err);
	assert_true(found);
	assert_string_equal(newest.type, event.type);
	assert_string_equal(newest.sub_type, event.sub_type);
	assert_string_equal(newest.metadata, event.metadata);
	assert_int_equal(newest.created_at, now);
	assert_string_equal(test_bot_read(database.db, &arena, bot.id).recording_state, "failed");
}

static void what_cannot_happen_changes_nothing_and_tells_the_state(void **state)
{
	const struct bot_event event = {"joined_meeting", NULL, NULL, now + 9};
	struct bot bot = test_bot_add(database.db, &arena, test_bot(now));
	struct error err = {0};

	(void)state;
	assert_false(life_apply(database.db, &arena, &bot, &event, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_string_equal(err.code, "invalid_transition");
	assert_string_equal(err.details, "{\"state\":\"ready\"}");
	assert_string_equal(bot.state, "ready");
	assert_string_equal(test_bot_read(database.db, &arena, bot.id).state, "ready");
	assert_string_equal(test_bot_history(database.db, &arena, bot.id), "");
}

static void a_breakout_room_leads_back_to_where_it_was_entered(void **state)
{
	struct bot bot = joined_bot();

	(void)state;
	happen(&bot, "recording_paused", NULL, now + 4);
	happen(&bot, "began_joining_breakout_room", NULL, now + 5);
	bot = test_bot_read(database.db, &arena, bot.id);
	assert_string_equal(bot.state, "joining_breakout_room");
	assert_string_equal(bot.joined_state, "joined_recording_paused");
	happen(&bot, "joined_breakout_room", NULL, now + 6);
	bot = test_bot_read(database.db, &arena, bot.id);
	assert_string_equal(bot.state, "joined_recording_paused");
	assert_null(bot.joined_state);
	happen(&bot, "recording_resumed", NULL, now + 7);
	happen(&bot, "began_leaving_breakout_room", NULL, now + 8);
	happen(&bot, "left_breakout_room", NULL, now + 9);
	assert_string_equal(test_bot_read(database.db, &arena, bot.id).state, "joined_recording");
}

static void a_lease_ends_with_the_bot(void **state)
{
	struct bot bot = joined_bot();
	struct error err = {0};

	(void)state;
	must(db_script(database.db, "UPDATE bots SET lease_expires_at = 5", &err), &err);
	happen(&bot, "meeting_ended", NULL, now + 4);
	assert_int_equal(test_bot_read(database.db, &arena, bot.id).lease_expires_at, 5);
	happen(&bot, "post_processing_completed", NULL, now + 5);
	bot = test_bot_read(database.db, &arena, bot.id);
	assert_string_equal(bot.state, "ended");
	assert_string_equal(bot.recording_state, "complete");
	assert_int_equal(bot.lease_expires_at, 0);
}

static void a_scheduled_bot_is_staged_before_it_joins(void **state)
{
	struct bot bot = test_bot(now);
	struct error err = {0};

	(void)state;
	bot.state = "scheduled";
	bot = test_bot_add(database.db, &arena, bot);
	must(life_begin_to_join(database.db, &arena, &bot, "{}", now, &err), &err);
	assert_string_equal(bot.state, "joining");
	assert_string_equal(test_bot_history(database.db, &arena, bot.id), "staged join_requested");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_event_changes_the_bot_and_what_is_stored_of_it,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_events_details_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_cannot_happen_changes_nothing_and_tells_the_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_breakout_room_leads_back_to_where_it_was_entered,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lease_ends_with_the_bot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_scheduled_bot_is_staged_before_it_joins, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
