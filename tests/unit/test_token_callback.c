#include "store/connection.h"
#include "store/statement.h"
#include "store/token_callback.h"
#include "store/token_callback_use.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char other_project_sql[] =
	"INSERT INTO projects (id, public_id, name, created_at) VALUES (2, 'proj_2', 'others', 1);";

static struct test_database open_database(void)
{
	struct test_database database = test_database_open();
	struct error err;

	test_rows_add(database.db);
	if (!db_script(database.db, other_project_sql, &err))
		fail_msg("%s", err.message);
	return database;
}

static struct token_callback add(struct db *db, const char *public_id, int64_t project_id,
				 const char *secret)
{
	struct token_callback callback = {.public_id = public_id,
					  .project_id = project_id,
					  .engine = "recall",
					  .created_at = 7};
	struct error err = {0};

	must(token_callback_add(db, &callback, secret, &err), &err);
	return callback;
}

/* The public id of what the secret opens; NULL: nothing. */
static const char *opened_by(struct db *db, struct arena *arena, const char *secret)
{
	struct token_callback callback;
	struct error err = {0};
	bool found;

	must(token_callback_find_by_secret(db, arena, secret, &found, &callback, &err), &err);
	return found ? callback.public_id : NULL;
}

static void a_secret_opens_its_own_callback_and_nothing_near_it_does(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	const char *secret = token_callback_make_secret(&arena);
	const char *other = token_callback_make_secret(&arena);

	(void)state;
	assert_int_equal(strlen(secret), 43);
	assert_string_not_equal(secret, other);
	add(database.db, "tcb_1", TEST_PROJECT, secret);
	add(database.db, "tcb_2", 2, other);
	assert_string_equal(opened_by(database.db, &arena, secret), "tcb_1");
	assert_string_equal(opened_by(database.db, &arena, other), "tcb_2");
	assert_null(opened_by(database.db, &arena, ""));
	assert_null(opened_by(database.db, &arena, arena_printf(&arena, "%s0", secret)));
	assert_null(opened_by(database.db, &arena, arena_strndup(&arena, secret, 42)));
}

static void a_callback_is_found_in_its_own_project_only(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct token_callback found_callback;
	struct error err = {0};
	bool found;

	(void)state;
	add(database.db, "tcb_1", TEST_PROJECT, "s1");
	must(token_callback_find(database.db, &arena, TEST_PROJECT, "tcb_1", &found,
				 &found_callback, &err),
	     &err);
	assert_true(found);
	assert_string_equal(found_callback.engine, "recall");
	assert_null(found_callback.name);
	assert_null(found_callback.signing_secret.bytes);
	assert_int_equal(found_callback.created_at, 7);
	assert_int_equal(found_callback.last_used_at, 0);
	must(token_callback_find(database.db, &arena, 2, "tcb_1", &found, &found_callback, &err),
	     &err);
	assert_false(found);
}

static void use(struct db *db, int64_t callback_id, instant at, int64_t connection_id)
{
	const struct token_callback_use row = {.used_at = at,
					       .address = "zak_url",
					       .connection_id = connection_id,
					       .tokens = "",
					       .outcome = "no_connection_for_meeting",
					       .status = 404};
	struct error err = {0};

	must(token_callback_use_add(db, callback_id, &row, &err), &err);
}

static int list(struct db *db, struct arena *arena, int64_t callback_id,
		struct token_callback_use **uses)
{
	const struct page page = {.size = 10};
	struct error err = {0};
	bool has_newer, has_older;
	int count;

	must(token_callback_use_list(db, arena, callback_id, &page, uses, &count, &has_newer,
				     &has_older, &err),
	     &err);
	return count;
}

static void uses_are_numbered_and_listed_newest_first(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	const struct token_callback one = add(database.db, "tcb_1", TEST_PROJECT, "s1");
	const struct token_callback other = add(database.db, "tcb_2", TEST_PROJECT, "s2");
	struct token_callback_use *uses;

	(void)state;
	use(database.db, one.id, 10, TEST_ADA);
	use(database.db, other.id, 11, 0);
	use(database.db, one.id, 12, 0);
	assert_int_equal(list(database.db, &arena, one.id, &uses), 2);
	assert_int_equal(uses[0].number, 2);
	assert_int_equal(uses[0].used_at, 12);
	assert_null(uses[0].connection_public_id);
	assert_string_equal(uses[1].connection_public_id, "zoauth_1");
	assert_int_equal(
		test_database_number(database.db,
				     "SELECT last_used_at FROM token_callbacks WHERE id = 1"),
		12);
}

static void the_use_of_what_was_removed_meanwhile_is_forgotten(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	const struct token_callback callback = add(database.db, "tcb_1", TEST_PROJECT, "s1");
	struct error err = {0};

	(void)state;
	use(database.db, callback.id, 10, 0);
	must(token_callback_remove(database.db, callback.id, &err), &err);
	use(database.db, callback.id, 11, 0);
	assert_int_equal(test_database_number(database.db,
					      "SELECT count(*) FROM token_callback_uses"),
			 0);
}

static void a_connection_that_goes_leaves_the_use(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	const struct token_callback callback = add(database.db, "tcb_1", TEST_PROJECT, "s1");
	struct token_callback_use *uses;
	struct error err = {0};

	(void)state;
	use(database.db, callback.id, 10, TEST_ADA);
	must(connection_remove(database.db, TEST_ADA, &err), &err);
	use(database.db, callback.id, 11, TEST_ADA);
	assert_int_equal(list(database.db, &arena, callback.id, &uses), 2);
	assert_int_equal(uses[0].connection_id, 0);
	assert_int_equal(uses[1].connection_id, 0);
}

static void a_callback_keeps_no_more_than_its_newest_uses(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	const struct token_callback callback = add(database.db, "tcb_1", TEST_PROJECT, "s1");
	struct token_callback_use *uses;
	struct error err = {0};

	(void)state;
	use(database.db, callback.id, 10, 0);
	use(database.db, callback.id, 11, 0);
	must(db_script(database.db, "UPDATE token_callbacks SET use_count = 100000", &err), &err);
	use(database.db, callback.id, 12, 0);
	assert_int_equal(list(database.db, &arena, callback.id, &uses), 2);
	assert_int_equal(uses[0].number, TOKEN_CALLBACK_USES_MAX + 1);
	assert_int_equal(uses[1].number, 2);
}

static void old_uses_are_cleaned_up_a_few_at_a_time(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	const struct token_callback callback = add(database.db, "tcb_1", TEST_PROJECT, "s1");
	struct token_callback_use *uses;
	struct error err = {0};
	int64_t removed;

	(void)state;
	for (instant at = 10; at < 15; at++)
		use(database.db, callback.id, at, 0);
	must(token_callback_use_clean_up(database.db, 13, 2, &removed, &err), &err);
	assert_int_equal(removed, 2);
	must(token_callback_use_clean_up(database.db, 13, 2, &removed, &err), &err);
	assert_int_equal(removed, 1);
	must(token_callback_use_clean_up(database.db, 13, 2, &removed, &err), &err);
	assert_int_equal(removed, 0);
	assert_int_equal(list(database.db, &arena, callback.id, &uses), 2);
	assert_int_equal(uses[1].used_at, 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_opens_its_own_callback_and_nothing_near_it_does),
		cmocka_unit_test(a_callback_is_found_in_its_own_project_only),
		cmocka_unit_test(uses_are_numbered_and_listed_newest_first),
		cmocka_unit_test(the_use_of_what_was_removed_meanwhile_is_forgotten),
		cmocka_unit_test(a_connection_that_goes_leaves_the_use),
		cmocka_unit_test(a_callback_keeps_no_more_than_its_newest_uses),
		cmocka_unit_test(old_uses_are_cleaned_up_a_few_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
