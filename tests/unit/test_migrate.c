#include "base/crypto.h"
#include "store/db_gate.h"
#include "store/log_entry.h"
#include "store/migrate.h"
#include "store/participant.h"
#include "store/schema.h"
#include "store/statement.h"
#include "support/must.h"
#include "support/test_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>

#include <cmocka.h>

static const char schema_rows_sql[] =
	"SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name";

/* All tables, indexes and the rest, as text that two databases have in common only if they are alike. */
static const char *schema_of(struct db *db, struct arena *arena)
{
	SCOPED(statement_release) struct statement *rows = db_statement(db, schema_rows_sql);
	const char *schema = "";
	struct error err = {0};
	bool has_row = false;

	for (;;) {
		must(statement_row(rows, &has_row, &err), &err);
		if (!has_row)
			return schema;
		schema = arena_printf(arena, "%s%s %s: %s\n", schema, column_text(rows, 0, arena),
				      column_text(rows, 1, arena), column_text(rows, 2, arena));
	}
}

static void an_empty_database_gets_the_whole_schema(void **state)
{
	SCOPED(test_database_release) struct test_database migrated = test_database_open_empty();
	SCOPED(test_database_release) struct test_database scripted = test_database_open_empty();
	SCOPED(arena_release) struct arena arena = {0};
	int from = -1, version = -1;
	struct error err = {0};

	(void)state;
	must(migrate_version(migrated.db, &version, &err), &err);
	assert_int_equal(version, 0);
	must(migrate_run(migrated.db, &from, &err), &err);
	assert_int_equal(from, 0);
	must(migrate_version(migrated.db, &version, &err), &err);
	assert_int_equal(version, SCHEMA_VERSION);
	must(migrate_check(migrated.db, &err), &err);
	must(db_script(scripted.db, schema_sql, &err), &err);
	assert_string_equal(schema_of(migrated.db, &arena), schema_of(scripted.db, &arena));
	assert_non_null(strstr(schema_of(migrated.db, &arena), "table zoom_oauth_connections: "));
}

static void migrating_again_changes_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *before = schema_of(database.db, &arena);
	struct error err = {0};
	int from = -1;

	(void)state;
	must(migrate_run(database.db, &from, &err), &err);
	assert_int_equal(from, SCHEMA_VERSION);
	assert_string_equal(schema_of(database.db, &arena), before);
}

/* What a test file of this folder holds, in the arena. */
static const char *text_of(const char *path, struct arena *arena)
{
	enum { TEXT_BYTES_MAX = 256 << 10 };
	char *text = arena_alloc(arena, TEXT_BYTES_MAX);
	FILE *file = fopen(path, "r");
	size_t size;

	if (file == NULL)
		fail_msg("%s cannot be read: run the tests in the root of the tree", path);
	size = fread(text, 1, TEXT_BYTES_MAX - 1, file);
	assert_true(feof(file));
	fclose(file);
	text[size] = '\0';
	return text;
}

/* Without comments and white space, in which a table that was altered differs from one that was not. */
static const char *bare(const char *sql, struct arena *arena)
{
	char *bare_sql = arena_alloc(arena, strlen(sql) + 1), *end = bare_sql;

	while (*sql != '\0') {
		if (strncmp(sql, "--", 2) == 0)
			sql += strcspn(sql, "\n");
		else if (isspace((unsigned char)*sql))
			sql++;
		else
			*end++ = *sql++;
	}
	*end = '\0';
	return bare_sql;
}

/* tests/unit/schema_N.sql is the schema.sql of that version, as it was. */
static void every_older_version_is_led_to_what_a_fresh_database_has(void **state)
{
	SCOPED(test_database_release) struct test_database fresh = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *wanted = bare(schema_of(fresh.db, &arena), &arena);
	struct error err = {0};

	(void)state;
	for (int version = 1; version < SCHEMA_VERSION; version++) {
		SCOPED(test_database_release)
		struct test_database old = test_database_open_empty();
		const char *path = arena_printf(&arena, "tests/unit/schema_%d.sql", version);
		int from = -1;

		must(db_script(old.db, text_of(path, &arena), &err), &err);
		must(migrate_run(old.db, &from, &err), &err);
		assert_int_equal(from, version);
		assert_string_equal(bare(schema_of(old.db, &arena), &arena), wanted);
		must(migrate_check(old.db, &err), &err);
	}
}

static const char old_event_sql[] =
	"INSERT INTO projects (id, public_id, name, created_at) VALUES (1, 'proj_1', 'old', 1);"
	"INSERT INTO zoom_oauth_apps (id, public_id, project_id, client_id, client_secret, state,"
	" created_at, updated_at) VALUES (1, 'zoapp_1', 1, 'client', x'00', 'active', 1, 1);";
static const char handled_sql[] =
	"INSERT INTO zoom_events (app_id, body_sha256, received_at) VALUES (1, $1, 7)";

static void what_was_handled_before_an_upgrade_is_not_handled_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	SCOPED(arena_release) struct arena arena = {0};
	unsigned char digest[SHA256_BYTES];
	struct log_event event = {.app_id = 1,
				  .name = "meeting.started",
				  .event_at = 5 * SECOND,
				  .body_sha256 = digest,
				  .now = 8};
	struct error err = {0};
	bool is_new = true;
	int from;

	(void)state;
	sha256("handled", strlen("handled"), digest);
	must(db_script(database.db, text_of("tests/unit/schema_1.sql", &arena), &err), &err);
	must(db_script(database.db, old_event_sql, &err), &err);
	{
		SCOPED(statement_release)
		struct statement *handled = db_statement(database.db, handled_sql);

		bind_blob(handled, 1, digest, sizeof(digest));
		must(statement_done(handled, &err), &err);
	}
	must(migrate_run(database.db, &from, &err), &err);
	must(log_entry_add_event(database.db, &event, &is_new, &err), &err);
	assert_false(is_new);
	assert_int_equal(test_database_number(database.db, "SELECT at FROM zoom_log"), 7);
	sha256("new", strlen("new"), digest);
	must(log_entry_add_event(database.db, &event, &is_new, &err), &err);
	assert_true(is_new);
}

static const char old_participant_sql[] =
	"INSERT INTO zoom_oauth_connections (id, public_id, project_id, app_id, zoom_user_id, profile_at,"
	" metadata, scopes, is_local_recording_token_supported, is_onbehalf_token_supported, state,"
	" created_at, updated_at) VALUES (1, 'zoauth_1', 1, 1, 'ada', 1, '{}', '', 1, 1, 'connected', 1, 1);"
	"INSERT INTO zoom_meeting_participants (app_id, meeting_id, connection_id, is_present, changed_at)"
	" VALUES (1, 123, 1, 1, 100);";

static void who_was_inside_before_an_upgrade_is_so_until_it_leaves(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	SCOPED(arena_release) struct arena arena = {0};
	const struct participation participation = {1, 123, 1, "16778240"};
	struct error err = {0};
	bool is_inside;
	int from;

	(void)state;
	must(db_script(database.db, text_of("tests/unit/schema_1.sql", &arena), &err), &err);
	must(db_script(database.db, old_event_sql, &err), &err);
	must(db_script(database.db, old_participant_sql, &err), &err);
	must(migrate_run(database.db, &from, &err), &err);
	must(participant_is_present(database.db, 1, 123, 1, &is_inside, &err), &err);
	assert_true(is_inside);
	must(participant_note(database.db, &participation, false, 200, &err), &err);
	must(participant_is_present(database.db, 1, 123, 1, &is_inside, &err), &err);
	assert_false(is_inside);
}

static void what_was_known_of_a_user_before_an_upgrade_is_as_old_as_it_was(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};
	int from;

	(void)state;
	must(db_script(database.db, text_of("tests/unit/schema_1.sql", &arena), &err), &err);
	must(db_script(database.db, old_event_sql, &err), &err);
	must(db_script(database.db, old_participant_sql, &err), &err);
	must(db_script(database.db, "UPDATE zoom_oauth_connections SET profile_at = 7", &err),
	     &err);
	must(migrate_run(database.db, &from, &err), &err);
	assert_int_equal(test_database_number(database.db,
					      "SELECT pmi_at FROM zoom_oauth_connections"),
			 7);
	assert_int_equal(
		test_database_number(database.db,
				     "SELECT personal_name_at FROM zoom_oauth_connections"),
		7);
}

static void every_table_is_strict(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();

	(void)state;
	assert_int_equal(
		test_database_number(database.db,
				     "SELECT count(*) FROM pragma_table_list WHERE strict = 0"
				     " AND type = 'table' AND name NOT LIKE 'sqlite%'"),
		0);
	assert_true(
		test_database_number(database.db,
				     "SELECT count(*) FROM pragma_table_list WHERE strict = 1") >
		5);
}

static void assert_refused(bool is_done, const struct error *err, const char *words)
{
	assert_false(is_done);
	assert_int_equal(err->kind, ERROR_STORAGE);
	if (strstr(err->message, words) == NULL)
		fail_msg("'%s' does not say '%s'", err->message, words);
}

static void an_older_version_is_sent_to_migrate(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	struct error err = {0};

	(void)state;
	assert_refused(migrate_check(database.db, &err), &err, "run: hallpass migrate");
}

static void a_newer_version_is_refused_and_left_as_it_is(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *before = schema_of(database.db, &arena);
	struct error err = {0};
	int from, version;

	(void)state;
	must(db_script(database.db, "UPDATE schema_version SET version = version + 1", &err), &err);
	assert_refused(migrate_check(database.db, &err), &err, "install a newer Hallpass");
	assert_refused(migrate_run(database.db, &from, &err), &err, "install a newer Hallpass");
	must(migrate_version(database.db, &version, &err), &err);
	assert_int_equal(version, SCHEMA_VERSION + 1);
	assert_string_equal(schema_of(database.db, &arena), before);
}

static void somebody_elses_database_is_refused_and_left_as_it_is(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};
	const char *before;
	int from, version;

	(void)state;
	must(db_script(database.db, "CREATE TABLE recipes (id INTEGER)", &err), &err);
	before = schema_of(database.db, &arena);
	assert_refused(migrate_version(database.db, &version, &err), &err, "not Hallpass's");
	assert_refused(migrate_check(database.db, &err), &err, "not Hallpass's");
	assert_refused(migrate_run(database.db, &from, &err), &err, "not Hallpass's");
	assert_string_equal(schema_of(database.db, &arena), before);
}

static void a_database_whose_version_is_lost_is_refused(void **state)
{
	static const char *const losses[] = {"DELETE FROM schema_version",
					     "INSERT INTO schema_version (version) VALUES (-1)"};
	SCOPED(test_database_release) struct test_database database = test_database_open();
	struct error err = {0};
	int from, version;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(losses); i++) {
		must(db_script(database.db, losses[i], &err), &err);
		assert_refused(migrate_version(database.db, &version, &err), &err,
			       "no schema version");
		assert_refused(migrate_run(database.db, &from, &err), &err, "no schema version");
	}
}

/* The view has the name of one of the last tables, so that those before it are made at first. */
static void a_migration_that_fails_leaves_nothing_behind(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};
	const char *before;
	int from = -1, version = -1;

	(void)state;
	must(db_script(database.db, "CREATE VIEW bots AS SELECT 1 AS id", &err), &err);
	before = schema_of(database.db, &arena);
	assert_false(migrate_run(database.db, &from, &err));
	assert_string_equal(schema_of(database.db, &arena), before);
	must(migrate_version(database.db, &version, &err), &err);
	assert_int_equal(version, 0);
	must(db_script(database.db, "DROP VIEW bots", &err), &err);
	must(migrate_run(database.db, &from, &err), &err);
	assert_int_equal(from, 0);
}

struct migration {
	const struct test_database *database;
	bool is_done;
	int from;
};

/* As a process of its own: with a gate and a connection of its own. */
static void *migrate(void *argument)
{
	struct migration *migration = argument;
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *db = test_database_connect(migration->database, gate);
	struct error err = {0};

	migration->is_done = migrate_run(db, &migration->from, &err);
	return NULL;
}

static void of_several_migrations_at_once_one_does_it(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	struct migration migrations[4];
	pthread_t threads[COUNT_OF(migrations)];
	int first_ones = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(migrations); i++) {
		migrations[i] = (struct migration){.database = &database};
		assert_int_equal(pthread_create(&threads[i], NULL, migrate, &migrations[i]), 0);
	}
	for (size_t i = 0; i < COUNT_OF(migrations); i++) {
		pthread_join(threads[i], NULL);
		assert_true(migrations[i].is_done);
		first_ones += migrations[i].from == 0;
	}
	assert_int_equal(first_ones, 1);
	assert_int_equal(test_database_number(database.db, "SELECT count(*) FROM schema_version"),
			 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_database_gets_the_whole_schema),
		cmocka_unit_test(migrating_again_changes_nothing),
		cmocka_unit_test(every_older_version_is_led_to_what_a_fresh_database_has),
		cmocka_unit_test(what_was_handled_before_an_upgrade_is_not_handled_again),
		cmocka_unit_test(who_was_inside_before_an_upgrade_is_so_until_it_leaves),
		cmocka_unit_test(what_was_known_of_a_user_before_an_upgrade_is_as_old_as_it_was),
		cmocka_unit_test(every_table_is_strict),
		cmocka_unit_test(an_older_version_is_sent_to_migrate),
		cmocka_unit_test(a_newer_version_is_refused_and_left_as_it_is),
		cmocka_unit_test(somebody_elses_database_is_refused_and_left_as_it_is),
		cmocka_unit_test(a_database_whose_version_is_lost_is_refused),
		cmocka_unit_test(a_migration_that_fails_leaves_nothing_behind),
		cmocka_unit_test(of_several_migrations_at_once_one_does_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
