#include "notify/verdict.h"

#include "base/attr.h"

#include <assert.h>

enum {
	FAILURES_BEFORE_PAUSE = 3,
	STATUS_GONE = 410,
};

/* Longer than that nobody is waited for, whatever the Retry-After says. */
static const instant retry_after_max = DAY;

/* Of nothing but failures, then the webhook is disabled. */
static const instant failing_max = 5 * DAY;

/* No two attempts of a delivery are so far apart: between them there was nothing to tell. */
static const instant silence_min = 2 * DAY;

/* Standard Webhooks' own example (zoom-facts 8): 75 hours in all. */
static const int64_t waits_s[] = {
	5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400,
};

static_assert(COUNT_OF(waits_s) == DELIVERY_ATTEMPTS_MAX - 1, "a wait between any two attempts");

int64_t verdict_wait_s(int attempts)
{
	const int last = (int)COUNT_OF(waits_s) - 1, index = attempts - 1;

	return waits_s[index < 0 ? 0 : index > last ? last : index];
}

/* A tenth more or less, lest all try at once. */
static instant spread_wait(int64_t wait_s, uint32_t spread)
{
	const instant wait = wait_s * SECOND;

	return wait - wait / 10 + wait / 5 * (int64_t)(spread & 0xffff) / 0xffff;
}

/* The time that the receiver has named; 0: none. */
static instant asked_for(const struct attempt *attempt)
{
	instant at;

	if (attempt->retry_after == NULL ||
	    !instant_parse_retry_after(attempt->retry_after, attempt->ended_at, &at))
		return 0;
	return at < attempt->ended_at + retry_after_max ? at : attempt->ended_at + retry_after_max;
}

static instant later(instant a, instant b)
{
	return a > b ? a : b;
}

static void finish(struct delivery *delivery, const char *state, instant at)
{
	delivery->state = state;
	delivery->next_attempt_at = 0;
	delivery->finished_at = at;
}

static void disable(struct webhook *webhook, const char *reason, instant at)
{
	webhook->disabled_at = at;
	webhook->disabled_reason = reason;
}

/* Whoever had given up on the receiver then may have found it well since. */
static void forget_what_was_before_silence(const struct attempt *attempt, struct webhook *webhook)
{
	if (webhook->paused_until == 0 || attempt->began_at < webhook->paused_until + silence_min)
		return;
	webhook->failing_since = webhook->paused_until = 0;
	webhook->failures = webhook->pauses = 0;
}

/* One that began before the last pause did is of the failures that led to it. */
static void pause_webhook(const struct attempt *attempt, uint32_t spread, struct webhook *webhook)
{
	const instant asked_at = asked_for(attempt);

	forget_what_was_before_silence(attempt, webhook);
	webhook->failures++;
	if (webhook->failing_since == 0)
		webhook->failing_since = attempt->ended_at;
	if (webhook->paused_until <= attempt->began_at &&
	    (webhook->pauses > 0 || webhook->failures >= FAILURES_BEFORE_PAUSE))
		webhook->paused_until =
			attempt->ended_at + spread_wait(verdict_wait_s(++webhook->pauses), spread);
	webhook->paused_until = later(webhook->paused_until, asked_at);
	if (attempt->ended_at - webhook->failing_since >= failing_max)
		disable(webhook, WEBHOOK_FAILING, attempt->ended_at);
}

static const char *describe(const struct attempt *attempt, struct arena *arena)
{
	if (attempt->status == 0)
		return attempt->error;
	if (attempt->status >= 300 && attempt->status < 400)
		return arena_printf(arena, "the receiver answered %d: redirects are not followed",
				    attempt->status);
	return arena_printf(arena, "the receiver answered %d", attempt->status);
}

void verdict_apply(const struct attempt *attempt, uint32_t spread, struct arena *arena,
		   struct delivery *delivery, struct webhook *webhook, bool *webhook_failed)
{
	*webhook_failed = attempt->status < 200 || attempt->status >= 300;
	delivery->attempts++;
	delivery->last_attempt_at = attempt->began_at;
	delivery->last_duration_ms = (attempt->ended_at - attempt->began_at) / MILLISECOND;
	delivery->last_status = attempt->status;
	delivery->last_answer = attempt->answer;
	delivery->last_error = *webhook_failed ? describe(attempt, arena) : NULL;
	if (!*webhook_failed) {
		finish(delivery, "delivered", attempt->ended_at);
		return;
	}
	pause_webhook(attempt, spread, webhook);
	if (attempt->status == STATUS_GONE)
		disable(webhook, WEBHOOK_GONE, attempt->ended_at);
	if (delivery->attempts >= DELIVERY_ATTEMPTS_MAX || attempt->status == STATUS_GONE)
		finish(delivery, "failed", attempt->ended_at);
	else
		delivery->next_attempt_at =
			later(attempt->ended_at +
				      spread_wait(verdict_wait_s(delivery->attempts), spread),
			      asked_for(attempt));
}
