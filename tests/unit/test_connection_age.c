/* How long one connection serves many requests, by a clock that the test moves. */
#include "base/attr.h"
#include "base/clock.h"
#include "http/client.h"
#include "http/sender.h"
#include "support/http_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { YOUNG_S = 60, TOO_OLD_S = 130, TIMEOUT_MS = 5000, PATIENCE_MS = 10000 };

static const struct peer_answer good[] = {{0}};

static atomic_long moved_s;

/* Instead of the C library's, for libcurl, too. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	const int result = (int)syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_MONOTONIC)
		now->tv_sec += moved_s;
	return result;
}

static void close_sender(struct http_sender **sender)
{
	http_sender_close(sender);
}

static void post(struct http_sender *sender, const char *url)
{
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	struct http_outcome outcome;

	http_sender_start(sender, &(struct http_post){.url = url,
						      .body = "{}",
						      .body_size = 2,
						      .timeout_ms = TIMEOUT_MS});
	while (!http_sender_next(sender, &outcome)) {
		if (clock_monotonic_ms() > until_ms)
			fail_msg("nothing is over");
		http_sender_wait(sender, -1, 1000);
	}
	assert_int_equal(outcome.status, 200);
}

static void call(struct http_client *client, const char *url)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct http_call call = {.method = "POST", .url = url, .timeout_ms = TIMEOUT_MS};
	struct http_answer answer;
	struct error err;
	bool was_sent;

	if (!http_client_call(client, &arena, &call, &answer, &was_sent, &err))
		fail_msg("%s", err.message);
	assert_int_equal(answer.status, 200);
}

/* It has been in use all the time: what is idle for long is closed anyway. */
static void a_receiver_is_connected_to_anew_when_the_connection_is_two_minutes_old(void **state)
{
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(good, 1);
	SCOPED(close_sender) struct http_sender *sender = http_sender_open(true);

	(void)state;
	post(sender, http_peer_url(peer));
	moved_s += YOUNG_S;
	post(sender, http_peer_url(peer));
	assert_int_equal(http_peer_connection_count(peer), 1);
	moved_s += TOO_OLD_S - YOUNG_S;
	post(sender, http_peer_url(peer));
	assert_int_equal(http_peer_connection_count(peer), 2);
}

static void zoom_is_connected_to_anew_when_the_connection_is_two_minutes_old(void **state)
{
	SCOPED(http_peer_close) struct http_peer *peer = http_peer_open(good, 1);
	SCOPED(http_client_close) struct http_client *client = http_client_open();

	(void)state;
	call(client, http_peer_url(peer));
	moved_s += YOUNG_S;
	call(client, http_peer_url(peer));
	assert_int_equal(http_peer_connection_count(peer), 1);
	moved_s += TOO_OLD_S - YOUNG_S;
	call(client, http_peer_url(peer));
	assert_int_equal(http_peer_connection_count(peer), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_receiver_is_connected_to_anew_when_the_connection_is_two_minutes_old),
		cmocka_unit_test(zoom_is_connected_to_anew_when_the_connection_is_two_minutes_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
