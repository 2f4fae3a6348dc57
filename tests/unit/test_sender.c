#include "base/attr.h"
#include "base/clock.h"
#include "http/sender.h"
#include "support/http_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

enum { POST_TIMEOUT_MS = 5000, PATIENCE_MS = 10000 };

static const struct peer_answer good[] = {{0}};

static void close_sender(struct http_sender **sender)
{
	http_sender_close(sender);
}

static void start(struct http_sender *sender, const char *url, long timeout_ms, void *tag)
{
	static const struct http_header headers[] = {{"Content-Type", "application/json"},
						     {"webhook-id", "msg_1"}};

	http_sender_start(sender, &(struct http_post){
					  .url = url,
					  .headers = headers,
					  .header_count = COUNT_OF(headers),
					  .body = "{\"a\":1}",
					  .body_size = 7,
					  .timeout_ms = timeout_ms,
					  .tag = tag,
				  });
}

static struct http_outcome await(struct http_sender *sender)
{
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	struct http_outcome outcome;

	while (!http_sender_next(sender, &outcome)) {
		if (clock_monotonic_ms() > until_ms)
			fail_msg("nothing is over");
		http_sender_wait(sender, -1, 1000);
	}
	return outcome;
}

static struct http_outcome post_to(const char *url, bool allow_private)
{
	SCOPED(close_sender) struct http_sender *sender = http_sender_open(allow_private);

	start(sender, url, POST_TIMEOUT_MS, NULL);
	return await(sender);
}

static struct http_outcome post(const struct peer_answer *answers, size_t count)
{
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(answers, count);

	return post_to(http_peer_url(peer), true);
}

static void a_post_arrives_as_it_was_written(void **state)
{
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(good, 1);
	SCOPED(close_sender) struct http_sender *sender = http_sender_open(true);
	struct http_outcome outcome;
	const char *request;
	int tag;

	(void)state;
	start(sender, http_peer_url(peer), POST_TIMEOUT_MS, &tag);
	outcome = await(sender);
	assert_ptr_equal(outcome.tag, &tag);
	assert_int_equal(outcome.status, 200);
	assert_string_equal(outcome.error, "");
	request = http_peer_request(peer, 0);
	assert_memory_equal(request, "POST / HTTP/1.1\r\n", 17);
	assert_non_null(strstr(request, "\r\nwebhook-id: msg_1\r\n"));
	assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(request, "\r\nUser-Agent: Hallpass/"));
	assert_null(strstr(request, "Expect:"));
	assert_non_null(strstr(request, "\r\n\r\n{\"a\":1}"));
}

static void status_retry_after_and_the_beginning_of_the_answer_are_told(void **state)
{
	static const struct peer_answer busy[] = {
		{.status = "503 Service Unavailable",
		 .headers = "retry-AFTER:  120 \r\nX-Other: 1\r\n",
		 .body = "later",
		 .filler_bytes = 1000}};
	const struct http_outcome outcome = post(busy, 1);

	(void)state;
	assert_int_equal(outcome.status, 503);
	assert_string_equal(outcome.retry_after, "120");
	assert_int_equal(strlen(outcome.answer), SENDER_ANSWER_BYTES_KEPT);
	assert_memory_equal(outcome.answer, "laterxxx", 8);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
	static const struct peer_answer redirect[] = {{.status = "302 Found",
						       .headers = "Location: /elsewhere\r\n"},
						      {0}};
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(redirect, 2);

	(void)state;
	assert_int_equal(post_to(http_peer_url(peer), true).status, 302);
	assert_int_equal(http_peer_request_count(peer), 1);
}

static void an_answer_without_end_is_cut_off_and_counts(void **state)
{
	static const struct peer_answer huge[] = {{.filler_bytes = 8 << 20}};
	const struct http_outcome outcome = post(huge, 1);

	(void)state;
	assert_int_equal(outcome.status, 200);
	assert_string_equal(outcome.error, "");
}

static void a_head_without_end_is_no_answer(void **state)
{
	static char headers[200 << 10];
	const struct peer_answer huge[] = {{.headers = headers}};
	struct http_outcome outcome;

	(void)state;
	for (size_t i = 0; i + 20 < sizeof(headers); i += 20)
		memcpy(headers + i, "X-Header: 12345678\r\n", 20);
	outcome = post(huge, 1);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.error, "the head of the answer is too long");
}

static void what_is_no_text_in_an_answer_becomes_question_marks(void **state)
{
	static const struct peer_answer odd[] = {
		{.body = "a\xff\xc3(\xe2\x82\xac\xed\xa0\x80\xf0\x9f\x98\x80z"}};

	(void)state;
	assert_string_equal(post(odd, 1).answer, "a?\?(\xe2\x82\xac???\xf0\x9f\x98\x80z");
}

static void what_goes_wrong_is_told_in_words(void **state)
{
	static const struct peer_answer drop[] = {{.drop = PEER_DROP_AFTER_READING}};
	static const struct peer_answer nonsense[] = {{.raw = "SSH-2.0-x\r\n\r\n", .closes = true}};

	(void)state;
	assert_non_null(
		strstr(post_to("http://127.0.0.1:1/", true).error, "cannot be connected to"));
	assert_non_null(strstr(post(drop, 1).error, "broke off without an answer"));
	assert_non_null(strstr(post(nonsense, 1).error, "not HTTP"));
	assert_non_null(strstr(post_to("http://name.invalid/", true).error, "looked up"));
	assert_int_equal(post(drop, 1).status, 0);
}

static void a_receiver_that_hangs_runs_into_its_own_time_out_alone(void **state)
{
	static const struct peer_answer late[] = {{.delay_ms = 20000}};
	SCOPED(http_peer_close) struct http_peer *slow = http_peer_open(late, 1);
	SCOPED(http_peer_close) struct http_peer *fast = http_peer_open(good, 1);
	SCOPED(close_sender) struct http_sender *sender = http_sender_open(true);
	const int64_t began_ms = clock_monotonic_ms();
	struct http_outcome outcome;
	int slow_tag, fast_tag;

	(void)state;
	start(sender, http_peer_url(slow), 2000, &slow_tag);
	start(sender, http_peer_url(fast), 2000, &fast_tag);
	assert_ptr_equal(await(sender).tag, &fast_tag);
	outcome = await(sender);
	assert_ptr_equal(outcome.tag, &slow_tag);
	assert_int_equal(outcome.status, 0);
	assert_non_null(strstr(outcome.error, "no answer in time"));
	assert_true(clock_monotonic_ms() - began_ms < PATIENCE_MS);
}

/* Curl may be done with a post before anybody waits for it, and then no descriptor tells. */
static void what_is_over_is_told_at_once(void **state)
{
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(good, 1);
	SCOPED(close_sender) struct http_sender *sender = http_sender_open(true);
	const int64_t began_ms = clock_monotonic_ms();

	(void)state;
	for (int i = 0; i < 200; i++) {
		start(sender, http_peer_url(peer), POST_TIMEOUT_MS, NULL);
		assert_int_equal(await(sender).status, 200);
	}
	assert_true(clock_monotonic_ms() - began_ms < PATIENCE_MS);
	assert_int_equal(http_peer_connection_count(peer), 1);
}

static void a_ring_ends_the_wait(void **state)
{
	SCOPED(close_sender) struct http_sender *sender = http_sender_open(true);
	const int64_t began_ms = clock_monotonic_ms();
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "!", 1), 1);
	http_sender_wait(sender, ends[0], PATIENCE_MS);
	assert_true(clock_monotonic_ms() - began_ms < PATIENCE_MS / 2);
	close(ends[0]);
	close(ends[1]);
}

static void what_is_under_way_can_be_cut_off(void **state)
{
	static const struct peer_answer late[] = {{.delay_ms = 300}};
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(late, 1);
	struct http_sender *sender = http_sender_open(true);

	(void)state;
	start(sender, http_peer_url(peer), POST_TIMEOUT_MS, NULL);
	start(sender, "gopher://x/", POST_TIMEOUT_MS, NULL);
	http_sender_wait(sender, -1, 0);
	http_sender_close(&sender);
	assert_null(sender);
	http_sender_close(&sender);
}

/* Each of them is resolved by curl to an address of this machine, and refused when it would connect. */
static void no_private_address_is_connected_to_by_whatever_name(void **state)
{
	static const char *const urls[] = {
		"https://127.0.0.1:%s/",
		"https://localhost:%s/",
		"https://0x7f.1:%s/",
		"https://[::1]:%s/",
		"https://[::ffff:127.0.0.1]:%s/",
		"https://2130706433:%s/",
		"https://ip6-loopback:%s/",
	};
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(good, 1);
	const char *port = strrchr(http_peer_url(peer), ':') + 1;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		char url[64];

		snprintf(url, sizeof(url), urls[i], port);
		assert_int_equal(post_to(url, false).status, 0);
	}
	assert_int_equal(http_peer_connection_count(peer), 0);
	assert_non_null(strstr(post_to(http_peer_url(peer), false).error, "must be an https URL"));
}

static void the_environments_proxy_is_not_used(void **state)
{
	SCOPED(http_peer_close) struct http_peer *proxy = http_peer_open(good, 1);
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(good, 1);

	(void)state;
	setenv("http_proxy", http_peer_url(proxy), 1);
	assert_int_equal(post_to(http_peer_url(peer), true).status, 200);
	unsetenv("http_proxy");
	assert_int_equal(http_peer_connection_count(proxy), 0);
}

static void an_address_is_checked_as_far_as_it_tells(void **state)
{
	static const struct {
		const char *url;
		bool is_good_in_public, is_good_in_private;
	} cases[] = {
		{"https://a.example/", true, true},
		{"https://a.example", true, true},
		{"https://a.example:8443/x?y=z", true, true},
		{"HTTPS://a.example/", true, true},
		{"https://8.8.8.8/", true, true},
		{"https://[2606:4700:4700::1111]/", true, true},
		{"http://a.example/", false, true},
		{"http://127.0.0.1:9/", false, true},
		{"https://127.0.0.1/", false, true},
		{"https://localhost/", false, true},
		{"https://[::1]/", false, true},
		{"https://a.example:22/", false, true},
		{"https://a.example:80/", false, true},
		{"https://a.example:1023/", false, true},
		{"https://a.example:1024/", true, true},
		{"https://a.example:0/", false, true},
		{"https://user@a.example/", false, false},
		{"https://user:secret@a.example/", false, false},
		{"https://:secret@a.example/", false, false},
		{"https://a.example/#fragment", false, false},
		{"https://a.example/a b", false, false},
		{"https://a.example/\r\nX: y", false, false},
		{"https://a.example:99999/", false, false},
		{"ftp://a.example/", false, false},
		{"file:///etc/passwd", false, false},
		{"//a.example/", false, false},
		{"a.example", false, false},
		{"https://", false, false},
		{"https:///a.example/", false, false},
		{"https:/a.example/", false, false},
		{"https:a.example", false, false},
		{"", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err = {0};

		if (http_sender_check_url(cases[i].url, false, &err) != cases[i].is_good_in_public)
			fail_msg("'%s' in public: %s", cases[i].url, err.message);
		if (http_sender_check_url(cases[i].url, true, &err) != cases[i].is_good_in_private)
			fail_msg("'%s' in private: %s", cases[i].url, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_post_arrives_as_it_was_written),
		cmocka_unit_test(status_retry_after_and_the_beginning_of_the_answer_are_told),
		cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
		cmocka_unit_test(an_answer_without_end_is_cut_off_and_counts),
		cmocka_unit_test(a_head_without_end_is_no_answer),
		cmocka_unit_test(what_is_no_text_in_an_answer_becomes_question_marks),
		cmocka_unit_test(what_goes_wrong_is_told_in_words),
		cmocka_unit_test(a_receiver_that_hangs_runs_into_its_own_time_out_alone),
		cmocka_unit_test(what_is_over_is_told_at_once),
		cmocka_unit_test(a_ring_ends_the_wait),
		cmocka_unit_test(what_is_under_way_can_be_cut_off),
		cmocka_unit_test(no_private_address_is_connected_to_by_whatever_name),
		cmocka_unit_test(the_environments_proxy_is_not_used),
		cmocka_unit_test(an_address_is_checked_as_far_as_it_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
