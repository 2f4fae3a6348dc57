#include "store/bot.h"
#include "store/bot_event.h"
#include "support/must.h"
#include "support/test_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Two projects; one connection in the first. */
static const char world_sql[] =
	"INSERT INTO projects (id, public_id, name, created_at) VALUES (1, 'proj_1', 'one', 1), (2, 'proj_2', 'two', 1);"
	"INSERT INTO zoom_oauth_apps (id, public_id, project_id, client_id, client_secret, state, created_at,"
	" updated_at) VALUES (1, 'zoapp_1', 1, 'client', x'00', 'active', 1, 1);"
	"INSERT INTO zoom_oauth_connections (id, public_id, project_id, app_id, zoom_user_id, pmi_at, metadata,"
	" scopes, is_local_recording_token_supported, is_onbehalf_token_supported, state, created_at, updated_at)"
	" VALUES (7, 'zoauth_7', 1, 1, 'user', 1, '{}', '', 1, 0, 'connected', 1, 1);";

struct fixture {
	struct test_database database;
	struct db *db;
	struct arena arena;
	struct error err;
};

static void run(struct fixture *fixture, const char *sql)
{
	must(db_script(fixture->db, sql, &fixture->err), &fixture->err);
}

static int open_fixture(void **state)
{
	struct fixture *fixture = test_calloc(1, sizeof(*fixture));

	fixture->database = test_database_open();
	fixture->db = fixture->database.db;
	run(fixture, world_sql);
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	arena_release(&fixture->arena);
	test_database_release(&fixture->database);
	test_free(fixture);
	return 0;
}

static struct bot bot_of(int64_t project_id)
{
	return (struct bot){.project_id = project_id,
			    .meeting_url = "https://zoom.us/j/123456789",
			    .meeting_id = 123456789,
			    .bot_name = "Notetaker",
			    .state = "ready",
			    .join_flow_reason = "no_connection_for_meeting",
			    .metadata = "{}",
			    .updated_at = 1000};
}

static struct bot add(struct fixture *fixture, struct bot bot)
{
	must(bot_add(fixture->db, &fixture->arena, &bot, &fixture->err), &fixture->err);
	return bot;
}

static struct bot read_again(struct fixture *fixture, const struct bot *bot)
{
	struct bot read;
	bool found;

	must(bot_find(fixture->db, &fixture->arena, bot->project_id, bot->public_id, &found, &read,
		      &fixture->err),
	     &fixture->err);
	assert_true(found);
	return read;
}

static void assert_same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void assert_same_bot(const struct bot *a, const struct bot *b)
{
	assert_int_equal(a->id, b->id);
	assert_same_text(a->public_id, b->public_id);
	assert_int_equal(a->project_id, b->project_id);
	assert_same_text(a->meeting_url, b->meeting_url);
	assert_int_equal(a->meeting_id, b->meeting_id);
	assert_same_text(a->personal_name, b->personal_name);
	assert_int_equal(a->is_webinar_link, b->is_webinar_link);
	assert_same_text(a->bot_name, b->bot_name);
	assert_same_text(a->state, b->state);
	assert_int_equal(a->is_token_flow, b->is_token_flow);
	assert_same_text(a->join_flow_reason, b->join_flow_reason);
	assert_int_equal(a->connection_id, b->connection_id);
	assert_same_text(a->connection_public_id, b->connection_public_id);
	assert_int_equal(a->asked_connection_id, b->asked_connection_id);
	assert_same_text(a->asked_connection_public_id, b->asked_connection_public_id);
	assert_same_text(a->onbehalf_user_id, b->onbehalf_user_id);
	assert_same_text(a->zoom_settings, b->zoom_settings);
	assert_int_equal(a->join_at, b->join_at);
	assert_same_text(a->deduplication_key, b->deduplication_key);
	assert_same_text(a->metadata, b->metadata);
	assert_same_text(a->recording_state, b->recording_state);
	assert_same_text(a->transcription_state, b->transcription_state);
	assert_int_equal(a->created_at, b->created_at);
	assert_int_equal(a->updated_at, b->updated_at);
	assert_same_text(a->joined_state, b->joined_state);
	assert_int_equal(a->onbehalf_user_timeout_s, b->onbehalf_user_timeout_s);
	assert_int_equal(a->held_until, b->held_until);
	assert_same_text(a->runner_id, b->runner_id);
	assert_int_equal(a->lease_s, b->lease_s);
	assert_int_equal(a->lease_expires_at, b->lease_expires_at);
}

static struct bot full_bot(void)
{
	struct bot bot = bot_of(1);

	bot.meeting_url = "https://zoom.us/my/jane";
	bot.meeting_id = 0;
	bot.personal_name = "jane";
	bot.is_webinar_link = true;
	bot.state = "scheduled";
	bot.is_token_flow = true;
	bot.join_flow_reason = NULL;
	bot.connection_id = bot.asked_connection_id = 7;
	bot.connection_public_id = bot.asked_connection_public_id = "zoauth_7";
	bot.onbehalf_user_id = "user";
	bot.onbehalf_user_timeout_s = 600;
	bot.held_until = 5000;
	bot.zoom_settings = "{\"sdk\":\"web\"}";
	bot.join_at = 5000;
	bot.deduplication_key = "key";
	bot.metadata = "{\"a\":1}";
	return bot;
}

static void a_bot_comes_back_as_it_was_added(void **state)
{
	struct fixture *fixture = *state;
	const struct bot bare = add(fixture, bot_of(1)), full = add(fixture, full_bot());
	const struct bot read_bare = read_again(fixture, &bare);
	const struct bot read_full = read_again(fixture, &full);

	assert_same_bot(&bare, &read_bare);
	assert_same_bot(&full, &read_full);
	assert_int_equal(full.created_at, 1000);
	assert_string_equal(full.recording_state, "not_started");
	assert_int_equal(strncmp(full.public_id, "bot_", 4), 0);
	assert_string_not_equal(full.public_id, bare.public_id);
}

static void a_bot_of_another_project_is_not_found(void **state)
{
	struct fixture *fixture = *state;
	const struct bot bot = add(fixture, bot_of(1));
	struct bot read;
	bool found = true;

	must(bot_find(fixture->db, &fixture->arena, 2, bot.public_id, &found, &read, &fixture->err),
	     &fixture->err);
	assert_false(found);
}

static void what_was_changed_comes_back_and_the_rest_stays(void **state)
{
	struct fixture *fixture = *state;
	struct bot bot = add(fixture, full_bot());
	const struct bot other = add(fixture, bot_of(1));
	const struct bot former = bot;
	struct bot read;

	bot = bot_of(1);
	bot.id = former.id;
	bot.bot_name = "Other";
	bot.updated_at = 2000;
	must(bot_change(fixture->db, &fixture->arena, &bot, &fixture->err), &fixture->err);
	read = read_again(fixture, &former);
	bot.public_id = former.public_id;
	bot.created_at = former.created_at;
	bot.recording_state = bot.transcription_state = "not_started";
	assert_same_bot(&read, &bot);
	read = read_again(fixture, &other);
	assert_same_bot(&read, &other);
}

static void a_new_decision_about_the_join_flow_changes_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	struct bot bot = add(fixture, full_bot()), read;

	bot.is_token_flow = false;
	bot.join_flow_reason = "connection_disconnected";
	bot.connection_id = 0;
	bot.connection_public_id = NULL;
	must(bot_set_join_flow(fixture->db, &bot, 3000, &fixture->err), &fixture->err);
	bot.updated_at = 3000;
	read = read_again(fixture, &bot);
	assert_same_bot(&read, &bot);
}

static struct bot keyed(int64_t project_id, const char *state, const char *key)
{
	struct bot bot = bot_of(project_id);

	bot.state = state;
	bot.deduplication_key = key;
	return bot;
}

static void assert_in_use(struct fixture *fixture, const struct bot *holder)
{
	char details[128];

	snprintf(details, sizeof(details), "{\"bot_id\":\"%s\"}", holder->public_id);
	assert_int_equal(fixture->err.kind, ERROR_CONFLICT);
	assert_string_equal(fixture->err.code, "deduplication_key_in_use");
	assert_non_null(strstr(fixture->err.message, holder->public_id));
	assert_string_equal(fixture->err.details, details);
}

static void a_key_is_in_use_in_every_state_but_the_final_ones(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; bot_states[i] != NULL; i++) {
		const char *key = bot_states[i];
		const struct bot holder = add(fixture, keyed(1, bot_states[i], key));
		struct bot second = keyed(1, "ready", key);
		const bool is_added = bot_add(fixture->db, &fixture->arena, &second, &fixture->err);

		assert_int_equal(is_added, bot_is_final(&holder));
		if (!is_added)
			assert_in_use(fixture, &holder);
	}
}

static void a_key_of_another_project_is_no_clash(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, keyed(1, "ready", "key"));
	add(fixture, keyed(2, "ready", "key"));
}

static void bots_without_a_key_never_clash(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, bot_of(1));
	add(fixture, bot_of(1));
}

static void a_change_to_a_key_in_use_is_refused_and_names_its_bot(void **state)
{
	struct fixture *fixture = *state;
	const struct bot holder = add(fixture, keyed(1, "joining", "key"));
	struct bot bot = add(fixture, keyed(1, "ready", "other")), read;

	bot.deduplication_key = "key";
	assert_false(bot_change(fixture->db, &fixture->arena, &bot, &fixture->err));
	assert_in_use(fixture, &holder);
	read = read_again(fixture, &bot);
	assert_string_equal(read.deduplication_key, "other");
}

static void a_clash_of_another_kind_is_not_blamed_on_the_key(void **state)
{
	struct fixture *fixture = *state;
	struct bot bot = keyed(1, "ready", "key");

	bot.connection_id = 99;
	assert_false(bot_add(fixture->db, &fixture->arena, &bot, &fixture->err));
	assert_int_equal(fixture->err.kind, ERROR_CONFLICT);
	assert_string_equal(fixture->err.code, "conflict");
}

static void a_removed_bot_is_gone_with_its_events(void **state)
{
	struct fixture *fixture = *state;
	const struct bot bot = add(fixture, bot_of(1)), other = add(fixture, bot_of(1));
	struct bot read;
	bool found = true;

	run(fixture,
	    "INSERT INTO bot_events (bot_id, type, created_at) SELECT id, 'staged', 1 FROM bots");
	must(bot_remove(fixture->db, bot.id, &fixture->err), &fixture->err);
	must(bot_find(fixture->db, &fixture->arena, 1, bot.public_id, &found, &read, &fixture->err),
	     &fixture->err);
	assert_false(found);
	assert_int_equal(test_database_number(fixture->db, "SELECT bot_id FROM bot_events"),
			 other.id);
	assert_int_equal(test_database_number(fixture->db, "SELECT count(*) FROM bot_events"), 1);
}

static void a_bot_outlives_its_connection(void **state)
{
	struct fixture *fixture = *state;
	const struct bot bot = add(fixture, full_bot());
	struct bot read;

	run(fixture, "DELETE FROM zoom_oauth_connections");
	read = read_again(fixture, &bot);
	assert_int_equal(read.connection_id, 0);
	assert_int_equal(read.asked_connection_id, 0);
	assert_null(read.connection_public_id);
	assert_null(read.asked_connection_public_id);
}

static void events_come_oldest_first(void **state)
{
	struct fixture *fixture = *state;
	const struct bot bot = add(fixture, bot_of(1));
	struct bot_event *events;
	int count;

	run(fixture,
	    "INSERT INTO bot_events (bot_id, type, sub_type, metadata, created_at) VALUES"
	    " (1, 'join_requested', NULL, NULL, 10), (1, 'fatal_error', 'heartbeat_timeout', '{}', 20)");
	must(bot_event_list(fixture->db, &fixture->arena, bot.id, &events, &count, &fixture->err),
	     &fixture->err);
	assert_int_equal(count, 2);
	assert_string_equal(events[0].type, "join_requested");
	assert_null(events[0].sub_type);
	assert_null(events[0].metadata);
	assert_int_equal(events[0].created_at, 10);
	assert_string_equal(events[1].type, "fatal_error");
	assert_string_equal(events[1].sub_type, "heartbeat_timeout");
	assert_string_equal(events[1].metadata, "{}");
}

static void of_very_many_events_the_newest_are_told(void **state)
{
	struct fixture *fixture = *state;
	const struct bot bot = add(fixture, bot_of(1));
	struct bot_event *events;
	int count;

	run(fixture,
	    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 502)"
	    " INSERT INTO bot_events (bot_id, type, created_at) SELECT 1, 'recording_paused', i FROM n");
	must(bot_event_list(fixture->db, &fixture->arena, bot.id, &events, &count, &fixture->err),
	     &fixture->err);
	assert_int_equal(count, BOT_EVENTS_MAX);
	assert_int_equal(events[0].created_at, 3);
	assert_int_equal(events[BOT_EVENTS_MAX - 1].created_at, 502);
}

static void assert_listed(struct fixture *fixture, const struct bot_filter *filter,
			  const struct page *page, const char *names, bool newer, bool older)
{
	char listed[256] = "";
	struct bot *bots;
	bool has_newer, has_older;
	int count;

	must(bot_list(fixture->db, &fixture->arena, 1, filter, page, &bots, &count, &has_newer,
		      &has_older, &fixture->err),
	     &fixture->err);
	for (int i = 0; i < count; i++) {
		const size_t used = strlen(listed);

		snprintf(listed + used, sizeof(listed) - used, "%s", bots[i].bot_name);
	}
	assert_string_equal(listed, names);
	assert_int_equal(has_newer, newer);
	assert_int_equal(has_older, older);
}

/* Bots A to F of project 1, oldest first, with one of project 2 in between. */
static void add_letters(struct fixture *fixture, int64_t ids[static 6])
{
	static const char *const names[] = {"A", "B", "C", "D", "E", "F"};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct bot bot = bot_of(1);

		bot.bot_name = names[i];
		bot.state = i % 2 == 0 ? "ready" : "ended";
		bot.meeting_url =
			i < 3 ? "https://zoom.us/j/111111111" : "https://zoom.us/j/222222222";
		bot.deduplication_key = i == 1 || i == 3 ? "key" : NULL;
		bot.join_at = i == 0 ? 0 : (instant)i * 100;
		ids[i] = add(fixture, bot).id;
		bot = bot_of(2);
		bot.bot_name = "other";
		add(fixture, bot);
	}
}

static void pages_go_from_the_newest_to_the_oldest_and_back(void **state)
{
	struct fixture *fixture = *state;
	const struct bot_filter all = {0};
	int64_t id[6];

	add_letters(fixture, id);
	assert_listed(fixture, &all, &(struct page){.size = 10}, "FEDCBA", false, false);
	assert_listed(fixture, &all, &(struct page){.size = 4}, "FEDC", false, true);
	assert_listed(fixture, &all, &(struct page){.size = 4, .before_id = id[2]}, "BA", true,
		      false);
	assert_listed(fixture, &all, &(struct page){.size = 2, .after_id = id[1]}, "DC", true,
		      true);
	assert_listed(fixture, &all, &(struct page){.size = 2, .after_id = id[3]}, "FE", false,
		      true);
}

static void a_page_stays_where_it_is_while_rows_come_and_go(void **state)
{
	struct fixture *fixture = *state;
	const struct bot_filter all = {0};
	struct bot newest = bot_of(1);
	int64_t id[6];

	add_letters(fixture, id);
	newest.bot_name = "G";
	add(fixture, newest);
	must(bot_remove(fixture->db, id[2], &fixture->err), &fixture->err);
	assert_listed(fixture, &all, &(struct page){.size = 2, .before_id = id[2]}, "BA", true,
		      false);
	assert_listed(fixture, &all, &(struct page){.size = 3, .after_id = id[3]}, "GFE", false,
		      true);
}

static void each_filter_narrows_whichever_index_serves_it(void **state)
{
	struct fixture *fixture = *state;
	const struct page page = {.size = 10};
	const struct {
		struct bot_filter filter;
		const char *names;
	} cases[] = {
		{{.state = "ended"}, "FDB"},
		{{.meeting_url = "https://zoom.us/j/111111111"}, "CBA"},
		{{.deduplication_key = "key"}, "DB"},
		{{.join_at_after = 300}, "FED"},
		{{.join_at_before = 300}, "DCB"},
		{{.join_at_after = 200, .join_at_before = 400}, "EDC"},
		{{.state = "ready", .join_at_after = 200, .join_at_before = 400}, "EC"},
		{{.meeting_url = "https://zoom.us/j/222222222", .deduplication_key = "key"}, "D"},
		{{.meeting_url = "https://zoom.us/j/222222222", .join_at_after = 400}, "FE"},
		{{.deduplication_key = "none"}, ""},
	};
	int64_t id[6];

	add_letters(fixture, id);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_listed(fixture, &cases[i].filter, &page, cases[i].names, false, false);
}

static void filtered_lists_have_pages_both_ways_too(void **state)
{
	struct fixture *fixture = *state;
	const struct bot_filter by_url = {.meeting_url = "https://zoom.us/j/111111111"};
	const struct bot_filter by_time = {.join_at_after = 200};
	int64_t id[6];

	add_letters(fixture, id);
	assert_listed(fixture, &by_url, &(struct page){.size = 2}, "CB", false, true);
	assert_listed(fixture, &by_url, &(struct page){.size = 2, .before_id = id[1]}, "A", true,
		      false);
	assert_listed(fixture, &by_url, &(struct page){.size = 1, .after_id = id[0]}, "B", true,
		      true);
	assert_listed(fixture, &by_time, &(struct page){.size = 2}, "FE", false, true);
	assert_listed(fixture, &by_time, &(struct page){.size = 2, .before_id = id[4], .at = 400},
		      "DC", true, false);
	assert_listed(fixture, &by_time, &(struct page){.size = 2, .after_id = id[2], .at = 200},
		      "ED", true, true);
}

/* Bots A to F, of which the newest join first, C and D at the same time. */
static void a_list_that_is_narrowed_by_time_is_in_its_order(void **state)
{
	static const instant at[] = {600, 500, 300, 300, 200, 100};
	struct fixture *fixture = *state;
	const struct bot_filter any = {.join_at_after = 1}, before = {.join_at_before = 300};
	const struct bot_filter of_key = {.join_at_after = 1, .deduplication_key = "key"};
	int64_t id[6];

	add_letters(fixture, id);
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		struct bot bot;
		bool found;

		must(bot_find_by_id(fixture->db, &fixture->arena, id[i], &found, &bot,
				    &fixture->err),
		     &fixture->err);
		bot.join_at = at[i];
		must(bot_change(fixture->db, &fixture->arena, &bot, &fixture->err), &fixture->err);
	}
	assert_listed(fixture, &any, &(struct page){.size = 10}, "ABDCEF", false, false);
	assert_listed(fixture, &any, &(struct page){.size = 2}, "AB", false, true);
	assert_listed(fixture, &any, &(struct page){.size = 1, .before_id = id[1], .at = 500}, "D",
		      true, true);
	assert_listed(fixture, &any, &(struct page){.size = 9, .before_id = id[3], .at = 300},
		      "CEF", true, false);
	assert_listed(fixture, &any, &(struct page){.size = 2, .after_id = id[2], .at = 300}, "BD",
		      true, true);
	assert_listed(fixture, &before, &(struct page){.size = 3}, "DCE", false, true);
	assert_listed(fixture, &before, &(struct page){.size = 9, .after_id = id[5], .at = 100},
		      "DCE", false, true);
	assert_listed(fixture, &of_key, &(struct page){.size = 1}, "B", false, true);
	assert_listed(fixture, &of_key, &(struct page){.size = 9, .before_id = id[1], .at = 500},
		      "D", true, false);
}

static void states_tell_what_may_still_be_done(void **state)
{
	struct bot bot = {0};
	int before_joining = 0, final = 0;

	(void)state;
	for (size_t i = 0; bot_states[i] != NULL; i++) {
		bot.state = bot_states[i];
		assert_false(bot_is_before_joining(&bot) && bot_is_final(&bot));
		before_joining += bot_is_before_joining(&bot);
		final += bot_is_final(&bot);
	}
	assert_int_equal(before_joining, 3);
	assert_int_equal(final, 3);
	bot.state = "staged";
	assert_true(bot_is_before_joining(&bot));
	bot.state = "joining";
	assert_false(bot_is_before_joining(&bot) || bot_is_final(&bot));
	bot.state = "data_deleted";
	assert_true(bot_is_final(&bot));
}

/* The schema's list of states and ours are the same. */
static void the_database_takes_each_state_and_no_other(void **state)
{
	struct fixture *fixture = *state;
	struct bot bot = bot_of(1);

	for (size_t i = 0; bot_states[i] != NULL; i++) {
		bot.state = bot_states[i];
		add(fixture, bot);
	}
	bot.state = "dancing";
	assert_false(bot_add(fixture->db, &fixture->arena, &bot, &fixture->err));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_bot_comes_back_as_it_was_added),
		CASE(a_bot_of_another_project_is_not_found),
		CASE(what_was_changed_comes_back_and_the_rest_stays),
		CASE(a_new_decision_about_the_join_flow_changes_nothing_else),
		CASE(a_key_is_in_use_in_every_state_but_the_final_ones),
		CASE(a_key_of_another_project_is_no_clash),
		CASE(bots_without_a_key_never_clash),
		CASE(a_change_to_a_key_in_use_is_refused_and_names_its_bot),
		CASE(a_clash_of_another_kind_is_not_blamed_on_the_key),
		CASE(a_removed_bot_is_gone_with_its_events),
		CASE(a_bot_outlives_its_connection),
		CASE(events_come_oldest_first),
		CASE(of_very_many_events_the_newest_are_told),
		CASE(pages_go_from_the_newest_to_the_oldest_and_back),
		CASE(a_page_stays_where_it_is_while_rows_come_and_go),
		CASE(each_filter_narrows_whichever_index_serves_it),
		CASE(filtered_lists_have_pages_both_ways_too),
		CASE(a_list_that_is_narrowed_by_time_is_in_its_order),
		CASE(the_database_takes_each_state_and_no_other),
		cmocka_unit_test(states_tell_what_may_still_be_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
