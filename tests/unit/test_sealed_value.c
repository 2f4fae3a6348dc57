#include "base/keyring.h"
#include "store/app.h"
#include "store/authorization.h"
#include "store/credentials.h"
#include "store/schema.h"
#include "store/sealed_value.h"
#include "store/statement.h"
#include "store/token_callback.h"
#include "store/webhook.h"
#include "support/must.h"
#include "support/test_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char rows_sql[] =
	"INSERT INTO projects (id, public_id, name, created_at) VALUES (3, 'proj_3', 'p', 0);"
	"INSERT INTO zoom_oauth_apps (id, public_id, project_id, client_id, client_secret, state,"
	"  created_at, updated_at) VALUES (1, 'zoapp_1', 3, 'client', x'00', 'active', 0, 0);"
	"INSERT INTO zoom_oauth_connections (id, public_id, project_id, app_id, zoom_user_id,"
	"  pmi_at, metadata, scopes, is_local_recording_token_supported,"
	"  is_onbehalf_token_supported, state, created_at, updated_at)"
	"  VALUES (1, 'zoauth_1', 3, 1, 'user', 0, '{}', '', 1, 0, 'connected', 0, 0);"
	"INSERT INTO zoom_oauth_credentials (connection_id, generation, authorized_at, refreshed_at)"
	"  VALUES (1, 1, 0, 0);"
	"INSERT INTO zoom_authorizations (app_id, code_sha256, public_id, request, created_at)"
	"  VALUES (1, x'00', 'zauth_1', '{}', 0);"
	"INSERT INTO token_callbacks (public_id, project_id, engine, secret_sha256, created_at, use_count)"
	"  VALUES ('tcb_1', 3, 'attendee', x'00', 0, 0);"
	"INSERT INTO webhooks (public_id, project_id, url, triggers, secret, created_at, updated_at)"
	"  VALUES ('wh_1', 3, 'https://', '', x'00', 0, 0);";

static void seal_into(struct db *db, struct keyring *keyring, const char *sql,
		      struct seal_place place)
{
	SCOPED(statement_release) struct statement *write = db_statement(db, sql);
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};

	bind_sealed(write, 1, keyring_seal(keyring, &arena, &place, "a secret"));
	must(statement_done(write, &err), &err);
}

/* One row of each table, every sealed column filled by its own table's idea of its place. */
static void fill(struct db *db, struct keyring *keyring)
{
	const struct app app = {.public_id = "zoapp_1", .project_id = 3};
	const struct connection connection = {.public_id = "zoauth_1", .project_id = 3};
	const struct authorization authorization = {.public_id = "zauth_1"};
	const struct token_callback callback = {.public_id = "tcb_1", .project_id = 3};
	const struct webhook webhook = {.public_id = "wh_1", .project_id = 3};
	struct error err = {0};

	must(db_script(db, rows_sql, &err), &err);
	seal_into(db, keyring, "UPDATE zoom_oauth_apps SET client_secret = $1",
		  app_client_secret_place(&app));
	seal_into(db, keyring, "UPDATE zoom_oauth_apps SET webhook_secret = $1",
		  app_webhook_secret_place(&app));
	seal_into(db, keyring, "UPDATE zoom_oauth_credentials SET refresh_token = $1",
		  credentials_refresh_token_place(&connection));
	seal_into(db, keyring, "UPDATE zoom_oauth_credentials SET access_token = $1",
		  credentials_access_token_place(&connection));
	seal_into(db, keyring, "UPDATE zoom_authorizations SET access_token = $1",
		  authorization_access_token_place(&authorization, 3));
	seal_into(db, keyring, "UPDATE zoom_authorizations SET refresh_token = $1",
		  authorization_refresh_token_place(&authorization, 3));
	seal_into(db, keyring, "UPDATE token_callbacks SET signing_secret = $1",
		  token_callback_signing_secret_place(&callback));
	seal_into(db, keyring, "UPDATE webhooks SET secret = $1", webhook_secret_place(&webhook));
	seal_into(db, keyring, "UPDATE webhooks SET former_secret = $1",
		  webhook_former_secret_place(&webhook));
}

static struct sealed_value_tally check(struct db *db, struct arena *arena, struct keyring *keyring)
{
	struct sealed_value_tally tally = {0};
	struct error err = {0};

	must(sealed_value_check(db, arena, keyring, &tally, &err), &err);
	return tally;
}

static bool has_any(struct db *db)
{
	struct error err = {0};
	bool exists = false;

	must(sealed_value_exists(db, &exists, &err), &err);
	return exists;
}

static void every_column_that_the_schema_calls_sealed_is_known(void **state)
{
	size_t count = 0;

	(void)state;
	for (const char *line = schema_sql; line != NULL; line = strchr(line, '\n')) {
		const char *blob, *end;

		line += *line == '\n';
		end = strchrnul(line, '\n');
		blob = memmem(line, (size_t)(end - line), " BLOB", 5);
		if (blob != NULL && memmem(blob, (size_t)(end - blob), "-- sealed", 9) != NULL)
			count++;
	}
	assert_int_equal(count, SEALED_COLUMN_COUNT);
}

static void a_fresh_database_has_none(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&database, "keys");
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	assert_false(has_any(database.db));
	assert_int_equal(check(database.db, &arena, keyring).count, 0);
}

static void the_right_keys_open_every_value_in_its_place(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&database, "keys");
	SCOPED(arena_release) struct arena arena = {0};
	struct sealed_value_tally tally;

	(void)state;
	fill(database.db, keyring);
	assert_true(has_any(database.db));
	tally = check(database.db, &arena, keyring);
	assert_int_equal(tally.count, SEALED_COLUMN_COUNT);
	assert_int_equal(tally.unreadable_count, 0);
}

static void other_keys_open_nothing_and_the_first_values_are_named(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&database, "keys");
	SCOPED(keyring_close)
	struct keyring *other = test_database_keyring(&database, "other keys");
	SCOPED(arena_release) struct arena arena = {0};
	struct sealed_value_tally tally;

	(void)state;
	fill(database.db, keyring);
	tally = check(database.db, &arena, other);
	assert_int_equal(tally.count, SEALED_COLUMN_COUNT);
	assert_int_equal(tally.unreadable_count, SEALED_COLUMN_COUNT);
	for (int i = 0; i < UNREADABLE_NAMED_MAX; i++)
		assert_non_null(tally.unreadable[i].row);
	assert_string_equal(tally.unreadable[0].table, "zoom_oauth_apps");
	assert_string_equal(tally.unreadable[0].column, "client_secret");
	assert_string_equal(tally.unreadable[0].row, "zoapp_1");
	assert_int_equal(tally.unreadable[0].project_id, 3);
}

/* Two values by one lost key, one by another, one that is damaged, and the rest by one that is there. */
static void the_keys_that_are_missing_are_named_and_their_values_counted(void **state)
{
	static const char app_sql[] = "UPDATE zoom_oauth_apps SET client_secret = $1";
	static const char webhook_sql[] = "UPDATE zoom_oauth_apps SET webhook_secret = $1";
	static const char secret_sql[] = "UPDATE webhooks SET secret = $1";
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&database, "keys");
	SCOPED(keyring_close) struct keyring *lost = test_database_keyring(&database, "lost keys");
	SCOPED(keyring_close)
	struct keyring *other = test_database_keyring(&database, "other keys");
	SCOPED(arena_release) struct arena arena = {0};
	const struct app app = {.public_id = "zoapp_1", .project_id = 3};
	const struct seal_place place = {"webhooks", "secret", "wh_1", 3};
	struct sealed_value_tally tally;
	char name[KEY_NAME_BYTES];
	struct error err = {0};

	(void)state;
	fill(database.db, keyring);
	seal_into(database.db, lost, app_sql, app_client_secret_place(&app));
	seal_into(database.db, lost, webhook_sql, app_webhook_secret_place(&app));
	seal_into(database.db, other, secret_sql, place);
	must(db_script(database.db,
		       "UPDATE zoom_oauth_credentials SET access_token = refresh_token", &err),
	     &err);
	tally = check(database.db, &arena, keyring);
	assert_int_equal(tally.unreadable_count, 4);
	assert_int_equal(tally.missing_key_count, 2);
	assert_true(keyring_name_key(keyring_seal(lost, &arena, &place, "x"), name));
	assert_string_equal(tally.missing_keys[0].name, name);
	assert_int_equal(tally.missing_keys[0].count, 2);
	assert_true(keyring_name_key(keyring_seal(other, &arena, &place, "x"), name));
	assert_string_equal(tally.missing_keys[1].name, name);
	assert_int_equal(tally.missing_keys[1].count, 1);
}

static void a_value_that_was_moved_or_altered_is_named(void **state)
{
	static const char *const harms[] = {
		"UPDATE zoom_oauth_credentials SET access_token = refresh_token",
		"UPDATE zoom_oauth_credentials SET access_token = zeroblob(80)",
		"UPDATE zoom_oauth_credentials SET access_token = x'01'",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(harms); i++) {
		SCOPED(test_database_release) struct test_database database = test_database_open();
		SCOPED(keyring_close)
		struct keyring *keyring = test_database_keyring(&database, "keys");
		SCOPED(arena_release) struct arena arena = {0};
		struct sealed_value_tally tally;
		struct error err = {0};

		fill(database.db, keyring);
		must(db_script(database.db, harms[i], &err), &err);
		tally = check(database.db, &arena, keyring);
		assert_int_equal(tally.unreadable_count, 1);
		assert_string_equal(tally.unreadable[0].table, "zoom_oauth_credentials");
		assert_string_equal(tally.unreadable[0].column, "access_token");
		assert_string_equal(tally.unreadable[0].row, "zoauth_1");
	}
}

static void more_values_than_a_batch_has_are_all_met_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&database, "keys");
	SCOPED(arena_release) struct arena arena = {0};
	struct sealed_value_tally tally;
	struct error err = {0};

	(void)state;
	fill(database.db, keyring);
	must(db_script(
		     database.db,
		     "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 513)"
		     " INSERT INTO zoom_oauth_apps (public_id, project_id, client_id, client_secret,"
		     " state, created_at, updated_at) SELECT 'zoapp_' || i, 3, 'client ' || i, x'00',"
		     " 'active', 0, 0 FROM n",
		     &err),
	     &err);
	tally = check(database.db, &arena, keyring);
	assert_int_equal(tally.count, SEALED_COLUMN_COUNT + 512);
	assert_int_equal(tally.unreadable_count, 512);
	assert_string_equal(tally.unreadable[0].row, "zoapp_10");
	assert_string_equal(tally.unreadable[1].row, "zoapp_100");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_column_that_the_schema_calls_sealed_is_known),
		cmocka_unit_test(a_fresh_database_has_none),
		cmocka_unit_test(the_right_keys_open_every_value_in_its_place),
		cmocka_unit_test(other_keys_open_nothing_and_the_first_values_are_named),
		cmocka_unit_test(the_keys_that_are_missing_are_named_and_their_values_counted),
		cmocka_unit_test(a_value_that_was_moved_or_altered_is_named),
		cmocka_unit_test(more_values_than_a_batch_has_are_all_met_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
