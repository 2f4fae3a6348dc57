#include "base/clock.h"
#include "store/authorization.h"
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

/* The code whose digest is that letter all over. */
static struct authorization code_of(char letter)
{
	static const char *const public_ids[] = {"zauth_a", "zauth_b", "zauth_c"};
	struct authorization authorization = {.app_id = TEST_APP,
					      .public_id = public_ids[letter - 'a'],
					      .request = "{}"};

	memset(authorization.code_sha256, letter, SHA256_BYTES);
	return authorization;
}

enum { PROCESS = 7 }; /* of every holder */

static bool claim_from_the_dead(struct db *db, char letter, const char *holder, instant at,
				int64_t dead_process)
{
	const struct authorization_lease lease = {holder, PROCESS, dead_process, at + MINUTE};
	const struct authorization code = code_of(letter);
	struct error err = {0};
	bool claimed = false;

	must(authorization_claim(db, &code, &lease, at, &claimed, &err), &err);
	return claimed;
}

static bool claim_at(struct db *db, char letter, const char *holder, instant at)
{
	return claim_from_the_dead(db, letter, holder, at, 0);
}

static bool claim(struct db *db, char letter, const char *holder)
{
	return claim_at(db, letter, holder, now);
}

static bool find(struct db *db, struct arena *arena, char letter, struct authorization *found)
{
	const struct authorization code = code_of(letter);
	struct error err = {0};
	bool is_found = false;

	must(authorization_find(db, arena, TEST_APP, code.code_sha256, &is_found, found, &err),
	     &err);
	return is_found;
}

static void release_in_doubt(struct db *db, char letter, const char *holder,
			     instant next_attempt_at, instant exchange_began_at)
{
	struct authorization code = code_of(letter);
	struct error err = {0};

	code.exchange_began_at = exchange_began_at;
	must(authorization_release(db, &code, holder, next_attempt_at, &err), &err);
}

static void release(struct db *db, char letter, const char *holder, instant next_attempt_at)
{
	release_in_doubt(db, letter, holder, next_attempt_at, 0);
}

static void store_tokens(struct db *db, char letter, instant next_attempt_at)
{
	struct authorization code = code_of(letter);
	struct error err = {0};

	code.access_token = (struct sealed){(const unsigned char *)"A", 1};
	code.refresh_token = (struct sealed){(const unsigned char *)"R", 1};
	code.scopes = "user:read:user";
	code.access_token_expires_at = now + HOUR;
	code.exchanged_at = now;
	must(authorization_store_tokens(db, &code, next_attempt_at, &err), &err);
}

static bool settle_tokens_of(struct db *db, char letter, int64_t connection_id,
			     instant exchanged_at)
{
	struct authorization code = code_of(letter);
	struct error err = {0};
	bool settled = false;

	code.exchanged_at = exchanged_at;
	must(authorization_settle(db, &code, connection_id, &settled, &err), &err);
	return settled;
}

static bool settle(struct db *db, char letter, int64_t connection_id)
{
	return settle_tokens_of(db, letter, connection_id, now);
}

static instant next_due(struct db *db)
{
	struct error err = {0};
	instant at = -1;

	must(authorization_next_due(db, &at, &err), &err);
	return at;
}

static void one_of_two_gets_a_code_until_its_lease_runs_out(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	assert_false(claim(database.db, 'a', "two"));
	assert_true(claim(database.db, 'b', "two"));
	assert_false(claim_at(database.db, 'a', "two", now + MINUTE - 1));
	assert_true(claim_at(database.db, 'a', "two", now + MINUTE));
}

static void the_lease_of_a_dead_process_is_over_at_once_and_of_no_other(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct authorization found;

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	assert_true(find(database.db, &arena, 'a', &found));
	assert_int_equal(found.holder_process, PROCESS);
	assert_false(claim_from_the_dead(database.db, 'a', "two", now, PROCESS + 1));
	assert_true(claim_from_the_dead(database.db, 'a', "two", now, PROCESS));
	release(database.db, 'a', "one", 0); /* it has the lease no more */
	assert_true(find(database.db, &arena, 'a', &found));
	assert_int_equal(found.holder_process, PROCESS);
}

static const char *in_doubt(struct db *db, struct arena *arena, instant since)
{
	struct authorization *rows;
	struct error err = {0};
	const char *text = "";
	int count;

	must(authorization_list_in_doubt(db, arena, TEST_APP, since, 10, &rows, &count, &err),
	     &err);
	for (int i = 0; i < count; i++)
		text = arena_printf(arena, "%s%c", text, rows[i].code_sha256[0]);
	return text;
}

static void an_exchange_is_in_doubt_from_its_claim_until_its_answer_is_here(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct authorization found;
	struct db *db = database.db;

	(void)state;
	assert_true(claim_at(db, 'b', "one", now + 1));
	assert_true(claim_at(db, 'a', "one", now));
	assert_string_equal(in_doubt(db, &arena, now), "ab");
	assert_string_equal(in_doubt(db, &arena, now + 1), "b");
	assert_true(claim_at(db, 'a', "two", now + MINUTE));
	assert_true(find(db, &arena, 'a', &found));
	assert_int_equal(found.exchange_began_at,
			 now); /* the second does not end the doubt about the first */
	store_tokens(db, 'a', now + MINUTE);
	assert_string_equal(in_doubt(db, &arena, now), "b");
	assert_true(claim_at(db, 'a', "three", now + HOUR));
	assert_string_equal(in_doubt(db, &arena, now), "b");
	release(db, 'b', "one", 0);
	assert_string_equal(in_doubt(db, &arena, now), "");
}

static const char *leased(struct db *db, struct arena *arena, instant made_by, instant at)
{
	struct authorization *rows;
	struct error err = {0};
	const char *text = "";
	int count;

	must(authorization_list_leased(db, arena, TEST_APP, made_by, at, 10, &rows, &count, &err),
	     &err);
	for (int i = 0; i < count; i++)
		text = arena_printf(arena, "%s%c", text, rows[i].code_sha256[0]);
	return text;
}

static void a_code_is_leased_from_its_claim_until_it_is_done_or_the_lease_is_over(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct db *db = database.db;

	(void)state;
	assert_string_equal(leased(db, &arena, now, now), "");
	assert_true(claim_at(db, 'a', "one", now));
	assert_true(claim_at(db, 'b', "one", now + 1));
	assert_string_equal(leased(db, &arena, now - 1, now), "");
	assert_string_equal(leased(db, &arena, now, now), "a");
	assert_string_equal(leased(db, &arena, now + 1, now), "ab");
	assert_string_equal(leased(db, &arena, now + 1, now + MINUTE - 1), "ab");
	assert_string_equal(leased(db, &arena, now + 1, now + MINUTE), "b");
	store_tokens(db, 'a', now + MINUTE);
	assert_string_equal(leased(db, &arena, now + 1, now), "ab");
	assert_true(settle(db, 'a', TEST_ADA));
	assert_string_equal(leased(db, &arena, now + 1, now), "b");
	release(db, 'b', "one", 0);
	assert_string_equal(leased(db, &arena, now + 1, now), "");
}

static void a_code_in_doubt_stays_though_it_brought_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct authorization found;

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	release_in_doubt(database.db, 'a', "one", 0, now);
	assert_true(find(database.db, &arena, 'a', &found));
	assert_int_equal(found.exchange_began_at, now);
	assert_int_equal(found.holder_process, 0);
	assert_true(claim(database.db, 'a', "two"));
	release(database.db, 'a', "two", 0);
	assert_false(find(database.db, &arena, 'a', &found));
}

static void the_first_request_of_a_code_is_the_one_that_stands(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	const struct authorization_lease lease = {"two", PROCESS, 0, now + DAY};
	struct authorization again = code_of('a'), found;
	struct error err = {0};
	bool claimed = false;

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	again.public_id = "zauth_b";
	again.request = "{\"other\": 1}";
	must(authorization_claim(database.db, &again, &lease, now + HOUR, &claimed, &err), &err);
	assert_true(claimed);
	assert_true(find(database.db, &arena, 'a', &found));
	assert_string_equal(found.public_id, "zauth_a");
	assert_string_equal(found.request, "{}");
	assert_int_equal(found.created_at, now);
}

static void a_code_that_brought_nothing_may_be_sent_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct authorization found;

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	release(database.db, 'a', "two", 0); /* it holds no lease */
	assert_false(claim(database.db, 'a', "two"));
	release(database.db, 'a', "one", 0);
	assert_false(find(database.db, &arena, 'a', &found));
	assert_true(claim(database.db, 'a', "two"));
}

static void tokens_stay_with_the_code_until_it_is_settled_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct authorization found;

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	assert_false(settle(database.db, 'a', TEST_ADA)); /* there is nothing to hand over */
	store_tokens(database.db, 'a', now + MINUTE);
	release(database.db, 'a', "one", now + 2 * MINUTE);
	assert_true(find(database.db, &arena, 'a', &found));
	assert_int_equal(found.refresh_token.bytes[0], 'R');
	assert_int_equal(found.access_token.bytes[0], 'A');
	assert_int_equal(found.attempts, 1);
	assert_int_equal(next_due(database.db), now + 2 * MINUTE);

	assert_true(claim(database.db, 'a', "two"));
	assert_false(settle_tokens_of(database.db, 'a', TEST_ADA, now - 1)); /* renewed since */
	assert_true(settle(database.db, 'a', TEST_ADA));
	assert_false(settle(database.db, 'a', TEST_BOB));
	assert_true(find(database.db, &arena, 'a', &found));
	assert_null(found.refresh_token.bytes);
	assert_null(found.access_token.bytes);
	assert_int_equal(found.connection_id, TEST_ADA);
	assert_int_equal(next_due(database.db), 0);
	assert_false(claim_at(database.db, 'a', "three", now + DAY));
}

static void an_answered_code_is_not_worked_on_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	const struct authorization code = code_of('a');
	struct authorization found;
	struct error err = {0};

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	must(authorization_record_answer(database.db, TEST_APP, code.code_sha256, 400,
					 "{\"error\": \"no\"}", &err),
	     &err);
	assert_false(claim_at(database.db, 'a', "two", now + DAY));
	assert_true(find(database.db, &arena, 'a', &found));
	assert_int_equal(found.answer_status, 400);
	assert_string_equal(found.answer_body, "{\"error\": \"no\"}");
}

static char due_at(struct db *db, struct arena *arena, instant at)
{
	struct authorization found = {0};
	struct error err = {0};
	bool is_found = false;

	must(authorization_find_due(db, arena, at, &is_found, &found, &err), &err);
	return is_found ? (char)found.code_sha256[0] : '-';
}

static bool take_from_the_dead(struct db *db, char letter, const char *holder, instant at,
			       int64_t dead_process)
{
	const struct authorization_lease lease = {holder, PROCESS, dead_process, at + MINUTE};
	const struct authorization code = code_of(letter);
	struct error err = {0};
	bool taken = false;

	must(authorization_take(db, &code, &lease, at, &taken, &err), &err);
	return taken;
}

static bool take(struct db *db, char letter, const char *holder, instant at)
{
	return take_from_the_dead(db, letter, holder, at, 0);
}

static void what_is_due_longest_is_found_first_until_it_is_taken_or_put_off(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	const struct authorization a = code_of('a');
	struct error err = {0};
	struct db *db = database.db;

	(void)state;
	for (char letter = 'a'; letter <= 'c'; letter++) {
		assert_true(claim(db, letter, "one"));
		release_in_doubt(db, letter, "one", 0, now);
	}
	store_tokens(db, 'a', now + 2);
	store_tokens(db, 'b', now + 1);
	assert_int_equal(next_due(db), now + 1);
	assert_int_equal(due_at(db, &arena, now), '-');
	assert_int_equal(due_at(db, &arena, now + 2), 'b');
	assert_true(take(db, 'b', "worker", now + 2));
	assert_int_equal(due_at(db, &arena, now + 2), 'a');
	must(authorization_put_off(db, &a, now + HOUR, &err), &err);
	assert_int_equal(due_at(db, &arena, now + 2), '-'); /* of c nothing is there */
	assert_int_equal(next_due(db), now + 2 + MINUTE);   /* when the lease on b is over */
}

static void a_worker_and_who_posts_the_code_again_keep_each_other_out(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct db *db = database.db;

	(void)state;
	assert_true(claim(db, 'a', "one"));
	store_tokens(db, 'a', now);
	assert_false(take(db, 'a', "worker", now + MINUTE - 1));
	assert_false(take_from_the_dead(db, 'a', "worker", now, PROCESS + 1));
	assert_true(take_from_the_dead(db, 'a', "worker", now, PROCESS));
	assert_false(claim_at(db, 'a', "two", now + 1));
	release(db, 'a', "worker", now + HOUR);
	assert_true(claim_at(db, 'a', "two", now + 1));
	assert_true(take(db, 'a', "worker", now + 1 + MINUTE));
}

static bool has_waiting(struct db *db, instant made_by, instant since)
{
	struct error err = {0};
	bool has = false;

	must(authorization_has_waiting(db, TEST_APP, made_by, since, &has, &err), &err);
	return has;
}

static void tokens_wait_from_the_exchange_until_they_are_settled_or_given_up(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct db *db = database.db;

	(void)state;
	assert_true(claim(db, 'a', "one"));
	assert_true(claim(db, 'b', "one"));
	assert_false(has_waiting(db, now, now - 1));
	store_tokens(db, 'a', now + MINUTE);
	assert_true(has_waiting(db, now, now - 1));
	assert_false(has_waiting(db, now - 1, now - 1));
	assert_false(has_waiting(db, now, now));
	release(db, 'a', "one", now + HOUR);
	assert_true(has_waiting(db, now, now - 1));
	assert_true(settle(db, 'a', TEST_ADA));
	assert_false(has_waiting(db, now, now - 1));
	store_tokens(db, 'b', now + MINUTE);
	release(db, 'b', "one", 0);
	assert_false(has_waiting(db, now, now - 1));
}

static int64_t clean_up_doubts(struct db *db, instant before, instant doubt_before, int limit)
{
	struct error err = {0};
	int64_t removed = -1;

	must(authorization_clean_up(db, before, doubt_before, limit, &removed, &err), &err);
	return removed;
}

static int64_t clean_up(struct db *db, instant before, int limit)
{
	return clean_up_doubts(db, before, before, limit);
}

static void clean_up_drops_what_is_old_and_has_nothing_to_be_finished(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct authorization found;

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	assert_true(claim(database.db, 'b', "one"));
	assert_true(claim_at(database.db, 'c', "one", now + 1));
	store_tokens(database.db, 'b', now + DAY);
	assert_int_equal(clean_up(database.db, now, 10), 0);
	assert_int_equal(clean_up(database.db, now + 1, 10), 1);
	assert_false(find(database.db, &arena, 'a', &found));
	assert_true(find(database.db, &arena, 'b', &found));
	assert_true(find(database.db, &arena, 'c', &found));
	assert_true(settle(database.db, 'b', TEST_ADA));
	assert_int_equal(clean_up(database.db, now + 2, 1), 1);
	assert_int_equal(clean_up(database.db, now + 2, 1), 1);
	assert_int_equal(clean_up(database.db, now + 2, 1), 0);
}

static void clean_up_leaves_what_is_in_doubt_for_longer(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	assert_true(claim(database.db, 'a', "one"));
	release_in_doubt(database.db, 'a', "one", 0, now);
	assert_int_equal(clean_up_doubts(database.db, now + DAY, now, 10), 0);
	assert_int_equal(clean_up_doubts(database.db, now + DAY, now + 1, 10), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lease_of_a_dead_process_is_over_at_once_and_of_no_other),
		cmocka_unit_test(an_exchange_is_in_doubt_from_its_claim_until_its_answer_is_here),
		cmocka_unit_test(
			a_code_is_leased_from_its_claim_until_it_is_done_or_the_lease_is_over),
		cmocka_unit_test(a_code_in_doubt_stays_though_it_brought_nothing),
		cmocka_unit_test(clean_up_leaves_what_is_in_doubt_for_longer),
		cmocka_unit_test(one_of_two_gets_a_code_until_its_lease_runs_out),
		cmocka_unit_test(the_first_request_of_a_code_is_the_one_that_stands),
		cmocka_unit_test(a_code_that_brought_nothing_may_be_sent_again),
		cmocka_unit_test(tokens_stay_with_the_code_until_it_is_settled_once),
		cmocka_unit_test(an_answered_code_is_not_worked_on_again),
		cmocka_unit_test(what_is_due_longest_is_found_first_until_it_is_taken_or_put_off),
		cmocka_unit_test(a_worker_and_who_posts_the_code_again_keep_each_other_out),
		cmocka_unit_test(tokens_wait_from_the_exchange_until_they_are_settled_or_given_up),
		cmocka_unit_test(clean_up_drops_what_is_old_and_has_nothing_to_be_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
