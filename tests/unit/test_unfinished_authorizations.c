/* Of the authorizations that one database has not finished none is lost on the way to an older copy. */
#include "store/authorization.h"
#include "store/unfinished_authorizations.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const instant now = 1000 * DAY;

static struct authorization the_code(void)
{
	struct authorization code = {.app_id = TEST_APP,
				     .public_id = "zauth_1",
				     .request = "{\"a\":1}"};

	memset(code.code_sha256, 'c', SHA256_BYTES);
	return code;
}

/* Zoom has given the tokens, at that time, and not told whose they are. */
static void exchange(struct db *db, struct keyring *keyring, const char *refresh_token, instant at)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct authorization_lease lease = {"one", 7, 0, at + MINUTE};
	struct authorization code = the_code();
	const struct seal_place refresh = authorization_refresh_token_place(&code, TEST_PROJECT);
	const struct seal_place access = authorization_access_token_place(&code, TEST_PROJECT);
	struct error err = {0};
	bool claimed;

	must(authorization_claim(db, &code, &lease, at, &claimed, &err), &err);
	code.refresh_token = keyring_seal(keyring, &arena, &refresh, refresh_token);
	code.access_token = keyring_seal(keyring, &arena, &access, "access");
	code.scopes = "user:read:user";
	code.access_token_expires_at = at + HOUR;
	code.asked_at = at - 1;
	code.exchanged_at = at;
	must(authorization_store_tokens(db, &code, at + MINUTE, &err), &err);
}

static void settle(struct db *db, instant exchanged_at)
{
	struct authorization code = the_code();
	struct error err = {0};
	bool settled = false;

	code.exchanged_at = exchanged_at;
	must(authorization_settle(db, &code, TEST_ADA, &settled, &err), &err);
	assert_true(settled);
}

static int64_t take(struct test_database *to, struct test_database *from, struct keyring *keyring)
{
	struct error err = {0};
	int64_t count = -1;

	must(unfinished_authorizations_take(to->db, from->db, keyring, &count, &err), &err);
	return count;
}

static struct authorization find(struct db *db, struct arena *arena)
{
	const struct authorization code = the_code();
	struct authorization found = {0};
	struct error err = {0};
	bool is_found;

	must(authorization_find(db, arena, TEST_APP, code.code_sha256, &is_found, &found, &err),
	     &err);
	return found;
}

static void assert_has(struct db *db, struct keyring *keyring, const char *refresh_token,
		       instant exchanged_at)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct authorization found = find(db, &arena);
	const struct seal_place refresh = authorization_refresh_token_place(&found, TEST_PROJECT);
	const struct seal_place access = authorization_access_token_place(&found, TEST_PROJECT);
	struct error err = {0};
	const char *text;
	instant due_at;

	must(keyring_open_sealed(keyring, &arena, &refresh, found.refresh_token, &text, &err),
	     &err);
	assert_string_equal(text, refresh_token);
	must(keyring_open_sealed(keyring, &arena, &access, found.access_token, &text, &err), &err);
	assert_string_equal(text, "access");
	assert_string_equal(found.request, "{\"a\":1}");
	assert_string_equal(found.scopes, "user:read:user");
	assert_int_equal(found.asked_at, exchanged_at - 1);
	assert_int_equal(found.exchanged_at, exchanged_at);
	assert_int_equal(found.access_token_expires_at, exchanged_at + HOUR);
	must(authorization_next_due(db, &due_at, &err), &err);
	assert_int_equal(due_at, exchanged_at + MINUTE);
}

static void one_that_the_copy_knows_nothing_of_is_taken_for_the_worker_to_finish(void **state)
{
	SCOPED(test_database_release) struct test_database to = test_rows_open();
	SCOPED(test_database_release) struct test_database from = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&to, "keys");

	(void)state;
	exchange(from.db, keyring, "refresh", now);
	assert_int_equal(take(&to, &from, keyring), 1);
	assert_has(to.db, keyring, "refresh", now);
	assert_int_equal(test_database_number(to.db, "SELECT count(*) FROM zoom_authorizations"
						     " WHERE created_at = 86400000000000"),
			 1);
}

static void of_one_that_the_copy_has_the_later_tokens_are_kept(void **state)
{
	SCOPED(test_database_release) struct test_database earlier = test_rows_open();
	SCOPED(test_database_release) struct test_database later = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&earlier, "keys");

	(void)state;
	exchange(earlier.db, keyring, "refresh 1", now);
	exchange(later.db, keyring, "refresh 2", now + HOUR);
	assert_int_equal(take(&later, &earlier, keyring), 0);
	assert_has(later.db, keyring, "refresh 2", now + HOUR);
	assert_int_equal(take(&earlier, &later, keyring), 1);
	assert_has(earlier.db, keyring, "refresh 2", now + HOUR);
}

static void what_either_has_finished_is_left_alone(void **state)
{
	SCOPED(test_database_release) struct test_database finished = test_rows_open();
	SCOPED(test_database_release) struct test_database waiting = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&finished, "keys");
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	exchange(finished.db, keyring, "refresh", now);
	settle(finished.db, now);
	exchange(waiting.db, keyring, "refresh", now);
	assert_int_equal(take(&finished, &waiting, keyring), 0);
	assert_null(find(finished.db, &arena).refresh_token.bytes);
	assert_int_equal(take(&waiting, &finished, keyring), 0);
	assert_has(waiting.db, keyring, "refresh", now);
}

static void one_that_no_key_opens_or_of_an_app_that_is_not_there_is_not_taken(void **state)
{
	static const char remove_sql[] = "UPDATE zoom_oauth_apps SET public_id = 'zoapp_9'"
					 " WHERE id = 1";
	SCOPED(test_database_release) struct test_database to = test_rows_open();
	SCOPED(test_database_release) struct test_database from = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&to, "keys");
	SCOPED(keyring_close) struct keyring *lost = test_database_keyring(&from, "keys");
	struct error err = {0};

	(void)state;
	exchange(from.db, lost, "refresh", now);
	assert_int_equal(take(&to, &from, keyring), 0);
	must(db_script(to.db, remove_sql, &err), &err);
	assert_int_equal(take(&to, &from, lost), 0);
	assert_int_equal(test_database_number(to.db, "SELECT count(*) FROM zoom_authorizations"),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			one_that_the_copy_knows_nothing_of_is_taken_for_the_worker_to_finish),
		cmocka_unit_test(of_one_that_the_copy_has_the_later_tokens_are_kept),
		cmocka_unit_test(what_either_has_finished_is_left_alone),
		cmocka_unit_test(one_that_no_key_opens_or_of_an_app_that_is_not_there_is_not_taken),
	};

	return cmocka_run_group_tests_name("unfinished_authorizations", tests, NULL, NULL);
}
