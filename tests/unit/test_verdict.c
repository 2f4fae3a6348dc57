#include "notify/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LEAST = 0, MOST = 65535, MIDDLE = 32768 }; /* of the jitter */

static const instant now = 1000000 * SECOND;

struct outcome {
	struct delivery delivery;
	struct webhook webhook;
	bool webhook_failed;
};

/* Of an attempt that took 20 ms and ended at attempt.ended_at. */
static void try(struct attempt attempt, uint32_t spread, struct outcome *outcome)
{
	SCOPED(arena_release) struct arena arena = {0};

	attempt.began_at = attempt.ended_at - 20 * MILLISECOND;
	verdict_apply(&attempt, spread, &arena, &outcome->delivery, &outcome->webhook,
		      &outcome->webhook_failed);
	/* A text of the arena's is gone with it. */
	outcome->delivery.last_error = outcome->delivery.last_error != NULL ? "" : NULL;
}

static struct outcome pending_after(int attempts)
{
	return (struct outcome){.delivery = {.state = "pending", .attempts = attempts}};
}

static struct attempt answered(int status)
{
	return (struct attempt){.ended_at = now, .status = status, .answer = "text"};
}

static void any_2xx_delivers_and_nothing_else_does(void **state)
{
	static const int others[] = {0, 100, 199, 300, 301, 400, 404, 429, 500, 503};

	(void)state;
	for (int status = 200; status < 300; status++) {
		struct outcome outcome = pending_after(3);

		try(answered(status), MIDDLE, &outcome);
		assert_false(outcome.webhook_failed);
		assert_string_equal(outcome.delivery.state, "delivered");
		assert_null(outcome.delivery.last_error);
		assert_int_equal(outcome.delivery.next_attempt_at, 0);
		assert_int_equal(outcome.delivery.finished_at, now);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		struct outcome outcome = pending_after(3);

		try(answered(others[i]), MIDDLE, &outcome);
		assert_true(outcome.webhook_failed);
		assert_string_equal(outcome.delivery.state, "pending");
		assert_int_equal(outcome.delivery.finished_at, 0);
	}
}

static void what_an_attempt_was_like_is_noted(void **state)
{
	struct outcome outcome = pending_after(4);

	(void)state;
	try(answered(500), MIDDLE, &outcome);
	assert_int_equal(outcome.delivery.attempts, 5);
	assert_int_equal(outcome.delivery.last_attempt_at, now - 20 * MILLISECOND);
	assert_int_equal(outcome.delivery.last_duration_ms, 20);
	assert_int_equal(outcome.delivery.last_status, 500);
	assert_string_equal(outcome.delivery.last_answer, "text");
	assert_non_null(outcome.delivery.last_error);
}

static void expect_error(struct attempt attempt, const char *words)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct outcome outcome = pending_after(0);

	verdict_apply(&attempt, MIDDLE, &arena, &outcome.delivery, &outcome.webhook,
		      &outcome.webhook_failed);
	assert_string_equal(outcome.delivery.last_error, words);
}

static void the_error_says_what_failed(void **state)
{
	(void)state;
	expect_error(answered(503), "the receiver answered 503");
	expect_error(answered(302), "the receiver answered 302: redirects are not followed");
	expect_error((struct attempt){.ended_at = now, .error = "nobody is there"},
		     "nobody is there");
}

static void the_waits_grow_to_75_hours_in_all(void **state)
{
	int64_t sum_s = 0;

	(void)state;
	assert_int_equal(verdict_wait_s(1), 5);
	for (int attempts = 1; attempts < DELIVERY_ATTEMPTS_MAX; attempts++) {
		assert_true(attempts == 1 ||
			    verdict_wait_s(attempts) > verdict_wait_s(attempts - 1));
		sum_s += verdict_wait_s(attempts);
	}
	assert_in_range(sum_s, 75 * 3600, 76 * 3600);
	assert_int_equal(verdict_wait_s(0), verdict_wait_s(1));
	assert_int_equal(verdict_wait_s(1000), verdict_wait_s(DELIVERY_ATTEMPTS_MAX - 1));
}

static void each_wait_is_a_tenth_shorter_or_longer(void **state)
{
	(void)state;
	for (int attempts = 1; attempts < DELIVERY_ATTEMPTS_MAX; attempts++) {
		const instant wait = verdict_wait_s(attempts) * SECOND;
		struct outcome least = pending_after(attempts - 1), most = least;

		try(answered(500), LEAST, &least);
		try(answered(500), MOST, &most);
		assert_int_equal(least.delivery.next_attempt_at, now + wait - wait / 10);
		assert_int_equal(most.delivery.next_attempt_at, now + wait + wait / 10);
	}
}

static void the_tenth_attempt_is_the_last(void **state)
{
	struct outcome outcome = pending_after(DELIVERY_ATTEMPTS_MAX - 2);

	(void)state;
	try(answered(500), MIDDLE, &outcome);
	assert_string_equal(outcome.delivery.state, "pending");
	try(answered(500), MIDDLE, &outcome);
	assert_string_equal(outcome.delivery.state, "failed");
	assert_int_equal(outcome.delivery.next_attempt_at, 0);
	assert_int_equal(outcome.delivery.finished_at, now);
	assert_int_equal(outcome.webhook.disabled_at, 0);
}

static void a_receiver_that_is_gone_is_told_nothing_more(void **state)
{
	struct outcome outcome = pending_after(0);

	(void)state;
	try(answered(410), MIDDLE, &outcome);
	assert_string_equal(outcome.delivery.state, "failed");
	assert_int_equal(outcome.webhook.disabled_at, now);
	assert_string_equal(outcome.webhook.disabled_reason, WEBHOOK_GONE);
}

/* When the first retry is after an answer with that Retry-After, and when the webhook's pause ends. */
static struct outcome retried_after(const char *retry_after)
{
	struct outcome outcome = pending_after(0);
	struct attempt attempt = answered(503);

	attempt.retry_after = retry_after;
	try(attempt, LEAST, &outcome);
	return outcome;
}

static void a_receiver_may_ask_for_more_time_up_to_a_day_and_never_for_less(void **state)
{
	const instant unasked = retried_after(NULL).delivery.next_attempt_at;

	(void)state;
	assert_int_equal(retried_after("100").delivery.next_attempt_at, now + 100 * SECOND);
	assert_int_equal(retried_after("100").webhook.paused_until, now + 100 * SECOND);
	assert_int_equal(retried_after("1").delivery.next_attempt_at, unasked);
	assert_int_equal(retried_after("0").delivery.next_attempt_at, unasked);
	assert_int_equal(retried_after("-5").delivery.next_attempt_at, unasked);
	assert_int_equal(retried_after("soon").delivery.next_attempt_at, unasked);
	assert_int_equal(retried_after("86401").delivery.next_attempt_at, now + DAY);
	assert_int_equal(retried_after("9999999").webhook.paused_until, now + DAY);
}

static void a_webhook_rests_after_three_failures_in_a_row(void **state)
{
	struct outcome outcome = pending_after(0);

	(void)state;
	try(answered(500), LEAST, &outcome);
	try(answered(500), LEAST, &outcome);
	assert_int_equal(outcome.webhook.paused_until, 0);
	assert_int_equal(outcome.webhook.failing_since, now);
	try(answered(500), MOST, &outcome);
	assert_int_equal(outcome.webhook.failures, 3);
	assert_int_equal(outcome.webhook.pauses, 1);
	assert_int_equal(outcome.webhook.paused_until, now + 5 * SECOND + SECOND / 2);
}

static void what_was_under_way_when_the_pause_began_does_not_lengthen_it(void **state)
{
	struct outcome outcome = pending_after(0);

	(void)state;
	outcome.webhook = (struct webhook){.failing_since = now,
					   .failures = 3,
					   .pauses = 1,
					   .paused_until = now + SECOND};
	try(answered(500), MIDDLE, &outcome);
	assert_int_equal(outcome.webhook.pauses, 1);
	assert_int_equal(outcome.webhook.paused_until, now + SECOND);
	assert_int_equal(outcome.webhook.failures, 4);
}

static void a_failure_after_a_pause_makes_the_next_one_longer(void **state)
{
	struct outcome outcome = pending_after(0);

	(void)state;
	outcome.webhook = (struct webhook){.failing_since = now - MINUTE,
					   .failures = 4,
					   .pauses = 1,
					   .paused_until = now - SECOND};
	try(answered(500), LEAST, &outcome);
	assert_int_equal(outcome.webhook.pauses, 2);
	assert_int_equal(outcome.webhook.paused_until, now + 300 * SECOND - 30 * SECOND);
}

static void five_days_of_nothing_but_failures_disable_it(void **state)
{
	struct outcome outcome = pending_after(0);

	(void)state;
	outcome.webhook.failing_since = now - 5 * DAY + SECOND;
	try(answered(500), MIDDLE, &outcome);
	assert_int_equal(outcome.webhook.disabled_at, 0);
	outcome.webhook.failing_since = now - 5 * DAY;
	try(answered(500), MIDDLE, &outcome);
	assert_int_equal(outcome.webhook.disabled_at, now);
	assert_string_equal(outcome.webhook.disabled_reason, WEBHOOK_FAILING);
	assert_string_equal(outcome.delivery.state, "pending");
}

static void what_failed_before_days_of_silence_counts_no_more(void **state)
{
	const struct webhook former = {.failing_since = now - 30 * DAY,
				       .failures = 10,
				       .pauses = 8,
				       .paused_until = now - 2 * DAY - SECOND};
	struct outcome outcome = pending_after(0);

	(void)state;
	outcome.webhook = former;
	try(answered(500), MIDDLE, &outcome);
	assert_int_equal(outcome.webhook.disabled_at, 0);
	assert_int_equal(outcome.webhook.failing_since, now);
	assert_int_equal(outcome.webhook.failures, 1);
	assert_int_equal(outcome.webhook.pauses, 0);
	assert_int_equal(outcome.webhook.paused_until, 0);
	try(answered(500), MIDDLE, &outcome);
	assert_int_equal(outcome.webhook.failures, 2);
	outcome.webhook = former;
	outcome.webhook.paused_until += MINUTE;
	try(answered(500), MIDDLE, &outcome);
	assert_int_equal(outcome.webhook.disabled_at, now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_2xx_delivers_and_nothing_else_does),
		cmocka_unit_test(what_an_attempt_was_like_is_noted),
		cmocka_unit_test(the_error_says_what_failed),
		cmocka_unit_test(the_waits_grow_to_75_hours_in_all),
		cmocka_unit_test(each_wait_is_a_tenth_shorter_or_longer),
		cmocka_unit_test(the_tenth_attempt_is_the_last),
		cmocka_unit_test(a_receiver_that_is_gone_is_told_nothing_more),
		cmocka_unit_test(a_receiver_may_ask_for_more_time_up_to_a_day_and_never_for_less),
		cmocka_unit_test(a_webhook_rests_after_three_failures_in_a_row),
		cmocka_unit_test(what_was_under_way_when_the_pause_began_does_not_lengthen_it),
		cmocka_unit_test(a_failure_after_a_pause_makes_the_next_one_longer),
		cmocka_unit_test(five_days_of_nothing_but_failures_disable_it),
		cmocka_unit_test(what_failed_before_days_of_silence_counts_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
