#include "base/clock.h"
#include "store/credentials.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NOBODY = 0, HOLDER = 7, OTHER = 8 };

static const instant now = 1000 * DAY, later = 1030 * DAY;

/* Refresh and access token are named by one letter each. */
static struct sealed_tokens tokens_of(const char *letters)
{
	return (struct sealed_tokens){
		.refresh_token = {(const unsigned char *)letters, letters[0] == '-' ? 0 : 1},
		.access_token = {(const unsigned char *)letters + 1, 1},
		.issued_at = now,
		.expires_at = now + HOUR,
	};
}

static void replace(struct db *db, int64_t connection_id, const char *letters)
{
	const struct sealed_tokens tokens = tokens_of(letters);
	struct error err = {0};

	must(credentials_replace(db, connection_id, &tokens, now, later, &err), &err);
}

static struct test_database open_database(void)
{
	struct test_database database = test_database_open();

	test_rows_add(database.db);
	replace(database.db, TEST_ADA, "Rr");
	replace(database.db, TEST_BOB, "Bb");
	return database;
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

/* "Rr" again, with "-" for a token that is not there. */
static void assert_tokens(struct db *db, const char *letters)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct credentials found = find(db, &arena);
	const struct sealed kept[] = {found.refresh_token, found.access_token};

	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		if (letters[i] == '-') {
			assert_null(kept[i].bytes);
			continue;
		}
		assert_int_equal(kept[i].size, 1);
		assert_int_equal(kept[i].bytes[0], letters[i]);
	}
}

static int64_t generation_of(struct db *db)
{
	SCOPED(arena_release) struct arena arena = {0};

	return find(db, &arena).generation;
}

static bool claim_at(struct db *db, int64_t holder, int64_t dead_holder, instant at)
{
	struct error err = {0};
	bool claimed = false;

	must(credentials_claim_refresh(db, TEST_ADA, generation_of(db), holder, dead_holder, at,
				       at + MINUTE, &claimed, &err),
	     &err);
	return claimed;
}

static bool claim(struct db *db, int64_t holder)
{
	return claim_at(db, holder, NOBODY, now);
}

static bool store(struct db *db, int64_t generation, const char *letters)
{
	struct sealed_tokens tokens = tokens_of(letters);
	struct error err = {0};
	bool stored = false;

	if (letters[0] == '-')
		tokens.refresh_token = (struct sealed){0};
	must(credentials_store_refreshed(db, TEST_ADA, generation, &tokens, later, &stored, &err),
	     &err);
	return stored;
}

static void release(struct db *db, int64_t holder)
{
	struct error err = {0};

	must(credentials_release_refresh(db, TEST_ADA, holder, &err), &err);
}

static void what_was_authorized_is_found_whole(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	const struct credentials found = find(database.db, &arena);
	struct credentials nobodys;
	struct error err = {0};
	bool is_found = true;

	(void)state;
	assert_tokens(database.db, "Rr");
	assert_int_equal(found.connection_id, TEST_ADA);
	assert_int_equal(found.generation, 1);
	assert_int_equal(found.access_token_issued_at, now);
	assert_int_equal(found.access_token_expires_at, now + HOUR);
	assert_int_equal(found.authorized_at, now);
	assert_int_equal(found.refreshed_at, now);
	assert_int_equal(found.refresh_holder, NOBODY);
	assert_int_equal(found.refresh_attempts, 0);
	must(credentials_find(database.db, &arena, 99, &is_found, &nobodys, &err), &err);
	assert_false(is_found);
}

static void one_of_two_gets_the_lease(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_true(claim(database.db, HOLDER));
	assert_false(claim(database.db, OTHER));
	assert_false(claim(database.db, HOLDER)); /* nor the same once more */
}

static void a_lease_that_ran_out_or_whose_holder_is_dead_falls_to_the_next(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_true(claim(database.db, HOLDER));
	assert_false(claim_at(database.db, OTHER, NOBODY, now + MINUTE - 1));
	assert_true(claim_at(database.db, OTHER, NOBODY, now + MINUTE));
	assert_false(
		claim_at(database.db, HOLDER, HOLDER, now + MINUTE)); /* it is the other's now */
	assert_true(claim_at(database.db, HOLDER, OTHER, now + MINUTE));
}

static void the_lease_of_one_connection_is_not_anothers(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};
	bool claimed = false;

	(void)state;
	assert_true(claim(database.db, HOLDER));
	must(credentials_claim_refresh(database.db, TEST_BOB, 1, OTHER, NOBODY, now, now + MINUTE,
				       &claimed, &err),
	     &err);
	assert_true(claimed);
}

static void a_claim_of_an_older_generation_or_of_erased_tokens_fails(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};
	bool claimed = true;

	(void)state;
	replace(database.db, TEST_ADA, "Ss");
	must(credentials_claim_refresh(database.db, TEST_ADA, 1, HOLDER, NOBODY, now, now + MINUTE,
				       &claimed, &err),
	     &err);
	assert_false(claimed);
	must(credentials_erase(database.db, TEST_ADA, &err), &err);
	assert_false(claim(database.db, HOLDER));
}

static void what_a_refresh_brought_is_stored_and_ends_the_lease(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_true(claim(database.db, HOLDER));
	assert_true(store(database.db, 1, "Ss"));
	assert_tokens(database.db, "Ss");
	assert_int_equal(generation_of(database.db), 2);
	assert_true(claim(database.db, OTHER));
}

static void a_refresh_without_a_new_refresh_token_keeps_the_old_one(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_true(store(database.db, 1, "-s"));
	assert_tokens(database.db, "Rs");
}

/* Its lease ran out while it slept, and nobody has changed the tokens: its answer is the newest. */
static void an_answer_is_stored_whoever_has_the_lease_by_now(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_true(claim(database.db, HOLDER));
	assert_true(claim_at(database.db, OTHER, NOBODY, now + HOUR));
	assert_true(store(database.db, 1, "Ss"));
	assert_tokens(database.db, "Ss");
}

static void an_answer_to_an_older_generation_changes_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_true(claim(database.db, HOLDER));
	replace(database.db, TEST_ADA, "Nn");
	assert_true(claim(database.db, OTHER));
	assert_false(store(database.db, 1, "Ss"));
	assert_tokens(database.db, "Nn");
	assert_false(claim(database.db, HOLDER)); /* the lease is still the other's */
	assert_true(store(database.db, 2, "Tt"));
	assert_false(store(database.db, 2, "Uu")); /* each is answered once */
	assert_tokens(database.db, "Tt");
}

static void who_did_not_get_tokens_ends_only_its_own_lease(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_true(claim(database.db, HOLDER));
	release(database.db, OTHER);
	assert_false(claim(database.db, OTHER));
	release(database.db, HOLDER);
	assert_true(claim(database.db, OTHER));
	assert_tokens(database.db, "Rr");
	assert_int_equal(generation_of(database.db), 1);
}

static const char attempts_sql[] =
	"SELECT refresh_attempts FROM zoom_oauth_credentials WHERE connection_id = 1";

static void failures_in_a_row_are_counted_until_one_works(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	for (int attempts = 1; attempts <= 3; attempts++) {
		assert_true(claim(database.db, HOLDER));
		release(database.db, HOLDER);
		assert_int_equal(test_database_number(database.db, attempts_sql), attempts);
	}
	release(database.db, HOLDER); /* it holds none */
	assert_int_equal(test_database_number(database.db, attempts_sql), 3);
	assert_true(store(database.db, 1, "Ss"));
	assert_int_equal(test_database_number(database.db, attempts_sql), 0);
}

static void a_new_authorization_replaces_everything(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct credentials found;

	(void)state;
	assert_true(claim(database.db, HOLDER));
	release(database.db, HOLDER);
	assert_true(claim(database.db, HOLDER));
	replace(database.db, TEST_ADA, "Nn");
	found = find(database.db, &arena);
	assert_tokens(database.db, "Nn");
	assert_int_equal(found.generation, 2);
	assert_int_equal(found.refresh_holder, NOBODY);
	assert_int_equal(found.refresh_attempts, 0);
}

static const char next_refresh_sql[] =
	"SELECT next_refresh_at FROM zoom_oauth_credentials WHERE connection_id = 1";

static void erased_tokens_are_gone_for_a_refresh_under_way_too(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	assert_true(claim(database.db, HOLDER));
	must(credentials_erase(database.db, TEST_ADA, &err), &err);
	assert_false(store(database.db, 1, "Ss"));
	assert_tokens(database.db, "--");
	assert_int_equal(test_database_number(database.db, next_refresh_sql), -1);
	must(credentials_schedule_refresh(database.db, TEST_ADA, now, &err), &err);
	assert_int_equal(test_database_number(database.db, next_refresh_sql), -1);
}

static void parked_credentials_keep_the_refresh_token_and_are_not_renewed(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	must(credentials_park(database.db, TEST_ADA, &err), &err);
	assert_tokens(database.db, "R-");
	assert_int_equal(generation_of(database.db), 1);
	assert_int_equal(test_database_number(database.db, next_refresh_sql), -1);
	must(credentials_postpone_refresh(database.db, TEST_ADA, now, 1, &err), &err);
	assert_int_equal(test_database_number(database.db, next_refresh_sql), -1);
	assert_true(claim(database.db, HOLDER));
	assert_true(store(database.db, 1, "Ss"));
	assert_int_equal(test_database_number(database.db, next_refresh_sql), later);
}

static void the_worker_gets_each_due_refresh_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct db *db = database.db;
	struct due_refresh refreshes[2];
	struct error err = {0};
	int count = -1;
	instant at = -1;

	(void)state;
	must(credentials_next_refresh(db, &at, &err), &err);
	assert_int_equal(at, later);
	must(credentials_claim_due_refreshes(db, later - 1, later + MINUTE, 2, refreshes, &count,
					     &err),
	     &err);
	assert_int_equal(count, 0);
	must(credentials_schedule_refresh(db, TEST_BOB, now, &err), &err);
	must(credentials_schedule_refresh(db, TEST_BOB, now + 1, &err), &err); /* not later again */
	must(credentials_next_refresh(db, &at, &err), &err);
	assert_int_equal(at, now);
	must(credentials_postpone_refresh(db, TEST_ADA, now - 1, 4, &err), &err);
	must(credentials_claim_due_refreshes(db, now, later, 1, refreshes, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_int_equal(refreshes[0].connection_id, TEST_ADA); /* who is due longest */
	assert_int_equal(refreshes[0].generation, 1);
	assert_int_equal(refreshes[0].attempts, 4);
	must(credentials_claim_due_refreshes(db, now, later, 2, refreshes, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_int_equal(refreshes[0].connection_id, TEST_BOB);
	assert_int_equal(refreshes[0].attempts, 0);
	must(credentials_claim_due_refreshes(db, now, later, 2, refreshes, &count, &err), &err);
	assert_int_equal(count, 0);
	must(credentials_claim_due_refreshes(db, later, later + MINUTE, 2, refreshes, &count, &err),
	     &err);
	assert_int_equal(count, 2);
}

static void all_are_tried_soon_but_who_is_due_already_and_who_is_not_to_be_renewed(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct db *db = database.db;
	struct error err = {0};
	int64_t count = -1;
	instant at = -1;

	(void)state;
	must(credentials_schedule_all(db, now, 3600, &count, &err), &err);
	assert_int_equal(count, 2);
	must(credentials_next_refresh(db, &at, &err), &err);
	assert_int_equal(at, now + TEST_ADA * SECOND);
	must(credentials_postpone_refresh(db, TEST_ADA, now - 1, 0, &err), &err);
	must(credentials_park(db, TEST_BOB, &err), &err);
	must(credentials_schedule_all(db, now, 3600, &count, &err), &err);
	assert_int_equal(count, 0);
	must(credentials_next_refresh(db, &at, &err), &err);
	assert_int_equal(at, now - 1);
}

static void only_what_was_postponed_of_connected_users_of_the_app_is_tried_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct db *db = database.db;
	struct error err = {0};

	(void)state;
	must(credentials_retry_postponed(db, TEST_APP, now, &err), &err);
	assert_int_equal(test_database_number(db, next_refresh_sql), later);
	must(credentials_postpone_refresh(db, TEST_ADA, later, 2, &err), &err);
	must(credentials_retry_postponed(db, TEST_OTHER_APP, now, &err), &err);
	assert_int_equal(test_database_number(db, next_refresh_sql), later);
	must(db_script(db, "UPDATE zoom_oauth_connections SET state = 'disconnected'", &err), &err);
	must(credentials_retry_postponed(db, TEST_APP, now, &err), &err);
	assert_int_equal(test_database_number(db, next_refresh_sql), later);
	must(db_script(db, "UPDATE zoom_oauth_connections SET state = 'connected'", &err), &err);
	must(credentials_retry_postponed(db, TEST_APP, now, &err), &err);
	assert_int_equal(test_database_number(db, next_refresh_sql), now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_authorized_is_found_whole),
		cmocka_unit_test(one_of_two_gets_the_lease),
		cmocka_unit_test(a_lease_that_ran_out_or_whose_holder_is_dead_falls_to_the_next),
		cmocka_unit_test(the_lease_of_one_connection_is_not_anothers),
		cmocka_unit_test(a_claim_of_an_older_generation_or_of_erased_tokens_fails),
		cmocka_unit_test(what_a_refresh_brought_is_stored_and_ends_the_lease),
		cmocka_unit_test(a_refresh_without_a_new_refresh_token_keeps_the_old_one),
		cmocka_unit_test(an_answer_is_stored_whoever_has_the_lease_by_now),
		cmocka_unit_test(an_answer_to_an_older_generation_changes_nothing),
		cmocka_unit_test(who_did_not_get_tokens_ends_only_its_own_lease),
		cmocka_unit_test(failures_in_a_row_are_counted_until_one_works),
		cmocka_unit_test(a_new_authorization_replaces_everything),
		cmocka_unit_test(erased_tokens_are_gone_for_a_refresh_under_way_too),
		cmocka_unit_test(parked_credentials_keep_the_refresh_token_and_are_not_renewed),
		cmocka_unit_test(the_worker_gets_each_due_refresh_once),
		cmocka_unit_test(
			all_are_tried_soon_but_who_is_due_already_and_who_is_not_to_be_renewed),
		cmocka_unit_test(
			only_what_was_postponed_of_connected_users_of_the_app_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
