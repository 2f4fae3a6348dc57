#include "store/delivery.h"
#include "store/webhook.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const instant now = 1000 * SECOND;

struct fixture {
	struct test_database database;
	struct db *db;
	struct arena arena;
	struct webhook webhook;
	struct error err;
};

static struct webhook add_webhook(struct db *db, const char *public_id)
{
	static const unsigned char secret[] = "sealed";
	struct error err = {0};
	struct webhook webhook = {
		.public_id = public_id,
		.project_id = TEST_PROJECT,
		.url = "https://a.example/",
		.triggers = TRIGGER_BOT_STATE_CHANGE,
		.secret = {secret, sizeof(secret)},
		.created_at = now,
		.updated_at = now,
	};

	must(webhook_add(db, &webhook, &err), &err);
	return webhook;
}

static void release(struct fixture *fixture)
{
	arena_release(&fixture->arena);
	test_database_release(&fixture->database);
}

static struct fixture open_fixture(void)
{
	struct fixture fixture = {.database = test_rows_open()};

	fixture.db = fixture.database.db;
	fixture.webhook = add_webhook(fixture.db, "wh_1");
	return fixture;
}

static void add_to(struct fixture *fixture, int64_t webhook_id, const char *public_id,
		   const char *subject)
{
	const struct delivery delivery = {.public_id = public_id,
					  .webhook_id = webhook_id,
					  .trigger = TRIGGER_BOT_STATE_CHANGE,
					  .subject = subject,
					  .body = "{}"};

	must(delivery_add(fixture->db, &delivery, now, &fixture->err), &fixture->err);
}

static void add(struct fixture *fixture, const char *public_id, const char *subject)
{
	add_to(fixture, fixture->webhook.id, public_id, subject);
}

static struct delivery find(struct fixture *fixture, const char *public_id)
{
	struct delivery delivery;
	bool found;

	must(delivery_find(fixture->db, &fixture->arena, fixture->webhook.id, public_id, &found,
			   &delivery, &fixture->err),
	     &fixture->err);
	assert_true(found);
	return delivery;
}

/* "msg_a msg_c" */
static const char *due_at(struct fixture *fixture, instant at, int limit)
{
	const char *ids = "";
	struct delivery *deliveries;
	int count;

	must(delivery_list_due(fixture->db, &fixture->arena, fixture->webhook.id, at, limit,
			       &deliveries, &count, &fixture->err),
	     &fixture->err);
	for (int i = 0; i < count; i++)
		ids = arena_printf(&fixture->arena, "%s%s%s", ids, i > 0 ? " " : "",
				   deliveries[i].public_id);
	return ids;
}

static void record(struct fixture *fixture, const char *public_id, const char *state,
		   instant next_attempt_at)
{
	struct delivery delivery = find(fixture, public_id);

	delivery.state = state;
	delivery.next_attempt_at = next_attempt_at;
	delivery.attempts++;
	delivery.last_attempt_at = now;
	delivery.finished_at = next_attempt_at == 0 ? now : 0;
	must(delivery_record(fixture->db, &delivery, now, &fixture->err), &fixture->err);
}

static void what_is_added_is_pending_and_due(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();
	struct delivery delivery;
	instant at;

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	delivery = find(&fixture, "msg_a");
	assert_true(delivery_is_pending(&delivery));
	assert_int_equal(delivery.next_attempt_at, now);
	assert_int_equal(delivery.attempts, 0);
	assert_int_equal(delivery.created_at, now);
	assert_string_equal(delivery.body, "{}");
	assert_null(delivery.last_error);
	must(webhook_next_due(fixture.db, &at, &fixture.err), &fixture.err);
	assert_int_equal(at, now);
	assert_string_equal(due_at(&fixture, now - 1, 9), "");
}

static void of_one_subject_only_the_oldest_is_due(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	add(&fixture, "msg_b", "bot_1");
	add(&fixture, "msg_c", "bot_2");
	assert_string_equal(due_at(&fixture, now, 9), "msg_a msg_c");
	assert_string_equal(due_at(&fixture, now, 1), "msg_a");
	record(&fixture, "msg_a", "pending", now + SECOND);
	assert_string_equal(due_at(&fixture, now, 9), "msg_c");
	record(&fixture, "msg_a", "delivered", 0);
	assert_string_equal(due_at(&fixture, now, 9), "msg_b msg_c");
	record(&fixture, "msg_b", "failed", 0);
	assert_string_equal(due_at(&fixture, now, 9), "msg_c");
}

static void another_webhooks_deliveries_hold_up_nothing(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();
	const struct webhook other = add_webhook(fixture.db, "wh_2");
	struct delivery delivery;
	bool found;

	(void)state;
	add_to(&fixture, other.id, "msg_o", "bot_1");
	add(&fixture, "msg_a", "bot_1");
	assert_string_equal(due_at(&fixture, now, 9), "msg_a");
	must(delivery_find(fixture.db, &fixture.arena, fixture.webhook.id, "msg_o", &found,
			   &delivery, &fixture.err),
	     &fixture.err);
	assert_false(found);
}

/* A worker that was taken for dead and was not: what another one found out stands. */
static void what_is_done_with_stays_so_whoever_records_later(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	add(&fixture, "msg_b", "bot_1");
	record(&fixture, "msg_a", "delivered", 0);
	record(&fixture, "msg_a", "pending", now + SECOND);
	assert_string_equal(find(&fixture, "msg_a").state, "delivered");
	assert_int_equal(find(&fixture, "msg_a").attempts, 1);
	assert_string_equal(due_at(&fixture, now + DAY, 9), "msg_b");
}

static void one_that_is_repeated_is_due_from_the_start(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();
	struct delivery delivery;

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	record(&fixture, "msg_a", "failed", 0);
	delivery = find(&fixture, "msg_a");
	must(delivery_repeat(fixture.db, &delivery, now + SECOND, &fixture.err), &fixture.err);
	delivery = find(&fixture, "msg_a");
	assert_true(delivery_is_pending(&delivery));
	assert_int_equal(delivery.attempts, 0);
	assert_int_equal(delivery.finished_at, 0);
	assert_int_equal(delivery.next_attempt_at, now + SECOND);
}

static void one_that_is_repeated_waits_for_what_is_pending_of_its_subject(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();
	struct delivery delivery;

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	record(&fixture, "msg_a", "delivered", 0);
	add(&fixture, "msg_b", "bot_1");
	delivery = find(&fixture, "msg_a");
	must(delivery_repeat(fixture.db, &delivery, now, &fixture.err), &fixture.err);
	assert_string_equal(due_at(&fixture, now, 9), "msg_b");
	record(&fixture, "msg_b", "delivered", 0);
	assert_string_equal(due_at(&fixture, now, 9), "msg_a");
}

static void all_subjects_are_resumed_with_their_oldest(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	add(&fixture, "msg_b", "bot_1");
	add(&fixture, "msg_c", "bot_2");
	record(&fixture, "msg_a", "pending", now + DAY);
	record(&fixture, "msg_c", "pending", now + DAY);
	assert_string_equal(due_at(&fixture, now, 9), "");
	must(delivery_resume(fixture.db, fixture.webhook.id, now, &fixture.err), &fixture.err);
	assert_string_equal(due_at(&fixture, now, 9), "msg_a msg_c");
}

static instant due_since(struct fixture *fixture)
{
	instant at;

	must(delivery_due_since(fixture->db, &at, &fixture->err), &fixture->err);
	return at;
}

static int64_t count_pending(struct fixture *fixture)
{
	int64_t count;

	must(delivery_count_pending(fixture->db, &count, &fixture->err), &fixture->err);
	return count;
}

static void the_queue_of_all_webhooks_is_measured(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();
	const struct webhook other = add_webhook(fixture.db, "wh_2");

	(void)state;
	assert_int_equal(count_pending(&fixture), 0);
	assert_int_equal(due_since(&fixture), 0);
	add(&fixture, "msg_a", "bot_1");
	add(&fixture, "msg_b", "bot_1");
	add_to(&fixture, other.id, "msg_o", "bot_1");
	record(&fixture, "msg_a", "pending", now - MINUTE);
	assert_int_equal(count_pending(&fixture), 3);
	assert_int_equal(due_since(&fixture), now - MINUTE);
	record(&fixture, "msg_a", "delivered", 0);
	assert_int_equal(count_pending(&fixture), 2);
	assert_int_equal(due_since(&fixture), now);
}

/* Else an alert would say that the worker does not get to it. */
static void a_webhook_that_rests_or_is_disabled_has_nothing_overdue(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	fixture.webhook.paused_until = now + HOUR;
	must(webhook_change(fixture.db, &fixture.webhook, &fixture.err), &fixture.err);
	assert_int_equal(due_since(&fixture), now + HOUR);
	assert_int_equal(count_pending(&fixture), 1);
	fixture.webhook.disabled_at = now;
	fixture.webhook.disabled_reason = WEBHOOK_BY_REQUEST;
	must(webhook_change(fixture.db, &fixture.webhook, &fixture.err), &fixture.err);
	assert_int_equal(due_since(&fixture), 0);
	assert_int_equal(count_pending(&fixture), 0);
}

static int64_t clean_up(struct fixture *fixture, instant before, int limit)
{
	int64_t removed;

	must(delivery_clean_up(fixture->db, before, limit, &removed, &fixture->err), &fixture->err);
	return removed;
}

static void what_is_old_goes_unless_it_is_still_to_be_told(void **state)
{
	SCOPED(release) struct fixture fixture = open_fixture();

	(void)state;
	add(&fixture, "msg_a", "bot_1");
	add(&fixture, "msg_b", "bot_2");
	add(&fixture, "msg_c", "bot_3");
	record(&fixture, "msg_a", "delivered", 0);
	record(&fixture, "msg_b", "failed", 0);
	assert_int_equal(clean_up(&fixture, now, 9), 0);
	assert_int_equal(clean_up(&fixture, now + 1, 1), 1);
	assert_int_equal(clean_up(&fixture, now + 1, 9), 1);
	assert_int_equal(clean_up(&fixture, now + 1, 9), 0);
	fixture.webhook.disabled_at = now;
	fixture.webhook.disabled_reason = WEBHOOK_BY_REQUEST;
	must(webhook_change(fixture.db, &fixture.webhook, &fixture.err), &fixture.err);
	assert_int_equal(clean_up(&fixture, now + 1, 9), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_pending_and_due),
		cmocka_unit_test(of_one_subject_only_the_oldest_is_due),
		cmocka_unit_test(another_webhooks_deliveries_hold_up_nothing),
		cmocka_unit_test(what_is_done_with_stays_so_whoever_records_later),
		cmocka_unit_test(one_that_is_repeated_is_due_from_the_start),
		cmocka_unit_test(one_that_is_repeated_waits_for_what_is_pending_of_its_subject),
		cmocka_unit_test(all_subjects_are_resumed_with_their_oldest),
		cmocka_unit_test(the_queue_of_all_webhooks_is_measured),
		cmocka_unit_test(a_webhook_that_rests_or_is_disabled_has_nothing_overdue),
		cmocka_unit_test(what_is_old_goes_unless_it_is_still_to_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
