#include "store/api_key.h"
#include "store/project.h"
#include "store/statement.h"
#include "support/test_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void must(bool is_done, const struct error *err)
{
	if (!is_done)
		fail_msg("%s: %s", err->code, err->message);
}

static struct project add(struct db *db, struct arena *arena, const char *name, instant now)
{
	struct project project = {0};
	struct error err = {0};

	must(project_add(db, arena, name, now, &project, &err), &err);
	return project;
}

static void a_project_is_found_by_its_id_as_it_was_added(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct project first, second, found_project = {0};
	struct error err = {0};
	bool found = false;

	(void)state;
	first = add(database.db, &arena, "größer 'als' je", 1234567);
	second = add(database.db, &arena, "größer 'als' je", 1234568);
	assert_memory_equal(first.public_id, "proj_", 5);
	assert_int_equal(strlen(first.public_id), 5 + 20);
	assert_string_not_equal(first.public_id, second.public_id);
	must(project_find(database.db, &arena, first.public_id, &found, &found_project, &err),
	     &err);
	assert_true(found);
	assert_int_equal(found_project.id, first.id);
	assert_string_equal(found_project.public_id, first.public_id);
	assert_string_equal(found_project.name, "größer 'als' je");
	assert_int_equal(found_project.created_at, 1234567);
	must(project_find(database.db, &arena, "proj_00000000000000000000", &found, &found_project,
			  &err),
	     &err);
	assert_false(found);
}

static void a_list_has_all_oldest_first(void **state)
{
	static const char *const names[] = {"b", "c", "a"};
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct project *projects;
	struct error err = {0};
	size_t count = 1;

	(void)state;
	must(project_list(database.db, &arena, &projects, &count, &err), &err);
	assert_int_equal(count, 0);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		add(database.db, &arena, names[i], 100);
	must(project_list(database.db, &arena, &projects, &count, &err), &err);
	assert_int_equal(count, COUNT_OF(names));
	for (size_t i = 0; i < count; i++)
		assert_string_equal(projects[i].name, names[i]);
}

/* Something in every table that holds what is a project's, all of it the project's whose id is 1. */
static const char everything_sql[] =
	"INSERT INTO zoom_oauth_apps (id, public_id, project_id, client_id, client_secret, state,"
	"  created_at, updated_at) VALUES (1, 'zoapp_1', 1, 'client', x'00', 'active', 0, 0),"
	"  (2, 'zoapp_2', 1, 'other client', x'00', 'active', 0, 0);"
	"INSERT INTO zoom_oauth_connections (id, public_id, project_id, app_id, zoom_user_id,"
	"  pmi_at, metadata, scopes, is_local_recording_token_supported,"
	"  is_onbehalf_token_supported, state, created_at, updated_at)"
	"  VALUES (1, 'zoauth_1', 1, 1, 'user', 0, '{}', '', 1, 0, 'connected', 0, 0);"
	"INSERT INTO zoom_oauth_credentials (connection_id, generation, refresh_token, authorized_at,"
	"  refreshed_at) VALUES (1, 1, x'00', 0, 0);"
	"INSERT INTO zoom_oauth_refresh_attempts (connection_id, holder, started_at) VALUES (1, 0, 0);"
	"INSERT INTO zoom_authorizations (app_id, code_sha256, public_id, request, connection_id,"
	"  created_at) VALUES (1, x'00', 'zauth_1', '{}', 1, 0);"
	"INSERT INTO zoom_meetings (meeting_id, app_id, connection_id, known_at) VALUES (9, 1, 1, 0);"
	"INSERT INTO zoom_meeting_participants (app_id, meeting_id, connection_id, session,"
	"  is_present, changed_at) VALUES (1, 9, 1, '', 1, 0);"
	"INSERT INTO zoom_log (app_id, connection_id, at, type) VALUES (1, 1, 0, 1);"
	"INSERT INTO zoom_event_counts (app_id, name, count, last_at) VALUES (1, 'user.updated', 1, 0);"
	"INSERT INTO bots (id, public_id, project_id, meeting_url, is_webinar_link, bot_name, state,"
	"  join_flow, connection_id, asked_connection_id, metadata, recording_state,"
	"  transcription_state, created_at, updated_at) VALUES (1, 'bot_1', 1, 'https://', 0, 'bot',"
	"  'ready', 'token', 1, 1, '{}', 'not_started', 'not_started', 0, 0);"
	"INSERT INTO bot_events (bot_id, type, created_at) VALUES (1, 'created', 0);"
	"INSERT INTO token_callbacks (id, public_id, project_id, engine, secret_sha256, created_at,"
	"  use_count) VALUES (1, 'tcb_1', 1, 'recall', x'00', 0, 1);"
	"INSERT INTO token_callback_uses (callback_id, number, used_at, address, connection_id, tokens,"
	"  outcome, status) VALUES (1, 1, 0, 'zak_url', 1, 'zak_token', 'minted', 200);"
	"INSERT INTO webhooks (id, public_id, project_id, bot_id, url, triggers, secret, created_at,"
	"  updated_at) VALUES (1, 'wh_1', 1, NULL, 'https://', '', x'00', 0, 0),"
	"  (2, 'wh_2', 1, 1, 'https://', '', x'00', 0, 0);"
	"INSERT INTO webhook_deliveries (public_id, webhook_id, trigger_name, subject, body, state,"
	"  created_at) VALUES ('msg_1', 2, '', 'bot_1', '{}', 'pending', 0);";

static const char tables_sql[] =
	"SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
	" AND name NOT IN ('schema_version', 'periodic_jobs', 'zoom_circuits') ORDER BY name";

/* Fails naming the table which holds something, or holds nothing, other than it should. */
static void assert_every_table_is(struct db *db, bool is_empty)
{
	SCOPED(statement_release) struct statement *tables = db_statement(db, tables_sql);
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};
	bool has_row = false;
	int count = 0;

	for (;; count++) {
		const char *table;

		must(statement_row(tables, &has_row, &err), &err);
		if (!has_row)
			break;
		table = column_text(tables, 0, &arena);
		if ((test_database_number(db, arena_printf(&arena, "SELECT count(*) FROM %s",
							   table)) == 0) != is_empty)
			fail_msg("%s %s", table,
				 is_empty ? "is not empty" : "is empty: add it to everything_sql");
	}
	assert_true(count > 10);
}

static void removing_a_project_leaves_nothing_of_it(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct project project;
	struct api_key api_key;
	struct error err = {0};
	const char *key;

	(void)state;
	project = add(database.db, &arena, "to be removed", 1);
	assert_int_equal(project.id, 1);
	must(api_key_add(database.db, &arena, 1, "its key", 1, &api_key, &key, &err), &err);
	must(db_script(database.db, everything_sql, &err), &err);
	assert_every_table_is(database.db, false);
	must(project_remove(database.db, 1, &err), &err);
	assert_every_table_is(database.db, true);
}

static void removing_a_project_leaves_the_others_alone(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct project kept, removed, found_project;
	struct project_holdings holdings;
	struct error err = {0};
	bool found = false;

	(void)state;
	kept = add(database.db, &arena, "kept", 1);
	removed = add(database.db, &arena, "removed", 1);
	must(db_script(database.db, everything_sql, &err), &err);
	must(project_remove(database.db, removed.id, &err), &err);
	must(project_find(database.db, &arena, removed.public_id, &found, &found_project, &err),
	     &err);
	assert_false(found);
	must(project_count_holdings(database.db, kept.id, &holdings, &err), &err);
	assert_int_equal(holdings.app_count, 2);
	assert_int_equal(holdings.connection_count, 1);
	assert_int_equal(holdings.bot_count, 1);
	must(project_count_holdings(database.db, removed.id, &holdings, &err), &err);
	assert_int_equal(holdings.app_count + holdings.connection_count + holdings.bot_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_project_is_found_by_its_id_as_it_was_added),
		cmocka_unit_test(a_list_has_all_oldest_first),
		cmocka_unit_test(removing_a_project_leaves_nothing_of_it),
		cmocka_unit_test(removing_a_project_leaves_the_others_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
