/* Of the tokens of two databases the newest are kept, where they open. */
#include "store/credentials.h"
#include "store/newer_credentials.h"
#include "store/refresh_attempt.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const instant now = 1000 * DAY;

/* Ada's tokens for the times-th time, which is their generation, sealed for her connection of that id. */
static void give_as(struct db *db, struct keyring *keyring, const char *public_id, int times)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct connection ada = {.public_id = public_id, .project_id = TEST_PROJECT};
	const struct seal_place refresh = credentials_refresh_token_place(&ada);
	const struct seal_place access = credentials_access_token_place(&ada);
	struct error err = {0};

	for (int i = 1; i <= times; i++) {
		const struct sealed_tokens tokens = {
			.refresh_token = keyring_seal(keyring, &arena, &refresh,
						      arena_printf(&arena, "refresh %d", i)),
			.access_token = keyring_seal(keyring, &arena, &access, "access"),
			.issued_at = now + i,
			.expires_at = now + i + HOUR,
		};

		must(credentials_replace(db, TEST_ADA, &tokens, now + i, now + 30 * DAY, &err),
		     &err);
	}
}

static void give(struct db *db, struct keyring *keyring, int times)
{
	give_as(db, keyring, "zoauth_1", times);
}

static struct credentials find(struct db *db, struct arena *arena)
{
	struct credentials credentials = {0};
	struct error err = {0};
	bool found = false;

	must(credentials_find(db, arena, TEST_ADA, &found, &credentials, &err), &err);
	assert_true(found);
	return credentials;
}

static int64_t take(struct test_database *to, struct test_database *from, struct keyring *keyring)
{
	struct error err = {0};
	int64_t count = -1;

	must(newer_credentials_take(to->db, from->db, keyring, &count, &err), &err);
	return count;
}

static void newer_ones_are_taken_whole_and_are_due_at_once(void **state)
{
	SCOPED(test_database_release) struct test_database to = test_rows_open();
	SCOPED(test_database_release) struct test_database from = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&to, "keys");
	SCOPED(arena_release) struct arena arena = {0};
	const struct connection ada = {.public_id = "zoauth_1", .project_id = TEST_PROJECT};
	const struct seal_place place = credentials_refresh_token_place(&ada);
	struct credentials credentials;
	struct error err = {0};
	bool claimed = false;
	const char *text;
	instant at;

	(void)state;
	give(to.db, keyring, 1);
	must(credentials_claim_refresh(to.db, TEST_ADA, 1, 7, 0, now, now + HOUR, &claimed, &err),
	     &err);
	must(refresh_attempt_add(to.db, TEST_ADA, 7, now, &err), &err);
	give(from.db, keyring, 3);
	assert_int_equal(take(&to, &from, keyring), 1);
	credentials = find(to.db, &arena);
	assert_int_equal(credentials.generation, 3);
	assert_int_equal(credentials.refreshed_at, now + 3);
	assert_int_equal(credentials.access_token_expires_at, now + 3 + HOUR);
	assert_int_equal(credentials.refresh_holder, 0);
	must(keyring_open_sealed(keyring, &arena, &place, credentials.refresh_token, &text, &err),
	     &err);
	assert_string_equal(text, "refresh 3");
	must(credentials_next_refresh(to.db, &at, &err), &err);
	assert_true(at <= now + 3);
	/* The attempt was about the tokens of before. */
	assert_int_equal(test_database_number(to.db,
					      "SELECT count(*) FROM zoom_oauth_refresh_attempts"),
			 0);
}

static void of_two_authorizations_the_later_is_the_newer_whatever_the_generations_are(void **state)
{
	SCOPED(test_database_release) struct test_database older = test_rows_open();
	SCOPED(test_database_release) struct test_database later = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&older, "keys");
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};

	/* The user authorized anew after an old copy had been restored, which had counted less. */
	(void)state;
	give(older.db, keyring, 5);
	give(later.db, keyring, 2);
	must(db_script(
		     later.db,
		     "UPDATE zoom_oauth_credentials SET authorized_at = authorized_at + 3600000000",
		     &err),
	     &err);
	assert_int_equal(take(&later, &older, keyring), 0);
	assert_int_equal(find(later.db, &arena).generation, 2);
	assert_int_equal(take(&older, &later, keyring), 1);
	assert_int_equal(find(older.db, &arena).refreshed_at, now + 2);
}

/* She was deleted and has authorized anew. */
static void the_refresh_token_of_a_user_of_another_id_is_taken_for_the_id_that_is_here(void **state)
{
	SCOPED(test_database_release) struct test_database to = test_rows_open();
	SCOPED(test_database_release) struct test_database from = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&to, "keys");
	SCOPED(arena_release) struct arena arena = {0};
	const struct connection ada = {.public_id = "zoauth_1", .project_id = TEST_PROJECT};
	const struct seal_place place = credentials_refresh_token_place(&ada);
	struct credentials credentials;
	struct error err = {0};
	const char *text;

	(void)state;
	give(to.db, keyring, 1);
	must(db_script(from.db,
		       "UPDATE zoom_oauth_connections SET public_id = 'zoauth_9' WHERE id = 1",
		       &err),
	     &err);
	give_as(from.db, keyring, "zoauth_9", 3);
	assert_int_equal(take(&to, &from, keyring), 1);
	credentials = find(to.db, &arena);
	assert_int_equal(credentials.refreshed_at, now + 3);
	assert_null(credentials.access_token.bytes);
	assert_int_equal(credentials.access_token_expires_at, 0);
	must(keyring_open_sealed(keyring, &arena, &place, credentials.refresh_token, &text, &err),
	     &err);
	assert_string_equal(text, "refresh 3");
}

static void those_of_a_user_of_another_app_are_not(void **state)
{
	SCOPED(test_database_release) struct test_database to = test_rows_open();
	SCOPED(test_database_release) struct test_database from = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&to, "keys");
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};

	(void)state;
	give(to.db, keyring, 1);
	must(db_script(from.db, "UPDATE zoom_oauth_apps SET public_id = 'zoapp_9' WHERE id = 1",
		       &err),
	     &err);
	give(from.db, keyring, 3);
	assert_int_equal(take(&to, &from, keyring), 0);
	assert_int_equal(find(to.db, &arena).generation, 1);
}

/* As what "refresh 2" leaves of the tokens of that authorization. */
static const char same_sql[] = "UPDATE zoom_oauth_credentials SET generation = 2,"
			       " authorized_at = authorized_at + 1";

static void what_is_as_new_or_newer_stays_but_for_a_refresh_that_was_interrupted(void **state)
{
	SCOPED(test_database_release) struct test_database to = test_rows_open();
	SCOPED(test_database_release) struct test_database from = test_rows_open();
	SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&to, "keys");
	struct error err = {0};

	(void)state;
	give(to.db, keyring, 2);
	give(from.db, keyring, 1);
	must(refresh_attempt_add(from.db, TEST_ADA, 7, now, &err), &err);
	assert_int_equal(take(&to, &from, keyring), 0);
	assert_int_equal(test_database_number(to.db,
					      "SELECT count(*) FROM zoom_oauth_refresh_attempts"),
			 0);
	must(db_script(from.db, same_sql, &err), &err);
	assert_int_equal(take(&to, &from, keyring), 0);
	assert_int_equal(test_database_number(to.db,
					      "SELECT started_at FROM zoom_oauth_refresh_attempts"
					      " WHERE connection_id = 1 AND holder = 0"),
			 now);
}

static void tokens_of_another_user_erased_ones_and_unreadable_ones_are_not_taken(void **state)
{
	static const char *const harms[] = {
		"UPDATE zoom_oauth_connections SET zoom_user_id = 'eve' WHERE id = 1",
		"UPDATE zoom_oauth_connections SET public_id = 'zoauth_9' WHERE id = 1",
		"UPDATE zoom_oauth_credentials SET refresh_token = NULL",
		"UPDATE zoom_oauth_credentials SET refresh_token = access_token",
	};

	(void)state;
	for (size_t i = 0; i <= COUNT_OF(harms); i++) {
		SCOPED(test_database_release) struct test_database to = test_rows_open();
		SCOPED(test_database_release) struct test_database from = test_rows_open();
		SCOPED(keyring_close) struct keyring *keyring = test_database_keyring(&to, "keys");
		SCOPED(keyring_close) struct keyring *lost = test_database_keyring(&from, "keys");
		SCOPED(arena_release) struct arena arena = {0};
		struct error err = {0};

		give(to.db, keyring, 1);
		give(from.db, i < COUNT_OF(harms) ? keyring : lost, 2);
		if (i < COUNT_OF(harms))
			must(db_script(from.db, harms[i], &err), &err);
		assert_int_equal(take(&to, &from, keyring), 0);
		assert_int_equal(find(to.db, &arena).generation, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newer_ones_are_taken_whole_and_are_due_at_once),
		cmocka_unit_test(
			of_two_authorizations_the_later_is_the_newer_whatever_the_generations_are),
		cmocka_unit_test(
			the_refresh_token_of_a_user_of_another_id_is_taken_for_the_id_that_is_here),
		cmocka_unit_test(those_of_a_user_of_another_app_are_not),
		cmocka_unit_test(
			what_is_as_new_or_newer_stays_but_for_a_refresh_that_was_interrupted),
		cmocka_unit_test(
			tokens_of_another_user_erased_ones_and_unreadable_ones_are_not_taken),
	};

	return cmocka_run_group_tests_name("newer_credentials", tests, NULL, NULL);
}
