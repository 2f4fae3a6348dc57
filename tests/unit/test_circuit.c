#include "base/arena.h"
#include "base/clock.h"
#include "support/http_peer.h"
#include "zoom/api.h"
#include "zoom/circuits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 1000, WAIT_MS = 1000 /* the first one, without jitter */ };

static const int64_t start_ms = 1000000;

static struct circuit_pass must_pass(struct circuit *circuit, int64_t now_ms)
{
	struct circuit_pass pass;

	assert_true(circuit_ask(circuit, now_ms, TIMEOUT_MS, &pass));
	return pass;
}

static void assert_refused(struct circuit *circuit, int64_t now_ms)
{
	struct circuit_pass pass;

	assert_true(circuit_is_resting(circuit, now_ms));
	assert_false(circuit_ask(circuit, now_ms, TIMEOUT_MS, &pass));
}

/* A call asked and failed at these times; true where that changed the state or the wait. */
static bool fail_call(struct circuit *circuit, int64_t asked_ms, int64_t now_ms, uint64_t subject)
{
	const struct circuit_pass pass = must_pass(circuit, asked_ms);

	return circuit_report(circuit, &pass, CIRCUIT_FAILED, subject, now_ms, 0);
}

static bool answer_call(struct circuit *circuit, int64_t now_ms)
{
	const struct circuit_pass pass = must_pass(circuit, now_ms);

	return circuit_report(circuit, &pass, CIRCUIT_ANSWERED, 0, now_ms, 0);
}

/* Opened at start_ms by five calls that had no answer. */
static struct circuit open_circuit(void)
{
	struct circuit circuit = {0};

	for (int i = 1; i < CIRCUIT_FAILURES_MIN; i++)
		assert_false(fail_call(&circuit, start_ms - CIRCUIT_SILENCE_MS_MIN, start_ms, 0));
	assert_true(fail_call(&circuit, start_ms - CIRCUIT_SILENCE_MS_MIN, start_ms, 0));
	assert_int_equal(circuit.state, CIRCUIT_OPEN);
	return circuit;
}

static void it_opens_with_the_fifth_failure_in_a_row(void **state)
{
	struct circuit circuit = open_circuit();

	(void)state;
	assert_refused(&circuit, start_ms);
	assert_refused(&circuit, start_ms + WAIT_MS - 1);
	assert_int_equal(circuit.failing_since_ms, start_ms - CIRCUIT_SILENCE_MS_MIN);
}

static void a_hiccup_does_not_open_it_however_many_it_hits(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	for (int i = 0; i < 500; i++)
		assert_false(
			fail_call(&circuit, start_ms, start_ms + CIRCUIT_SILENCE_MS_MIN - 1, 0));
	assert_false(circuit_is_resting(&circuit, start_ms + CIRCUIT_SILENCE_MS_MIN - 1));
	assert_true(fail_call(&circuit, start_ms + 1000, start_ms + CIRCUIT_SILENCE_MS_MIN, 0));
}

static void one_answer_in_between_starts_the_count_anew(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	for (int round = 0; round < 10; round++) {
		const int64_t now_ms = start_ms + round * 10000;

		for (int i = 1; i < CIRCUIT_FAILURES_MIN; i++)
			assert_false(fail_call(&circuit, now_ms, now_ms + 5000, 0));
		assert_false(answer_call(&circuit, now_ms + 5000));
	}
	assert_int_equal(circuit.state, CIRCUIT_CLOSED);
}

static void silence_begins_after_the_latest_answer_and_not_when_a_slow_call_was_asked(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	assert_false(answer_call(&circuit, start_ms));
	for (int i = 0; i < 2 * CIRCUIT_FAILURES_MIN; i++)
		assert_false(fail_call(&circuit, start_ms - 10000, start_ms + 10, 0));
	assert_int_equal(circuit.failing_since_ms, start_ms);
}

static void failures_far_apart_are_no_row(void **state)
{
	struct circuit circuit = {0};
	int64_t now_ms = start_ms;

	(void)state;
	for (int i = 0; i < 20; i++, now_ms += CIRCUIT_GAP_MS_MAX + 1)
		assert_false(fail_call(&circuit, now_ms, now_ms, 0));
	for (int i = 2; i < CIRCUIT_FAILURES_MIN; i++, now_ms += CIRCUIT_GAP_MS_MAX)
		assert_false(fail_call(&circuit, now_ms - 1, now_ms - 1, 0));
	assert_true(fail_call(&circuit, now_ms - 1, now_ms - 1, 0));
}

static void one_subject_that_zoom_cannot_serve_never_opens_it(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_false(fail_call(&circuit, start_ms + i * 1000, start_ms + i * 1000,
				       1 + (uint64_t)(i % (CIRCUIT_FAILURES_MIN - 1))));
}

static void failures_of_many_subjects_open_it(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	for (uint64_t i = 1; i < CIRCUIT_FAILURES_MIN; i++) {
		assert_false(fail_call(&circuit, start_ms, start_ms + 3000, i));
		assert_false(fail_call(&circuit, start_ms, start_ms + 3000, i));
	}
	assert_true(fail_call(&circuit, start_ms, start_ms + 3000, CIRCUIT_FAILURES_MIN));
}

static void failures_of_many_subjects_at_once_open_it_when_the_same_ones_fail_again(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	for (uint64_t i = 1; i <= CIRCUIT_FAILURES_MIN; i++)
		assert_false(fail_call(&circuit, start_ms, start_ms + 10, i));
	assert_true(fail_call(&circuit, start_ms + 3000, start_ms + 3010, 1));
}

static void subjects_and_silence_count_together(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	assert_false(fail_call(&circuit, start_ms, start_ms + 3000, 7));
	assert_false(fail_call(&circuit, start_ms, start_ms + 3000, 7));
	for (int i = 2; i < CIRCUIT_FAILURES_MIN; i++)
		assert_false(fail_call(&circuit, start_ms, start_ms + 3000, 0));
	assert_true(fail_call(&circuit, start_ms, start_ms + 3000, 0));
}

static void what_proves_nothing_changes_nothing(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		const struct circuit_pass pass = must_pass(&circuit, start_ms + i * 1000);

		assert_false(circuit_report(&circuit, &pass, CIRCUIT_UNPROVEN, 0,
					    start_ms + i * 1000, 0));
	}
	assert_int_equal(circuit.failures, 0);
}

static void one_call_is_the_probe_and_all_others_are_refused(void **state)
{
	struct circuit circuit = open_circuit();
	const struct circuit_pass probe = must_pass(&circuit, start_ms + WAIT_MS);

	(void)state;
	assert_int_not_equal(probe.probe, 0);
	assert_refused(&circuit, start_ms + WAIT_MS);
	assert_refused(&circuit, start_ms + WAIT_MS + TIMEOUT_MS);
}

static void the_probes_answer_closes_it(void **state)
{
	struct circuit circuit = open_circuit();
	const struct circuit_pass probe = must_pass(&circuit, start_ms + WAIT_MS);

	(void)state;
	assert_true(
		circuit_report(&circuit, &probe, CIRCUIT_ANSWERED, 0, start_ms + WAIT_MS + 1, 0));
	assert_int_equal(must_pass(&circuit, start_ms + WAIT_MS + 1).probe, 0);
	assert_false(answer_call(&circuit, start_ms + WAIT_MS + 2));
}

static void the_wait_grows_with_each_probe_that_fails_up_to_its_maximum(void **state)
{
	static const int64_t waits_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
	struct circuit circuit = open_circuit();
	int64_t now_ms = start_ms;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(waits_ms); i++) {
		assert_refused(&circuit, now_ms + waits_ms[i] - 1);
		now_ms += waits_ms[i];
		assert_true(fail_call(&circuit, now_ms, now_ms, 0));
	}
	for (int i = 0; i < 1000; i++) {
		now_ms = circuit.next_probe_ms;
		assert_true(fail_call(&circuit, now_ms, now_ms, 0));
	}
	assert_int_equal(circuit.next_probe_ms - now_ms, CIRCUIT_WAIT_MS_MAX);
	assert_true(answer_call(&circuit, circuit.next_probe_ms));
	assert_int_equal(circuit.failed_probes, 0);
}

static void jitter_takes_at_most_a_quarter_of_the_wait(void **state)
{
	struct circuit circuit = {0};
	struct circuit_pass pass = {.asked_ms = start_ms - 5000};

	(void)state;
	for (int i = 0; i < CIRCUIT_FAILURES_MIN; i++)
		circuit_report(&circuit, &pass, CIRCUIT_FAILED, 0, start_ms, 65535);
	assert_int_equal(circuit.next_probe_ms, start_ms + 750);
}

static void a_probe_that_never_reports_gives_way_to_another(void **state)
{
	struct circuit circuit = open_circuit();
	const int64_t asked_ms = start_ms + WAIT_MS;
	const int64_t dead_ms = asked_ms + TIMEOUT_MS + CIRCUIT_PROBE_MARGIN_MS;
	const struct circuit_pass lost = must_pass(&circuit, asked_ms);
	struct circuit_pass second;

	(void)state;
	assert_refused(&circuit, dead_ms - 1);
	second = must_pass(&circuit, dead_ms);
	assert_refused(&circuit, dead_ms);
	/* Should it come back after all, it is not taken for the one that is under way now. */
	assert_false(circuit_report(&circuit, &lost, CIRCUIT_FAILED, 0, dead_ms + 1, 0));
	assert_refused(&circuit, dead_ms + 1);
	assert_int_equal(circuit.failed_probes, 0);
	assert_true(circuit_report(&circuit, &second, CIRCUIT_FAILED, 0, dead_ms + 2, 0));
	assert_int_equal(circuit.failed_probes, 1);
}

static void a_probe_that_proves_nothing_gives_way_at_once(void **state)
{
	struct circuit circuit = open_circuit();
	const struct circuit_pass probe = must_pass(&circuit, start_ms + WAIT_MS);

	(void)state;
	assert_false(circuit_report(&circuit, &probe, CIRCUIT_UNPROVEN, 0, start_ms + WAIT_MS, 0));
	assert_int_not_equal(must_pass(&circuit, start_ms + WAIT_MS).probe, probe.probe);
	assert_int_equal(circuit.failed_probes, 0);
}

static void calls_under_way_when_it_opened_do_not_extend_the_wait(void **state)
{
	struct circuit circuit = open_circuit();
	const struct circuit_pass slow = {.asked_ms = start_ms - 9000};
	struct circuit_pass probe;

	(void)state;
	assert_false(circuit_report(&circuit, &slow, CIRCUIT_FAILED, 0, start_ms + 500, 0));
	probe = must_pass(&circuit, start_ms + WAIT_MS);
	assert_false(circuit_report(&circuit, &slow, CIRCUIT_FAILED, 0, start_ms + WAIT_MS, 0));
	assert_refused(&circuit, start_ms + WAIT_MS);
	assert_true(circuit_report(&circuit, &probe, CIRCUIT_ANSWERED, 0, start_ms + WAIT_MS, 0));
}

static void any_answer_closes_it(void **state)
{
	struct circuit circuit = open_circuit();
	const struct circuit_pass slow = {.asked_ms = start_ms - 9000};

	(void)state;
	assert_true(circuit_report(&circuit, &slow, CIRCUIT_ANSWERED, 0, start_ms + 1, 0));
	assert_int_equal(must_pass(&circuit, start_ms + 1).probe, 0);
}

static void what_another_process_tells_is_bounded(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	circuit_adopt(&circuit, 3, INT64_MAX, start_ms);
	assert_refused(&circuit, start_ms + CIRCUIT_WAIT_MS_MAX - 1);
	assert_int_not_equal(must_pass(&circuit, start_ms + CIRCUIT_WAIT_MS_MAX).probe, 0);
	circuit = (struct circuit){0};
	circuit_adopt(&circuit, -1, INT64_MIN, start_ms);
	assert_int_not_equal(must_pass(&circuit, start_ms).probe, 0);
	assert_refused(&circuit, start_ms);
}

/* The set */

enum { THREADS = 64 };

struct rush {
	struct circuits *circuits;
	pthread_barrier_t barrier;
	atomic_int passed, probes;
};

static void *ask_once(void *argument)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct rush *rush = argument;
	struct zoom_circuit open;
	struct circuit_pass pass;

	pthread_barrier_wait(&rush->barrier);
	if (circuits_ask(rush->circuits, &arena, "zoom.us", TIMEOUT_MS, SECOND, &pass, &open)) {
		rush->passed++;
		rush->probes += pass.probe != 0;
	}
	return NULL;
}

static void of_64_threads_exactly_one_is_the_probe(void **state)
{
	SCOPED(circuits_close) struct circuits *circuits = circuits_open();
	struct rush rush = {.circuits = circuits};
	const struct zoom_circuit due = {.host = "zoom.us",
					 .next_probe_at = SECOND,
					 .last_error = ""};
	pthread_t threads[THREADS];

	(void)state;
	circuits_adopt(circuits, &due, SECOND);
	pthread_barrier_init(&rush.barrier, NULL, THREADS);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_once, &rush), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&rush.barrier);
	assert_int_equal(rush.passed, 1);
	assert_int_equal(rush.probes, 1);
}

static void hosts_do_not_know_of_each_other(void **state)
{
	SCOPED(circuits_close) struct circuits *circuits = circuits_open();
	SCOPED(arena_release) struct arena arena = {0};
	const struct zoom_circuit away = {.host = "zoom.us",
					  .next_probe_at = 10 * SECOND,
					  .last_error = "gone"};
	struct zoom_circuit open;

	(void)state;
	circuits_adopt(circuits, &away, SECOND);
	assert_true(circuits_is_resting(circuits, &arena, "zoom.us", SECOND, &open));
	assert_string_equal(open.host, "zoom.us");
	assert_string_equal(open.last_error, "gone");
	assert_false(circuits_is_resting(circuits, &arena, "api.zoom.us", SECOND, &open));
}

static void what_a_process_learnt_itself_outweighs_what_others_tell(void **state)
{
	SCOPED(circuits_close) struct circuits *circuits = circuits_open();
	SCOPED(arena_release) struct arena arena = {0};
	const struct zoom_circuit away = {.host = "zoom.us",
					  .next_probe_at = 10 * SECOND,
					  .last_error = ""};
	const struct circuit_pass pass = {0};
	struct zoom_circuit open;

	(void)state;
	circuits_report(circuits, "zoom.us", &pass, CIRCUIT_ANSWERED, 0, NULL, SECOND);
	circuits_adopt(circuits, &away, SECOND);
	assert_false(circuits_is_resting(circuits, &arena, "zoom.us", SECOND, &open));
}

static void only_the_first_is_to_read_what_others_know(void **state)
{
	SCOPED(circuits_close) struct circuits *circuits = circuits_open();

	(void)state;
	assert_true(circuits_are_new(circuits));
	assert_false(circuits_are_new(circuits));
}

static void news_tell_each_change_once_and_how_it_is_now(void **state)
{
	SCOPED(circuits_close) struct circuits *circuits = circuits_open();
	SCOPED(arena_release) struct arena arena = {0};
	const instant now = 1800000000 * SECOND;
	const struct circuit_pass pass = {.asked_ms = clock_monotonic_ms() - 5000};
	struct zoom_circuit news;
	bool is_open;

	(void)state;
	for (int i = 0; i < CIRCUIT_FAILURES_MIN; i++) {
		assert_false(circuits_have_news(circuits));
		circuits_report(circuits, "zoom.us", &pass, CIRCUIT_FAILED, 0, "no answer", now);
	}
	assert_true(circuits_have_news(circuits));
	assert_true(circuits_take_news(circuits, &arena, now, &news, &is_open));
	assert_true(is_open);
	assert_string_equal(news.host, "zoom.us");
	assert_string_equal(news.last_error, "no answer");
	assert_in_range(now - news.failing_since, 5 * SECOND, 15 * SECOND);
	assert_in_range(news.next_probe_at - now, 1, SECOND);
	assert_false(circuits_take_news(circuits, &arena, now, &news, &is_open));
	circuits_report(circuits, "zoom.us", &pass, CIRCUIT_ANSWERED, 0, NULL, now);
	assert_true(circuits_take_news(circuits, &arena, now, &news, &is_open));
	assert_false(is_open);
	assert_false(circuits_have_news(circuits));
}

static void the_host_of_a_url_has_its_port_and_nothing_else(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	assert_string_equal(circuit_host(&arena, "https://zoom.us/oauth"), "zoom.us");
	assert_string_equal(circuit_host(&arena, "http://127.0.0.1:80?a=/"), "127.0.0.1:80");
	assert_string_equal(circuit_host(&arena, "http://[::1]:8080/v2"), "[::1]:8080");
	assert_string_equal(circuit_host(&arena, "https://zoom.us"), "zoom.us");
}

/* Calls */

struct fixture {
	struct arena arena;
	struct clock clock;
	struct http_peer *peer;
	struct zoom_endpoint zoom;
	struct zoom_user user;
	struct zoom_failure failure;
};

static struct fixture open_fixture(const struct peer_answer *answers, size_t count)
{
	struct fixture fixture = {.clock.frozen_at = 1800000000 * SECOND};

	fixture.peer = http_peer_open(answers, count);
	fixture.zoom = (struct zoom_endpoint){
		.client = http_client_open(),
		.circuits = circuits_open(),
		.oauth_url = http_peer_url(fixture.peer),
		.api_url = http_peer_url(fixture.peer),
		.timeout_ms = 5000,
	};
	return fixture;
}

static void close_fixture(struct fixture *fixture)
{
	circuits_close(&fixture->zoom.circuits);
	http_client_close(&fixture->zoom.client);
	http_peer_close(&fixture->peer);
	arena_release(&fixture->arena);
}

static bool get_user(struct fixture *fixture, const char *access_token)
{
	fixture->zoom.clock = &fixture->clock;
	return zoom_api_get_user(&fixture->zoom, &fixture->arena, access_token, &fixture->user,
				 &fixture->failure);
}

static void adopt(struct fixture *fixture, instant next_probe_at)
{
	const struct zoom_circuit open = {
		.host = circuit_host(&fixture->arena, fixture->zoom.api_url),
		.failing_since = 1799999990 * SECOND,
		.next_probe_at = next_probe_at,
		.last_error = "",
	};

	circuits_adopt(fixture->zoom.circuits, &open, fixture->clock.frozen_at);
}

static void a_refused_call_says_since_when_and_until_when_and_is_not_sent(void **state)
{
	struct fixture fixture = open_fixture(&(struct peer_answer){0}, 1);

	(void)state;
	adopt(&fixture, fixture.clock.frozen_at + 20 * SECOND);
	assert_false(get_user(&fixture, "at"));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_false(fixture.failure.was_sent);
	assert_int_equal(fixture.failure.status, 0);
	assert_in_range(fixture.failure.retry_at - fixture.clock.frozen_at, 15 * SECOND,
			20 * SECOND);
	assert_non_null(strstr(fixture.failure.reason,
			       " has given no good answer since 2027-01-15T07:59:50.000000Z, and is"
			       " not asked again before 2027-01-15T08:00:"));
	assert_true(zoom_oauth_is_resting(&fixture.zoom, &fixture.arena, &fixture.failure));
	assert_int_equal(http_peer_request_count(fixture.peer), 0);
	close_fixture(&fixture);
}

static void zooms_refusals_are_answers(void **state)
{
	static const struct peer_answer answers[] = {
		{.status = "429 Too Many Requests", .body = "{}"},
		{.status = "404 Not Found", .body = "{\"code\":3001,\"message\":\"none\"}"},
		{.status = "401 Unauthorized", .body = "{\"code\":124,\"message\":\"expired\"}"},
		{.status = "400 Bad Request", .body = "{\"code\":300,\"message\":\"no\"}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct fixture fixture = open_fixture(&answers[i], 1);
		struct zoom_circuit news;
		bool is_open = true;

		adopt(&fixture, fixture.clock.frozen_at);
		assert_false(get_user(&fixture, "at"));
		assert_true(circuits_take_news(fixture.zoom.circuits, &fixture.arena,
					       fixture.clock.frozen_at, &news, &is_open));
		assert_false(is_open);
		close_fixture(&fixture);
	}
}

/* A probe that fails extends the wait, which shows that it counted. */
static void assert_counts(const struct peer_answer *answer)
{
	struct fixture fixture = open_fixture(answer, 1);
	struct zoom_circuit news;
	bool is_open = false;

	fixture.zoom.timeout_ms = CIRCUIT_TIMEOUT_MS_MIN;
	adopt(&fixture, fixture.clock.frozen_at);
	assert_false(get_user(&fixture, "at"));
	assert_true(circuits_take_news(fixture.zoom.circuits, &fixture.arena,
				       fixture.clock.frozen_at, &news, &is_open));
	assert_true(is_open);
	assert_int_equal(news.failed_probes, 1);
	assert_string_equal(news.last_error, fixture.failure.reason);
	close_fixture(&fixture);
}

static void silence_and_broken_answers_are_failures(void **state)
{
	(void)state;
	assert_counts(&(struct peer_answer){.status = "503 Unavailable", .body = "{}"});
	assert_counts(&(struct peer_answer){.status = "500 Oops", .body = "<html>"});
	assert_counts(&(struct peer_answer){.body = "{\"id\": \"u"});
	assert_counts(&(struct peer_answer){.status = "403 Forbidden", .body = "<html>proxy"});
	assert_counts(&(struct peer_answer){.drop = PEER_DROP_AFTER_READING});
	assert_counts(&(struct peer_answer){.delay_ms = 3000});
}

static void a_call_that_had_no_time_or_could_not_be_sent_proves_nothing(void **state)
{
	struct fixture fixture = open_fixture(&(struct peer_answer){.delay_ms = 500}, 1);

	(void)state;
	adopt(&fixture, fixture.clock.frozen_at);
	fixture.zoom.timeout_ms = 50;
	assert_false(get_user(&fixture, "at"));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_TIMEOUT);
	assert_false(get_user(&fixture, "a\nt"));
	assert_false(circuits_have_news(fixture.zoom.circuits));
	assert_false(zoom_is_resting(&fixture.zoom, &fixture.arena, fixture.zoom.api_url,
				     &fixture.failure));
	close_fixture(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens_with_the_fifth_failure_in_a_row),
		cmocka_unit_test(a_hiccup_does_not_open_it_however_many_it_hits),
		cmocka_unit_test(one_answer_in_between_starts_the_count_anew),
		cmocka_unit_test(
			silence_begins_after_the_latest_answer_and_not_when_a_slow_call_was_asked),
		cmocka_unit_test(failures_far_apart_are_no_row),
		cmocka_unit_test(one_subject_that_zoom_cannot_serve_never_opens_it),
		cmocka_unit_test(failures_of_many_subjects_open_it),
		cmocka_unit_test(
			failures_of_many_subjects_at_once_open_it_when_the_same_ones_fail_again),
		cmocka_unit_test(subjects_and_silence_count_together),
		cmocka_unit_test(what_proves_nothing_changes_nothing),
		cmocka_unit_test(one_call_is_the_probe_and_all_others_are_refused),
		cmocka_unit_test(the_probes_answer_closes_it),
		cmocka_unit_test(the_wait_grows_with_each_probe_that_fails_up_to_its_maximum),
		cmocka_unit_test(jitter_takes_at_most_a_quarter_of_the_wait),
		cmocka_unit_test(a_probe_that_never_reports_gives_way_to_another),
		cmocka_unit_test(a_probe_that_proves_nothing_gives_way_at_once),
		cmocka_unit_test(calls_under_way_when_it_opened_do_not_extend_the_wait),
		cmocka_unit_test(any_answer_closes_it),
		cmocka_unit_test(what_another_process_tells_is_bounded),
		cmocka_unit_test(of_64_threads_exactly_one_is_the_probe),
		cmocka_unit_test(hosts_do_not_know_of_each_other),
		cmocka_unit_test(what_a_process_learnt_itself_outweighs_what_others_tell),
		cmocka_unit_test(only_the_first_is_to_read_what_others_know),
		cmocka_unit_test(news_tell_each_change_once_and_how_it_is_now),
		cmocka_unit_test(the_host_of_a_url_has_its_port_and_nothing_else),
		cmocka_unit_test(a_refused_call_says_since_when_and_until_when_and_is_not_sent),
		cmocka_unit_test(zooms_refusals_are_answers),
		cmocka_unit_test(silence_and_broken_answers_are_failures),
		cmocka_unit_test(a_call_that_had_no_time_or_could_not_be_sent_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
