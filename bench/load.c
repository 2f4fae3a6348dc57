/*
 * load: many clients of one server, each with a kept-alive connection and the next request once the answer
 * to the last one is there. One thread and epoll, so that the load costs little of the machine.
 *
 *   load PORT CLIENTS seconds=S|requests=N METHOD PATHS EXPECTED [HEADER…]
 *
 * PATHS is a file with one path a line, taken in turn, and after a blank the body to send, if any. An answer
 * counts that is 200 or 201 and whose body has EXPECTED in it. With seconds= each client first makes a
 * request that does not count, which opens its connection, and the time begins when all have; with
 * requests= that many are made, the first ones included. Prints one line of JSON (see latencies.c).
 */
#include "latencies.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 65536, REQUEST_BYTES_MAX = 2048, PATHS_MAX = 10000, EVENTS_MAX = 256 };
enum { CALL_S_MAX = 30 };

struct client {
	int socket; /* -1: to be opened */
	bool is_waiting, is_done;
	int64_t sent_us;
	size_t size;
	char answer[ANSWER_BYTES_MAX + 1];
};

struct load {
	int port, epoll;
	const char *method, *expected;
	char **paths;
	size_t path_count, next_path;
	char headers[1024];
	long requests_left; /* -1: the time decides */
	int64_t until_us;
	bool is_counting;
	size_t waiting_count;
	struct latencies latencies;
};

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void open_connection(const struct load *load, struct client *client)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)load->port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
	const int one = 1;

	client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->socket < 0 ||
	    connect(client->socket, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->socket, &event) != 0)
		fail("load: cannot connect");
	setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void send_request(struct load *load, struct client *client)
{
	char request[REQUEST_BYTES_MAX];
	const char *path = load->paths[load->next_path++ % load->path_count];
	const int path_size = (int)strcspn(path, " ");
	const char *body = path[path_size] == ' ' ? path + path_size + 1 : NULL;
	char length[64] = "";
	int size;

	if (body != NULL)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(body));
	size = snprintf(request, sizeof(request), "%s %.*s HTTP/1.1\r\nHost: bench\r\n%s%s\r\n%s",
			load->method, path_size, path, load->headers, length,
			body != NULL ? body : "");

	assert(size > 0 && (size_t)size < sizeof(request));
	client->sent_us = latencies_now_us();
	if (client->socket < 0)
		open_connection(load, client);
	client->size = 0;
	client->is_waiting = true;
	load->waiting_count++;
	/* A connection that broke shows as an empty answer. */
	if (send(client->socket, request, (size_t)size, MSG_NOSIGNAL) < 0)
		shutdown(client->socket, SHUT_RDWR);
}

static bool may_send(struct load *load)
{
	if (load->requests_left < 0)
		return latencies_now_us() < load->until_us;
	if (load->requests_left == 0)
		return false;
	load->requests_left--;
	return true;
}

static void end_call(struct load *load, struct client *client, bool is_good)
{
	const int64_t us = latencies_now_us() - client->sent_us;

	client->is_waiting = false;
	load->waiting_count--;
	if (load->is_counting && is_good)
		latencies_add(&load->latencies, us);
	if (!is_good && load->latencies.failures++ == 0)
		fprintf(stderr, "load: the first bad answer: %.400s\n",
			client->size > 0 ? client->answer : "none");
	if (load->is_counting && may_send(load))
		send_request(load, client);
}

/* 0 until all of it is there. Both nginx and the benchmark's upstream send a Content-Length. */
static size_t answer_size(const struct client *client)
{
	const char *end = strstr(client->answer, "\r\n\r\n");
	const char *length = strcasestr(client->answer, "\r\ncontent-length:");

	if (end == NULL || length == NULL || length > end)
		return 0;
	return (size_t)(end - client->answer) + 4 +
	       strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
}

static void close_connection(struct client *client)
{
	close(client->socket);
	client->socket = -1;
}

static void read_answer(struct load *load, struct client *client)
{
	const ssize_t got = recv(client->socket, client->answer + client->size,
				 ANSWER_BYTES_MAX - client->size, 0);
	bool is_good;
	size_t size;

	if (got <= 0) {
		close_connection(client);
		if (client->is_waiting)
			end_call(load, client, false);
		return;
	}
	client->size += (size_t)got;
	client->answer[client->size] = '\0';
	size = answer_size(client);
	if (size == 0 || client->size < size)
		return;
	is_good = (strncmp(client->answer, "HTTP/1.1 200 ", 13) == 0 ||
		   strncmp(client->answer, "HTTP/1.1 201 ", 13) == 0) &&
		  strstr(client->answer, load->expected) != NULL;
	/* As nginx does after a thousand requests; the next one opens another. */
	if (strcasestr(client->answer, "\r\nconnection: close\r\n") != NULL)
		close_connection(client);
	end_call(load, client, is_good);
}

/* Until every client has the answer to what it sent, and to what it sent after that. */
static void run(struct load *load, struct client *clients, size_t client_count)
{
	struct epoll_event events[EVENTS_MAX];

	for (size_t i = 0; i < client_count; i++)
		if (!load->is_counting || may_send(load))
			send_request(load, &clients[i]);
	while (load->waiting_count > 0) {
		const int count = epoll_wait(load->epoll, events, EVENTS_MAX, CALL_S_MAX * 1000);

		if (count == 0) {
			fprintf(stderr, "load: no answer for %d s\n", CALL_S_MAX);
			load->latencies.failures += (long)load->waiting_count;
			return;
		}
		if (count < 0 && errno != EINTR)
			fail("load: epoll_wait");
		for (int i = 0; i < count; i++)
			read_answer(load, events[i].data.ptr);
	}
}

static void read_paths(struct load *load, const char *name)
{
	FILE *file = fopen(name, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (file == NULL)
		fail(name);
	load->paths = calloc(PATHS_MAX, sizeof(*load->paths));
	while (load->path_count < PATHS_MAX && (length = getline(&line, &room, file)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		load->paths[load->path_count++] = strdup(line);
	}
	free(line);
	fclose(file);
	assert(load->path_count > 0);
}

int main(int argument_count, char **arguments)
{
	struct rlimit limit;
	struct load load = {.epoll = epoll_create1(EPOLL_CLOEXEC), .requests_left = -1};
	struct client *clients;
	double seconds = 0;
	int64_t started_us;
	size_t client_count;

	if (argument_count < 7 ||
	    (sscanf(arguments[3], "seconds=%lf", &seconds) != 1 &&
	     sscanf(arguments[3], "requests=%ld", &load.requests_left) != 1)) {
		fprintf(stderr,
			"usage: load PORT CLIENTS seconds=S|requests=N METHOD PATHS EXPECTED "
			"[HEADER…]\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	load.port = (int)strtol(arguments[1], NULL, 10);
	client_count = strtoul(arguments[2], NULL, 10);
	load.method = arguments[4];
	read_paths(&load, arguments[5]);
	load.expected = arguments[6];
	for (int i = 7; i < argument_count; i++) {
		const size_t used = strlen(load.headers);

		snprintf(load.headers + used, sizeof(load.headers) - used, "%s\r\n", arguments[i]);
	}
	clients = calloc(client_count, sizeof(*clients));
	assert(clients != NULL);
	for (size_t i = 0; i < client_count; i++)
		clients[i].socket = -1;
	if (load.requests_left < 0)
		run(&load, clients, client_count);
	load.is_counting = true;
	started_us = latencies_now_us();
	load.until_us = started_us + (int64_t)(seconds * 1e6);
	run(&load, clients, client_count);
	latencies_print(&load.latencies, latencies_now_us() - started_us);
	return EXIT_SUCCESS;
}
