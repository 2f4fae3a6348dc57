#include "store/refresh_attempt.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { HOLDER = 7, OTHER = 8 };

static const char credentials_sql[] =
	"INSERT INTO zoom_oauth_credentials (connection_id, generation, authorized_at, refreshed_at)"
	" VALUES (1, 1, 1, 1), (2, 1, 1, 1)";

static struct test_database open_database(void)
{
	struct test_database database = test_database_open();
	struct error err = {0};

	test_rows_add(database.db);
	must(db_script(database.db, credentials_sql, &err), &err);
	return database;
}

static void add(struct db *db, int64_t holder, instant at)
{
	struct error err = {0};

	must(refresh_attempt_add(db, TEST_ADA, holder, at, &err), &err);
}

static void lose(struct db *db, int64_t holder)
{
	struct error err = {0};

	must(refresh_attempt_lose(db, TEST_ADA, holder, &err), &err);
}

/* "7@100 8@200": whose attempts of Ada's the holder is told of, and when they began. */
static void assert_others(struct db *db, int64_t holder, const char *expected)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct refresh_attempt *attempts = NULL;
	const char *found = "";
	struct error err = {0};
	int count = -1;

	must(refresh_attempt_list_others(db, &arena, TEST_ADA, holder, &attempts, &count, &err),
	     &err);
	for (int i = 0; i < count; i++)
		found = arena_printf(&arena, "%s%s%lld@%lld", found, i > 0 ? " " : "",
				     (long long)attempts[i].holder,
				     (long long)attempts[i].started_at);
	assert_string_equal(found, expected);
}

static void others_are_told_of_an_attempt_and_oneself_is_not(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	add(database.db, OTHER, 200);
	add(database.db, HOLDER, 100);
	assert_others(database.db, HOLDER, "8@200");
	assert_others(database.db, OTHER, "7@100");
	assert_others(database.db, 9, "7@100 8@200"); /* the oldest first */
}

static void a_new_attempt_stands_beside_the_one_that_was_lost(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	add(database.db, HOLDER, 100);
	lose(database.db, HOLDER);
	add(database.db, HOLDER, 300);
	assert_others(database.db, HOLDER, "0@100");
	assert_others(database.db, OTHER, "0@100 7@300");
}

static void an_answered_attempt_is_gone_and_others_stay(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	add(database.db, HOLDER, 100);
	add(database.db, OTHER, 200);
	must(refresh_attempt_remove(database.db, TEST_ADA, HOLDER, &err), &err);
	assert_others(database.db, 9, "8@200");
}

static void a_lost_attempt_is_nobodys_and_the_oldest_of_them_is_kept(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	add(database.db, HOLDER, 100);
	lose(database.db, HOLDER);
	assert_others(database.db, HOLDER, "0@100");
	add(database.db, HOLDER, 300);
	lose(database.db, HOLDER);
	assert_others(database.db, HOLDER, "0@100");
	lose(database.db, OTHER); /* has none */
	assert_others(database.db, HOLDER, "0@100");
}

static void new_tokens_end_all_attempts_of_their_connection_alone(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	add(database.db, HOLDER, 100);
	lose(database.db, HOLDER);
	add(database.db, OTHER, 200);
	must(refresh_attempt_remove_all(database.db, TEST_BOB, &err), &err);
	assert_others(database.db, 9, "0@100 8@200");
	must(refresh_attempt_remove_all(database.db, TEST_ADA, &err), &err);
	assert_others(database.db, 9, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_are_told_of_an_attempt_and_oneself_is_not),
		cmocka_unit_test(a_new_attempt_stands_beside_the_one_that_was_lost),
		cmocka_unit_test(an_answered_attempt_is_gone_and_others_stay),
		cmocka_unit_test(a_lost_attempt_is_nobodys_and_the_oldest_of_them_is_kept),
		cmocka_unit_test(new_tokens_end_all_attempts_of_their_connection_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
