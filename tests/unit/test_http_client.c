#include "base/clock.h"
#include "base/version.h"
#include "http/client.h"
#include "support/deep_stack.h"
#include "support/http_peer.h"
#include "support/test_memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* One client, one peer, and the outcome of the last call. */
struct fixture {
	struct arena arena;
	struct http_client *client;
	struct http_peer *peer;
	struct http_answer answer;
	bool was_sent;
	struct error err;
};

static void open_fixture(struct fixture *fixture, const struct peer_answer *answers, size_t count)
{
	*fixture = (struct fixture){0};
	fixture->client = http_client_open();
	fixture->peer = http_peer_open(answers, count);
}

static void close_fixture(struct fixture *fixture)
{
	http_client_close(&fixture->client);
	http_peer_close(&fixture->peer);
	arena_release(&fixture->arena);
}

static bool call(struct fixture *fixture, struct http_call call)
{
	if (call.url == NULL || call.url[0] == '/')
		call.url = arena_printf(&fixture->arena, "%s%s", http_peer_url(fixture->peer),
					call.url == NULL ? "/" : call.url);
	if (call.method == NULL)
		call.method = "GET";
	if (call.timeout_ms == 0)
		call.timeout_ms = 5000;
	fixture->err = (struct error){0};
	return http_client_call(fixture->client, &fixture->arena, &call, &fixture->answer,
				&fixture->was_sent, &fixture->err);
}

static void assert_contains(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("\"%s\" contains \"%s\"", text, part);
}

static void assert_fails(struct fixture *fixture, enum error_kind kind, bool was_sent,
			 const char *message_part)
{
	assert_int_equal(fixture->err.kind, kind);
	assert_int_equal(fixture->was_sent, was_sent);
	assert_contains(fixture->err.message, message_part);
}

/* A port of loopback that nobody listens on, bound and so not given to others meanwhile. */
static int unused_port(int *socket_to_close)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*socket_to_close = socket(AF_INET, SOCK_STREAM, 0);
	assert_return_code(bind(*socket_to_close, (struct sockaddr *)&address, size), 0);
	assert_return_code(getsockname(*socket_to_close, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

static void an_answer_has_its_status_headers_and_body(void **state)
{
	const struct peer_answer answers[] = {{
		.status = "201 Created",
		.headers = "X-ZM-TrackingId: v=2.0; a:b \r\nEmpty:\r\n",
		.body = "{\"a\":1}",
	}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(call(&fixture, (struct http_call){.url = "/x"}));
	assert_int_equal(fixture.answer.status, 201);
	assert_string_equal(fixture.answer.body, "{\"a\":1}");
	assert_int_equal(fixture.answer.body_size, 7);
	assert_true(fixture.was_sent);
	assert_in_range(fixture.answer.duration_ms, 0, 5000);
	assert_int_equal(fixture.answer.header_count, 3);
	assert_string_equal(fixture.answer.headers[0].name, "x-zm-trackingid");
	assert_string_equal(http_answer_header(&fixture.answer, "X-Zm-TrackingID"), "v=2.0; a:b");
	assert_string_equal(http_answer_header(&fixture.answer, "empty"), "");
	assert_null(http_answer_header(&fixture.answer, "location"));
	close_fixture(&fixture);
}

static void a_request_goes_out_as_given(void **state)
{
	const struct http_header headers[] = {{"Authorization", "Bearer t"}, {"X-None", ""}};
	const struct http_call post = {
		.method = "POST",
		.url = "/token?a=b",
		.headers = headers,
		.header_count = 2,
		.body = "x=1\0y",
		.body_size = 5,
	};
	struct fixture fixture;
	const char *request;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	assert_true(call(&fixture, post));
	assert_string_equal(fixture.answer.body, "");
	request = http_peer_request(fixture.peer, 0);
	assert_int_equal(strncmp(request, "POST /token?a=b HTTP/1.1\r\n", 26), 0);
	assert_contains(request, "\r\nAuthorization: Bearer t\r\n");
	assert_contains(request, "\r\nX-None:\r\n");
	assert_contains(request, "\r\nUser-Agent: Hallpass/" HALLPASS_VERSION "\r\n");
	assert_contains(request, "\r\nContent-Length: 5\r\n");
	assert_contains(request, "\r\n\r\nx=1");
	assert_lacks(request, "Expect:");
	assert_lacks(request, "Accept-Encoding");
	close_fixture(&fixture);
}

static void methods_go_out_as_named_with_and_without_a_body(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	assert_true(call(&fixture, (struct http_call){.method = "DELETE"}));
	assert_true(
		call(&fixture, (struct http_call){.method = "PATCH", .body = "p", .body_size = 1}));
	assert_true(call(&fixture, (struct http_call){.method = "POST"}));
	assert_true(call(&fixture, (struct http_call){.method = "HEAD"}));
	assert_true(call(&fixture, (struct http_call){.method = "GET"}));
	assert_contains(http_peer_request(fixture.peer, 0), "DELETE / HTTP/1.1\r\n");
	assert_lacks(http_peer_request(fixture.peer, 0), "Content-Length");
	assert_contains(http_peer_request(fixture.peer, 1), "PATCH / HTTP/1.1\r\n");
	assert_contains(http_peer_request(fixture.peer, 1), "\r\n\r\np");
	assert_contains(http_peer_request(fixture.peer, 2), "\r\nContent-Length: 0\r\n");
	assert_contains(http_peer_request(fixture.peer, 3), "HEAD / HTTP/1.1\r\n");
	assert_contains(http_peer_request(fixture.peer, 4), "GET / HTTP/1.1\r\n");
	assert_lacks(http_peer_request(fixture.peer, 4), "Content-");
	close_fixture(&fixture);
}

static void a_status_of_failure_is_an_answer(void **state)
{
	const struct peer_answer answers[] = {{.status = "500 Oh", .body = "no"}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(call(&fixture, (struct http_call){0}));
	assert_int_equal(fixture.answer.status, 500);
	assert_string_equal(fixture.answer.body, "no");
	close_fixture(&fixture);
}

static void a_redirect_is_not_followed(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "302 Found", .headers = "Location: /elsewhere\r\n"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(call(&fixture, (struct http_call){0}));
	assert_int_equal(fixture.answer.status, 302);
	assert_int_equal(http_peer_request_count(fixture.peer), 1);
	close_fixture(&fixture);
}

static void headers_of_interim_answers_are_left_out(void **state)
{
	const struct peer_answer answers[] = {{
		.raw = "HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n"
		       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nB: late\r\n\r\nok",
	}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(call(&fixture, (struct http_call){0}));
	assert_int_equal(fixture.answer.status, 200);
	assert_null(http_answer_header(&fixture.answer, "link"));
	assert_string_equal(http_answer_header(&fixture.answer, "b"), "late");
	close_fixture(&fixture);
}

static void an_answer_that_dribbles_in_is_put_together(void **state)
{
	const struct peer_answer answers[] = {{.body = "{\"whole\":true}", .is_dribbled = true}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(call(&fixture, (struct http_call){0}));
	assert_string_equal(fixture.answer.body, "{\"whole\":true}");
	close_fixture(&fixture);
}

static void calls_one_after_another_share_a_connection(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	for (int i = 0; i < 5; i++)
		assert_true(call(&fixture, (struct http_call){.method = i % 2 ? "POST" : "GET"}));
	assert_int_equal(http_peer_request_count(fixture.peer), 5);
	assert_int_equal(http_peer_connection_count(fixture.peer), 1);
	close_fixture(&fixture);
}

static void an_answer_over_the_limit_is_refused(void **state)
{
	const struct peer_answer answers[] = {
		{.filler_bytes = 1000},
		{.filler_bytes = 1001},
		{.filler_bytes = HTTP_ANSWER_BYTES_MAX + 1},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 3);
	assert_true(call(&fixture, (struct http_call){.answer_bytes_max = 1000}));
	assert_int_equal(fixture.answer.body_size, 1000);
	assert_false(call(&fixture, (struct http_call){.answer_bytes_max = 1000}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "longer than allowed");
	assert_false(call(&fixture, (struct http_call){0}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "longer than allowed");
	close_fixture(&fixture);
}

static void headers_over_the_limit_are_refused(void **state)
{
	char *header = calloc(1, HTTP_ANSWER_HEADER_BYTES_MAX + 16);
	struct peer_answer answers[] = {{.headers = header}};
	struct fixture fixture;

	(void)state;
	assert_non_null(header);
	for (size_t i = 0; i < HTTP_ANSWER_HEADER_BYTES_MAX / 8; i++)
		strcpy(header + i * 8, "A: bcd\r\n");
	open_fixture(&fixture, answers, 1);
	assert_false(call(&fixture, (struct http_call){0}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "longer than allowed");
	close_fixture(&fixture);
	free(header);
}

static void a_slow_answer_is_a_timeout_that_was_sent(void **state)
{
	const struct peer_answer answers[] = {{.delay_ms = 10000}};
	struct fixture fixture;
	const int64_t started_ms = clock_monotonic_ms();

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_false(call(&fixture, (struct http_call){.timeout_ms = 1000}));
	assert_fails(&fixture, ERROR_ZOOM_TIMEOUT, true, "127.0.0.1:");
	assert_in_range(clock_monotonic_ms() - started_ms, 990, 9000);
	close_fixture(&fixture);
}

static void the_timeout_counts_the_whole_answer(void **state)
{
	const struct peer_answer answers[] = {{.filler_bytes = 4000, .is_dribbled = true}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_false(call(&fixture, (struct http_call){.timeout_ms = 200}));
	assert_fails(&fixture, ERROR_ZOOM_TIMEOUT, true, "no answer in time");
	close_fixture(&fixture);
}

static void a_call_without_time_left_is_not_sent(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	assert_false(call(&fixture, (struct http_call){.timeout_ms = -1}));
	assert_fails(&fixture, ERROR_ZOOM_TIMEOUT, false, "no time was left");
	assert_int_equal(http_peer_connection_count(fixture.peer), 0);
	close_fixture(&fixture);
}

static void a_refused_connection_was_not_sent(void **state)
{
	struct fixture fixture;
	int reserved;
	char url[80];

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/secret/path?token=hush",
		 unused_port(&reserved));
	assert_false(call(&fixture, (struct http_call){.method = "POST", .url = url}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, false, "connecting failed");
	assert_contains(fixture.err.message, "127.0.0.1:");
	assert_lacks(fixture.err.message, "hush");
	assert_lacks(fixture.err.message, "secret");
	close(reserved);
	close_fixture(&fixture);
}

static void a_name_that_does_not_exist_was_not_sent(void **state)
{
	const struct http_call post = {.method = "POST", .url = "https://nowhere.invalid/x?q=hush"};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	assert_false(call(&fixture, post));
	assert_false(fixture.was_sent);
	assert_contains(fixture.err.message, "nowhere.invalid:443: ");
	assert_lacks(fixture.err.message, "hush");
	close_fixture(&fixture);
}

static void a_failed_handshake_was_not_sent(void **state)
{
	const struct peer_answer answers[] = {{.drop = PEER_DROP_BEFORE_READING}};
	struct fixture fixture;
	char url[80];

	(void)state;
	open_fixture(&fixture, answers, 1);
	snprintf(url, sizeof(url), "https%s/", http_peer_url(fixture.peer) + strlen("http"));
	assert_false(call(&fixture, (struct http_call){.method = "POST", .url = url}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, false, "TLS failed");
	close_fixture(&fixture);
}

/* A TLS server whose certificate nobody vouches for; its port is in *port. */
static pid_t start_tls_server(const char *directory, int *port)
{
	char command[1024], line[256];
	int out[2];
	pid_t pid;
	FILE *output;

	snprintf(command, sizeof(command),
		 "cd %s && openssl req -x509 -newkey rsa:2048 -nodes "
		 "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -days 1 "
		 "-keyout key.pem -out cert.pem 2>/dev/null && "
		 "exec openssl s_server -accept 127.0.0.1:0 -key key.pem -cert cert.pem -www 2>&1",
		 directory);
	assert_return_code(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(out[1]);
	output = fdopen(out[0], "r");
	*port = 0;
	while (*port == 0 && fgets(line, sizeof(line), output) != NULL)
		if (sscanf(line, "ACCEPT 127.0.0.1:%d", port) != 1)
			*port = 0;
	fclose(output);
	return pid;
}

/* And what belongs to it. */
struct tls_fixture {
	struct fixture fixture;
	char directory[32], url[64];
	pid_t server;
};

static void open_tls_fixture(struct tls_fixture *tls)
{
	int port;

	*tls = (struct tls_fixture){.directory = "/tmp/hallpass-test-XXXXXX"};
	assert_non_null(mkdtemp(tls->directory));
	open_fixture(&tls->fixture, &(struct peer_answer){0}, 1);
	tls->server = start_tls_server(tls->directory, &port);
	assert_int_not_equal(port, 0);
	snprintf(tls->url, sizeof(tls->url), "https://127.0.0.1:%d/", port);
}

static void close_tls_fixture(struct tls_fixture *tls)
{
	char command[128];

	kill(tls->server, SIGTERM);
	waitpid(tls->server, NULL, 0);
	snprintf(command, sizeof(command), "rm -r %s", tls->directory);
	assert_int_equal(system(command), 0);
	close_fixture(&tls->fixture);
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
	struct tls_fixture tls;

	(void)state;
	open_tls_fixture(&tls);
	assert_false(call(&tls.fixture, (struct http_call){.method = "POST", .url = tls.url}));
	assert_fails(&tls.fixture, ERROR_ZOOM_UNAVAILABLE, false, "TLS failed");
	assert_contains(tls.fixture.err.message, "certificate");
	close_tls_fixture(&tls);
}

/* By this process, since it began. */
static long bytes_read(void)
{
	FILE *file = fopen("/proc/self/io", "r");
	long bytes;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "rchar: %ld", &bytes), 1);
	fclose(file);
	return bytes;
}

static void the_authorities_are_not_read_again_for_each_connection(void **state)
{
	enum { THEIR_FILE_BYTES_MIN = 100000 };
	struct tls_fixture tls;
	long before;

	(void)state;
	open_tls_fixture(&tls);
	assert_false(call(&tls.fixture, (struct http_call){.url = tls.url}));
	before = bytes_read();
	assert_false(call(&tls.fixture, (struct http_call){.url = tls.url}));
	assert_in_range(bytes_read() - before, 1, THEIR_FILE_BYTES_MIN);
	/* It came as far as what they are needed for. */
	assert_contains(tls.fixture.err.message, "certificate");
	close_tls_fixture(&tls);
}

/* It is told to before curl begins with it, after which it would not listen. */
static void tls_wipes_the_memory_that_it_gives_back(void **state)
{
	struct tls_fixture tls;

	(void)state;
	open_tls_fixture(&tls);
	assert_false(call(&tls.fixture, (struct http_call){.url = tls.url}));
	assert_true(test_memory_is_wiped_by_openssl());
	close_tls_fixture(&tls);
}

static void a_connection_dropped_without_an_answer_counts_as_sent(void **state)
{
	const struct peer_answer answers[] = {
		{.drop = PEER_DROP_AFTER_READING},
		{.drop = PEER_DROP_BEFORE_READING},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_false(call(&fixture, (struct http_call){.method = "POST"}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "broke off without an answer");
	assert_int_equal(http_peer_request_count(fixture.peer), 1);
	assert_false(call(&fixture, (struct http_call){.method = "POST"}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "");
	assert_int_equal(http_peer_connection_count(fixture.peer), 2);
	close_fixture(&fixture);
}

static void an_answer_that_breaks_off_is_refused(void **state)
{
	const struct peer_answer answers[] = {
		{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", .closes = true},
		{.raw = "nonsense\r\n\r\n", .closes = true},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_false(call(&fixture, (struct http_call){0}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "the answer broke off");
	assert_false(call(&fixture, (struct http_call){0}));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "the answer is not HTTP");
	close_fixture(&fixture);
}

static void an_idle_connection_that_was_closed_is_replaced(void **state)
{
	const struct peer_answer answers[] = {{.closes = true}, {.body = "fresh"}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_true(call(&fixture, (struct http_call){.method = "POST"}));
	http_peer_await_closed(fixture.peer, 1);
	assert_true(call(&fixture, (struct http_call){.method = "POST"}));
	assert_string_equal(fixture.answer.body, "fresh");
	assert_int_equal(http_peer_connection_count(fixture.peer), 2);
	close_fixture(&fixture);
}

static void a_post_is_never_sent_twice(void **state)
{
	const struct peer_answer answers[] = {{0}, {.drop = PEER_DROP_AFTER_READING}, {0}};
	const struct http_call post = {.method = "POST", .body = "x", .body_size = 1};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 3);
	assert_true(call(&fixture, post));
	assert_false(call(&fixture, post));
	assert_fails(&fixture, ERROR_ZOOM_UNAVAILABLE, true, "broke off without an answer");
	assert_int_equal(http_peer_request_count(fixture.peer), 2);
	close_fixture(&fixture);
}

static void a_get_on_a_connection_that_breaks_off_is_sent_again(void **state)
{
	const struct peer_answer answers[] = {
		{0},
		{.drop = PEER_DROP_AFTER_READING},
		{.body = "again"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 3);
	assert_true(call(&fixture, (struct http_call){0}));
	assert_true(call(&fixture, (struct http_call){0}));
	assert_string_equal(fixture.answer.body, "again");
	assert_int_equal(http_peer_request_count(fixture.peer), 3);
	close_fixture(&fixture);
}

static void a_header_cannot_smuggle_in_another(void **state)
{
	const struct http_header evil = {"Authorization", "Bearer a\r\nX-Evil: 1"};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	assert_false(call(&fixture, (struct http_call){.headers = &evil, .header_count = 1}));
	assert_fails(&fixture, ERROR_INVALID, false, "control character");
	assert_int_equal(http_peer_connection_count(fixture.peer), 0);
	close_fixture(&fixture);
}

static void other_urls_than_plain_http_are_refused(void **state)
{
	const char *const urls[] = {
		"ftp://127.0.0.1/x",         "file:///etc/passwd",      "http://",
		"http://me:hush@127.0.0.1/", "http://127.0.0.1:99999/",
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		assert_false(call(&fixture, (struct http_call){.url = urls[i]}));
		assert_fails(&fixture, ERROR_INVALID, false, "not an http or https URL");
		assert_lacks(fixture.err.message, "hush");
	}
	close_fixture(&fixture);
}

enum { THREAD_COUNT = 8, CALLS_PER_THREAD = 20 };

static void *call_often(void *context)
{
	struct fixture mine = *(struct fixture *)context;
	size_t answered = 0;

	mine.arena = (struct arena){0};
	for (int i = 0; i < CALLS_PER_THREAD; i++)
		if (call(&mine, (struct http_call){0}) && mine.answer.status == 200)
			answered++;
	arena_release(&mine.arena);
	return (void *)answered;
}

static void call_from_threads(struct fixture *fixture)
{
	pthread_t threads[THREAD_COUNT];
	void *answered;

	for (size_t i = 0; i < THREAD_COUNT; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_often, fixture), 0);
	for (size_t i = 0; i < THREAD_COUNT; i++) {
		pthread_join(threads[i], &answered);
		assert_int_equal((uintptr_t)answered, CALLS_PER_THREAD);
	}
}

static void threads_call_at_once_without_waiting_for_each_other(void **state)
{
	const struct peer_answer answers[] = {{.delay_ms = 5}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	call_from_threads(&fixture);
	assert_int_equal(http_peer_request_count(fixture.peer), THREAD_COUNT * CALLS_PER_THREAD);
	assert_in_range(http_peer_connection_count(fixture.peer), 2, THREAD_COUNT);
	close_fixture(&fixture);
}

static void surplus_connections_are_closed_when_they_are_not_wanted_any_more(void **state)
{
	const struct peer_answer answers[] = {{.delay_ms = 5}};
	struct fixture fixture;
	size_t connections;

	(void)state;
	open_fixture(&fixture, answers, 1);
	call_from_threads(&fixture);
	connections = http_peer_connection_count(fixture.peer);
	assert_in_range(connections, 2, THREAD_COUNT);
	http_client_close_idle(fixture.client, 1);
	http_peer_await_closed(fixture.peer, connections - 1);
	/* The one that is left serves the next call. */
	assert_true(call(&fixture, (struct http_call){0}));
	assert_int_equal(http_peer_connection_count(fixture.peer), connections);
	http_client_close_idle(fixture.client, 0);
	http_peer_await_closed(fixture.peer, connections);
	http_client_close_idle(fixture.client, 0);
	close_fixture(&fixture);
}

struct deep_call {
	struct fixture fixture;
	struct deep_stack deep;
	pthread_t thread;
	atomic_bool has_begun, is_over;
};

static void *call_after_going_deep(void *context)
{
	struct deep_call *deep_call = context;
	bool is_answered;

	deep_call->deep = deep_stack_use();
	atomic_store(&deep_call->has_begun, true);
	is_answered = call(&deep_call->fixture, (struct http_call){0});
	atomic_store(&deep_call->is_over, true);
	return (void *)(uintptr_t)is_answered;
}

/* As soon as it has, or its answer is here. */
static bool has_given_back_while_it_waited(struct deep_call *deep_call)
{
	bool is_given_back = false;

	while (!atomic_load(&deep_call->has_begun))
		usleep(1000);
	while (!is_given_back && !atomic_load(&deep_call->is_over)) {
		usleep(1000);
		is_given_back = deep_stack_pages_in_memory(&deep_call->deep) == 0;
	}
	return is_given_back && !atomic_load(&deep_call->is_over);
}

/* The last of so many: whether it gave back what it went deep, once they all have their answers. */
static bool gives_back_in_a_crowd_of(size_t count)
{
	const struct peer_answer answers[] = {{.delay_ms = 3000}};
	struct deep_call *calls = calloc(count, sizeof(*calls));
	struct fixture fixture;
	bool is_given_back = false;
	void *is_answered;

	assert_non_null(calls);
	open_fixture(&fixture, answers, 1);
	for (size_t i = 0; i < count; i++) {
		calls[i].fixture = fixture;
		assert_int_equal(pthread_create(&calls[i].thread, NULL, call_after_going_deep,
						&calls[i]),
				 0);
	}
	is_given_back = has_given_back_while_it_waited(&calls[count - 1]);
	for (size_t i = 0; i < count; i++) {
		pthread_join(calls[i].thread, &is_answered);
		assert_true((uintptr_t)is_answered);
		arena_release(&calls[i].fixture.arena);
	}
	free(calls);
	close_fixture(&fixture);
	return is_given_back;
}

static void who_waits_in_a_crowd_has_given_back_what_went_deep(void **state)
{
	(void)state;
	assert_true(gives_back_in_a_crowd_of(HTTP_CLIENT_CROWD));
}

static void a_call_that_waits_with_few_others_does_without_that(void **state)
{
	(void)state;
	assert_false(gives_back_in_a_crowd_of(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_has_its_status_headers_and_body),
		cmocka_unit_test(a_request_goes_out_as_given),
		cmocka_unit_test(methods_go_out_as_named_with_and_without_a_body),
		cmocka_unit_test(a_status_of_failure_is_an_answer),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(headers_of_interim_answers_are_left_out),
		cmocka_unit_test(an_answer_that_dribbles_in_is_put_together),
		cmocka_unit_test(calls_one_after_another_share_a_connection),
		cmocka_unit_test(an_answer_over_the_limit_is_refused),
		cmocka_unit_test(headers_over_the_limit_are_refused),
		cmocka_unit_test(a_slow_answer_is_a_timeout_that_was_sent),
		cmocka_unit_test(the_timeout_counts_the_whole_answer),
		cmocka_unit_test(a_call_without_time_left_is_not_sent),
		cmocka_unit_test(a_refused_connection_was_not_sent),
		cmocka_unit_test(a_name_that_does_not_exist_was_not_sent),
		cmocka_unit_test(a_failed_handshake_was_not_sent),
		cmocka_unit_test(a_certificate_that_nobody_vouches_for_is_refused),
		cmocka_unit_test(tls_wipes_the_memory_that_it_gives_back),
		cmocka_unit_test(the_authorities_are_not_read_again_for_each_connection),
		cmocka_unit_test(a_connection_dropped_without_an_answer_counts_as_sent),
		cmocka_unit_test(an_answer_that_breaks_off_is_refused),
		cmocka_unit_test(an_idle_connection_that_was_closed_is_replaced),
		cmocka_unit_test(a_post_is_never_sent_twice),
		cmocka_unit_test(a_get_on_a_connection_that_breaks_off_is_sent_again),
		cmocka_unit_test(a_header_cannot_smuggle_in_another),
		cmocka_unit_test(other_urls_than_plain_http_are_refused),
		cmocka_unit_test(threads_call_at_once_without_waiting_for_each_other),
		cmocka_unit_test(who_waits_in_a_crowd_has_given_back_what_went_deep),
		cmocka_unit_test(a_call_that_waits_with_few_others_does_without_that),
		cmocka_unit_test(surplus_connections_are_closed_when_they_are_not_wanted_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
