/*
 * upstream: Zoom's side of a benchmark, and that of who receives our webhooks. Speaks just enough of it for
 * register app, connect user, sync and zoom_tokens, with answers that are made up at once, so that what is
 * measured is not Zoom's side.
 *
 *   upstream          prints "ready http://127.0.0.1:PORT" and serves until its standard input ends
 *
 * A code "code-N" belongs to user N, whose only meeting is 80000000000 + N. Nothing is checked. Control:
 *
 *   GET /_bench/delays?mint=MS&refresh=MS   from now on these answers take so long
 *   GET /_bench/counts                      since the start: {"mints", "refreshes"}, and the most of them at once
 *   GET /_bench/receipts                    of POST /receivers/good…: how many there were, and when the last was
 *                                           by CLOCK_MONOTONIC; POST /receivers/hang… is never answered
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	REQUEST_BYTES_MAX = 16384,
	ANSWER_BYTES_MAX = 1024,
	EVENTS_MAX = 256,
};

static const int64_t first_meeting_id = 80000000000;

/* Longer than any benchmark. */
static const int64_t never_us = 86400 * (int64_t)1000000;

/* One connection; at most one of its requests is under way. */
struct client {
	int socket;
	bool is_late; /* an answer of it waits for its time */
	bool is_gone; /* the other side hung up meanwhile */
	size_t size;
	char request[REQUEST_BYTES_MAX + 1];
	char answer[ANSWER_BYTES_MAX];
	size_t answer_size;
	int64_t due_us;
	struct client *next; /* in its delay's queue */
};

/* Answers that take equally long come out in the order in which they went in. */
struct delay {
	int64_t us;
	struct client *first, *last;
	long count, count_max;
};

struct upstream {
	int epoll;
	struct delay mint, refresh, hang;
	long mint_count, refresh_count, receipt_count;
	int64_t last_receipt_us;
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000 + now.tv_nsec / 1000;
}

static void hang_up(struct client *client)
{
	close(client->socket);
	client->socket = -1;
	if (client->is_late)
		client->is_gone = true;
	else
		free(client);
}

static bool has_whole_request(const struct client *client, size_t *request_size)
{
	const char *end = strstr(client->request, "\r\n\r\n");
	const char *length;

	if (end == NULL)
		return false;
	length = strcasestr(client->request, "\r\ncontent-length:");
	*request_size = (size_t)(end - client->request) + 4;
	if (length != NULL && length < end)
		*request_size += strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
	return client->size >= *request_size;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The number after `mark` anywhere in the request, or 0: "code=code-", "Bearer access-", … */
static long number_after(const char *request, const char *mark)
{
	const char *found = strcasestr(request, mark);

	return found == NULL ? 0 : strtol(found + strlen(mark), NULL, 10);
}

static void answer(struct client *client, int status, const char *json)
{
	const int size = snprintf(client->answer, sizeof(client->answer),
				  "HTTP/1.1 %d -\r\nContent-Type: application/json\r\n"
				  "Content-Length: %zu\r\n\r\n%s",
				  status, strlen(json), json);

	assert(size > 0 && (size_t)size < sizeof(client->answer));
	client->answer_size = (size_t)size;
}

static void answer_tokens(struct client *client, long user, long serial)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{\"access_token\":\"access-%ld-%ld\",\"refresh_token\":\"refresh-%ld-%ld\","
		 "\"token_type\":\"bearer\",\"expires_in\":3599,"
		 "\"scope\":\"user:read:user user:read:token meeting:read:list_meetings "
		 "meeting:read:local_recording_token\"}",
		 user, serial, user, serial);
	answer(client, 200, json);
}

static void answer_user(struct client *client, long user)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{\"id\":\"user-%ld\",\"account_id\":\"account\",\"email\":\"u%ld@bench.example\","
		 "\"status\":\"active\",\"pmi\":%ld}",
		 user, user, 5550000000 + user);
	answer(client, 200, json);
}

static void answer_meetings(struct client *client, long user)
{
	char json[256];

	snprintf(json, sizeof(json),
		 "{\"page_size\":300,\"next_page_token\":\"\",\"meetings\":[{\"id\":%lld}]}",
		 (long long)first_meeting_id + user);
	answer(client, 200, json);
}

static void answer_counts(const struct upstream *upstream, struct client *client)
{
	char json[192];

	snprintf(
		json, sizeof(json),
		"{\"mints\":%ld,\"refreshes\":%ld,\"mints_at_once\":%ld,\"refreshes_at_once\":%ld}",
		upstream->mint_count, upstream->refresh_count, upstream->mint.count_max,
		upstream->refresh.count_max);
	answer(client, 200, json);
}

static void answer_receipts(const struct upstream *upstream, struct client *client)
{
	char json[128];

	snprintf(json, sizeof(json), "{\"count\":%ld,\"last_us\":%lld}", upstream->receipt_count,
		 (long long)upstream->last_receipt_us);
	answer(client, 200, json);
}

/* A notification; it has arrived when all of it is here. */
static struct delay *receive(struct upstream *upstream, struct client *client)
{
	answer(client, 200, "{}");
	if (starts_with(client->request, "POST /receivers/hang"))
		return &upstream->hang;
	upstream->receipt_count++;
	upstream->last_receipt_us = now_us();
	return NULL;
}

/* Makes up the answer; what it is delayed by, or NULL. */
static struct delay *serve(struct upstream *upstream, struct client *client)
{
	const char *request = client->request;
	const long user = number_after(request, "Bearer access-");

	if (strstr(request, "/jointoken/local_recording") != NULL) {
		upstream->mint_count++;
		answer(client, 200, "{\"token\":\"local-recording-token\",\"expire_in\":120}");
		return &upstream->mint;
	}
	if (starts_with(request, "POST /receivers/"))
		return receive(upstream, client);
	if (starts_with(request, "POST /oauth/token ")) {
		if (strstr(request, "grant_type=refresh_token") != NULL) {
			answer_tokens(client, number_after(request, "refresh_token=refresh-"),
				      ++upstream->refresh_count);
			return &upstream->refresh;
		}
		answer_tokens(client, number_after(request, "code=code-"), 0);
	} else if (starts_with(request, "GET /v2/users/me/meetings")) {
		answer_meetings(client, user);
	} else if (starts_with(request, "GET /v2/users/me ")) {
		answer_user(client, user);
	} else if (starts_with(request, "GET /_bench/delays?")) {
		upstream->mint.us = number_after(request, "mint=") * 1000;
		upstream->refresh.us = number_after(request, "refresh=") * 1000;
		answer(client, 200, "{}");
	} else if (starts_with(request, "GET /_bench/counts ")) {
		answer_counts(upstream, client);
	} else if (starts_with(request, "GET /_bench/receipts ")) {
		answer_receipts(upstream, client);
	} else {
		answer(client, 404, "{\"code\":404,\"message\":\"not part of the benchmark\"}");
	}
	return NULL;
}

static void send_answer(struct client *client)
{
	if (send(client->socket, client->answer, client->answer_size, MSG_NOSIGNAL) !=
	    (ssize_t)client->answer_size)
		hang_up(client);
}

static void put_off(struct delay *delay, struct client *client)
{
	client->due_us = now_us() + delay->us;
	client->is_late = true;
	client->next = NULL;
	if (delay->first == NULL)
		delay->first = client;
	else
		delay->last->next = client;
	delay->last = client;
	if (++delay->count > delay->count_max)
		delay->count_max = delay->count;
}

/* What is due goes out; how long until the next is, at most former_ms; -1: there is none. */
static int send_due(struct delay *delay, int former_ms)
{
	while (delay->first != NULL) {
		struct client *client = delay->first;
		const int64_t left_us = client->due_us - now_us();
		const int left_ms = (int)((left_us + 999) / 1000);

		if (left_us > 0)
			return former_ms >= 0 && former_ms < left_ms ? former_ms : left_ms;
		delay->first = client->next;
		delay->count--;
		client->is_late = false;
		if (client->is_gone)
			free(client);
		else
			send_answer(client);
	}
	return former_ms;
}

static void read_request(struct upstream *upstream, struct client *client)
{
	const ssize_t got = recv(client->socket, client->request + client->size,
				 REQUEST_BYTES_MAX - client->size, 0);
	struct delay *delay;
	size_t request_size;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || client->is_late) {
		hang_up(client);
		return;
	}
	client->size += (size_t)got;
	client->request[client->size] = '\0';
	if (!has_whole_request(client, &request_size))
		return;
	assert(client->size == request_size);
	client->size = 0;
	delay = serve(upstream, client);
	if (delay != NULL && delay->us > 0)
		put_off(delay, client);
	else
		send_answer(client);
}

static void watch(const struct upstream *upstream, int descriptor, void *owner)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};

	if (epoll_ctl(upstream->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
		perror("upstream: epoll_ctl");
		exit(EXIT_FAILURE);
	}
}

static void accept_clients(const struct upstream *upstream, int listener)
{
	const int one = 1;
	int socket;

	while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct client *client = calloc(1, sizeof(*client));

		assert(client != NULL);
		setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		client->socket = socket;
		watch(upstream, socket, client);
	}
}

static int open_listener(void)
{
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
	    listen(listener, 4096) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
		perror("upstream: listen");
		exit(EXIT_FAILURE);
	}
	printf("ready http://127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return listener;
}

/* Thousands of connections; the limit that a shell starts with is often 1024. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(void)
{
	struct upstream upstream = {.epoll = epoll_create1(EPOLL_CLOEXEC), .hang.us = never_us};
	struct epoll_event events[EVENTS_MAX];
	int listener, timeout_ms;

	allow_many_files();
	listener = open_listener();
	watch(&upstream, listener, &listener);
	watch(&upstream, STDIN_FILENO, &upstream);
	for (;;) {
		int count;

		timeout_ms = send_due(&upstream.mint, -1);
		timeout_ms = send_due(&upstream.refresh, timeout_ms);
		count = epoll_wait(upstream.epoll, events, EVENTS_MAX, timeout_ms);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == &upstream)
				return EXIT_SUCCESS;
			if (events[i].data.ptr == &listener)
				accept_clients(&upstream, listener);
			else
				read_request(&upstream, events[i].data.ptr);
		}
	}
}
