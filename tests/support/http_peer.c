#include "support/http_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, REQUESTS_MAX = 256, REQUEST_BYTES_MAX = 1 << 16 };

struct peer_connection {
	struct http_peer *peer;
	int socket;
	pthread_t thread;
	size_t unread; /* bytes of the next request, at the start of `bytes` */
	char bytes[REQUEST_BYTES_MAX];
};

struct http_peer {
	const struct peer_answer *answers;
	size_t answer_count;
	char url[64];
	int listener, stop; /* stop: an eventfd that is readable once the peer closes */
	pthread_t acceptor;

	pthread_mutex_t mutex; /* over all below */
	pthread_cond_t changed;
	size_t next_answer, closed_count;
	struct peer_connection *connections[CONNECTIONS_MAX];
	size_t connection_count;
	char *requests[REQUESTS_MAX];
	size_t request_count;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "http_peer: %s\n", what);
	abort();
}

static const struct peer_answer *next_answer(struct http_peer *peer)
{
	const struct peer_answer *answer;

	pthread_mutex_lock(&peer->mutex);
	answer = &peer->answers[peer->next_answer];
	if (peer->next_answer + 1 < peer->answer_count)
		peer->next_answer++;
	pthread_mutex_unlock(&peer->mutex);
	return answer;
}

/* False when the peer closes before the time is over. */
static bool pause_ms(const struct http_peer *peer, long duration_ms)
{
	struct pollfd stop = {.fd = peer->stop, .events = POLLIN};

	return poll(&stop, 1, (int)duration_ms) == 0;
}

/* False when there will be nothing to read: the other side left, or the peer closes. */
static bool await_bytes(const struct peer_connection *connection)
{
	struct pollfd ready[2] = {
		{.fd = connection->socket, .events = POLLIN},
		{.fd = connection->peer->stop, .events = POLLIN},
	};

	return poll(ready, 2, -1) > 0 && ready[1].revents == 0;
}

/* The length of the request at the start of the bytes, or 0 while it is not complete. */
static size_t complete_length(const struct peer_connection *connection)
{
	const char *head_end = strstr(connection->bytes, "\r\n\r\n");
	const char *length = strcasestr(connection->bytes, "\r\nContent-Length:");
	size_t whole;

	if (head_end == NULL)
		return 0;
	whole = (size_t)(head_end + 4 - connection->bytes);
	if (length != NULL && length < head_end)
		whole += strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	return connection->unread >= whole ? whole : 0;
}

static void record(struct http_peer *peer, const char *bytes, size_t size)
{
	pthread_mutex_lock(&peer->mutex);
	require(peer->request_count < REQUESTS_MAX, "too many requests");
	peer->requests[peer->request_count++] = strndup(bytes, size);
	pthread_mutex_unlock(&peer->mutex);
}

static bool read_request(struct peer_connection *connection)
{
	size_t whole;

	while ((whole = complete_length(connection)) == 0) {
		const size_t room = REQUEST_BYTES_MAX - 1 - connection->unread;
		ssize_t count;

		require(room > 0, "too long a request");
		if (!await_bytes(connection))
			return false;
		count = recv(connection->socket, connection->bytes + connection->unread, room, 0);
		if (count <= 0)
			return false;
		connection->unread += (size_t)count;
		connection->bytes[connection->unread] = '\0';
	}
	record(connection->peer, connection->bytes, whole);
	connection->unread -= whole;
	memmove(connection->bytes, connection->bytes + whole, connection->unread + 1);
	return true;
}

static bool write_bytes(const struct peer_connection *connection, const char *bytes, size_t size,
			bool is_dribbled)
{
	while (size > 0) {
		const ssize_t count =
			send(connection->socket, bytes, is_dribbled ? 1 : size, MSG_NOSIGNAL);

		if (count <= 0 || (is_dribbled && !pause_ms(connection->peer, 1)))
			return false;
		bytes += count;
		size -= (size_t)count;
	}
	return true;
}

static bool write_answer(const struct peer_connection *connection, const struct peer_answer *answer)
{
	const char *body = answer->body == NULL ? "" : answer->body;
	char *text = NULL, *filler;
	bool is_written;
	int length;

	if (answer->raw != NULL)
		return write_bytes(connection, answer->raw, strlen(answer->raw),
				   answer->is_dribbled);
	length = asprintf(&text, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s",
			  answer->status == NULL ? "200 OK" : answer->status,
			  answer->headers == NULL ? "" : answer->headers,
			  strlen(body) + answer->filler_bytes, body);
	filler = malloc(answer->filler_bytes + 1);
	require(length >= 0 && filler != NULL, "out of memory");
	memset(filler, 'x', answer->filler_bytes);
	is_written = write_bytes(connection, text, (size_t)length, answer->is_dribbled) &&
		     write_bytes(connection, filler, answer->filler_bytes, answer->is_dribbled);
	free(text);
	free(filler);
	return is_written;
}

/* False when the connection is to be closed. */
static bool serve_one(struct peer_connection *connection)
{
	const struct peer_answer *answer;

	if (connection->unread == 0 && !await_bytes(connection))
		return false;
	/* A keep-alive connection that the client leaves must not use up an answer. */
	if (connection->unread == 0 && recv(connection->socket, &(char){0}, 1, MSG_PEEK) <= 0)
		return false;
	answer = next_answer(connection->peer);
	if (answer->drop == PEER_DROP_BEFORE_READING || !read_request(connection) ||
	    answer->drop == PEER_DROP_AFTER_READING)
		return false;
	if (answer->delay_ms > 0 && !pause_ms(connection->peer, answer->delay_ms))
		return false;
	return write_answer(connection, answer) && !answer->closes;
}

static void *run_connection(void *context)
{
	struct peer_connection *connection = context;
	struct http_peer *peer = connection->peer;

	while (serve_one(connection))
		;
	pthread_mutex_lock(&peer->mutex);
	close(connection->socket);
	peer->closed_count++;
	pthread_cond_broadcast(&peer->changed);
	pthread_mutex_unlock(&peer->mutex);
	return NULL;
}

static void start_connection(struct http_peer *peer, int socket)
{
	struct peer_connection *connection = calloc(1, sizeof(*connection));

	require(connection != NULL, "out of memory");
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	connection->peer = peer;
	connection->socket = socket;
	pthread_mutex_lock(&peer->mutex);
	require(peer->connection_count < CONNECTIONS_MAX, "too many connections");
	peer->connections[peer->connection_count++] = connection;
	pthread_mutex_unlock(&peer->mutex);
	require(pthread_create(&connection->thread, NULL, run_connection, connection) == 0,
		"no thread");
}

static void *run_acceptor(void *context)
{
	struct http_peer *peer = context;
	struct pollfd ready[2] = {
		{.fd = peer->listener, .events = POLLIN},
		{.fd = peer->stop, .events = POLLIN},
	};

	while (poll(ready, 2, -1) > 0 && ready[1].revents == 0) {
		const int socket = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);

		if (socket >= 0)
			start_connection(peer, socket);
	}
	return NULL;
}

struct http_peer *http_peer_open(const struct peer_answer *answers, size_t count)
{
	struct http_peer *peer = calloc(1, sizeof(*peer));
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);

	require(peer != NULL && count > 0, "no answers");
	setenv("no_proxy", "*",
	       1); /* whoever runs the tests may have a proxy, which knows no loopback of ours */
	peer->answers = answers;
	peer->answer_count = count;
	pthread_mutex_init(&peer->mutex, NULL);
	pthread_cond_init(&peer->changed, NULL);
	peer->stop = eventfd(0, EFD_CLOEXEC);
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(peer->stop >= 0 && peer->listener >= 0 &&
			bind(peer->listener, (struct sockaddr *)&address, size) == 0 &&
			listen(peer->listener, 128) == 0 &&
			getsockname(peer->listener, (struct sockaddr *)&address, &size) == 0,
		"cannot listen");
	snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	require(pthread_create(&peer->acceptor, NULL, run_acceptor, peer) == 0, "no thread");
	return peer;
}

void http_peer_close(struct http_peer **peer)
{
	struct http_peer *closing = *peer;

	*peer = NULL;
	if (closing == NULL)
		return;
	require(eventfd_write(closing->stop, 1) == 0, "cannot stop");
	pthread_join(closing->acceptor, NULL);
	for (size_t i = 0; i < closing->connection_count; i++) {
		pthread_join(closing->connections[i]->thread, NULL);
		free(closing->connections[i]);
	}
	for (size_t i = 0; i < closing->request_count; i++)
		free(closing->requests[i]);
	close(closing->listener);
	close(closing->stop);
	pthread_cond_destroy(&closing->changed);
	pthread_mutex_destroy(&closing->mutex);
	free(closing);
}

const char *http_peer_url(const struct http_peer *peer)
{
	return peer->url;
}

size_t http_peer_connection_count(struct http_peer *peer)
{
	size_t count;

	pthread_mutex_lock(&peer->mutex);
	count = peer->connection_count;
	pthread_mutex_unlock(&peer->mutex);
	return count;
}

size_t http_peer_request_count(struct http_peer *peer)
{
	size_t count;

	pthread_mutex_lock(&peer->mutex);
	count = peer->request_count;
	pthread_mutex_unlock(&peer->mutex);
	return count;
}

const char *http_peer_request(struct http_peer *peer, size_t index)
{
	require(index < http_peer_request_count(peer), "no such request");
	return peer->requests[index];
}

void http_peer_await_closed(struct http_peer *peer, size_t count)
{
	pthread_mutex_lock(&peer->mutex);
	while (peer->closed_count < count)
		pthread_cond_wait(&peer->changed, &peer->mutex);
	pthread_mutex_unlock(&peer->mutex);
}
