#include "http/client.h"

#include "base/buffer.h"
#include "base/thread_stack.h"
#include "http/curl_options.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Kept for later calls, as many as calls were under way at a time; each holds its kept-alive connections. */
enum { IDLE_HANDLES_MAX = 1024 };

/* Of each call under way, the least that curl takes; most answers fit. */
static const long RECEIVE_BUFFER_BYTES = 1024;

struct http_client {
	pthread_mutex_t mutex; /* over the members up to the blank line */
	CURL *idle[IDLE_HANDLES_MAX];
	size_t idle_count;
	CURLSH *share; /* name look-ups and TLS sessions, for handles without a connection yet */

	pthread_mutex_t share_mutexes[CURL_LOCK_DATA_LAST];
	atomic_uint under_way; /* calls */
};

/* One call under way: what curl's callbacks write to. */
struct transfer {
	struct http_client *client;
	const struct http_call *call;
	struct buffer head; /* status lines and headers, interim answers included */
	struct buffer body;
	bool is_over_limit;
	bool was_sent;
	bool was_repeat_refused;
	char detail[CURL_ERROR_SIZE]; /* curl's own words about a failure */
};

struct http_client *http_client_open(void)
{
	struct http_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		abort();
	pthread_mutex_init(&client->mutex, NULL);
	for (size_t i = 0; i < COUNT_OF(client->share_mutexes); i++)
		pthread_mutex_init(&client->share_mutexes[i], NULL);
	return client;
}

void http_client_close(struct http_client **client)
{
	struct http_client *closing = *client;

	*client = NULL;
	if (closing == NULL)
		return;
	while (closing->idle_count > 0)
		curl_easy_cleanup(closing->idle[--closing->idle_count]);
	if (closing->share != NULL)
		curl_share_cleanup(closing->share);
	for (size_t i = 0; i < COUNT_OF(closing->share_mutexes); i++)
		pthread_mutex_destroy(&closing->share_mutexes[i]);
	pthread_mutex_destroy(&closing->mutex);
	free(closing);
}

static void lock_share(CURL *handle, curl_lock_data data, curl_lock_access access, void *context)
{
	struct http_client *client = context;

	(void)handle;
	(void)access;
	pthread_mutex_lock(&client->share_mutexes[data]);
}

static void unlock_share(CURL *handle, curl_lock_data data, void *context)
{
	struct http_client *client = context;

	(void)handle;
	pthread_mutex_unlock(&client->share_mutexes[data]);
}

/* Connections themselves are not shared: curl's pool of them does not bear several threads. */
static CURLSH *share_of(struct http_client *client)
{
	CURLSH *share = curl_share_init();

	if (share == NULL)
		abort();
	curl_share_setopt(share, CURLSHOPT_USERDATA, client);
	curl_share_setopt(share, CURLSHOPT_LOCKFUNC, lock_share);
	curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, unlock_share);
	curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	return share;
}

/* The handle used last: its connection is the least likely to have been closed meanwhile. */
static CURL *take_handle(struct http_client *client)
{
	CURL *handle = NULL;

	curl_options_begin();
	pthread_mutex_lock(&client->mutex);
	if (client->share == NULL)
		client->share = share_of(client);
	if (client->idle_count > 0)
		handle = client->idle[--client->idle_count];
	pthread_mutex_unlock(&client->mutex);
	if (handle != NULL)
		return handle;
	handle = curl_easy_init();
	if (handle == NULL)
		abort();
	curl_easy_setopt(handle, CURLOPT_SHARE, client->share);
	return handle;
}

/* The reset forgets the call, and keeps connections, name look-ups and TLS sessions. */
static void give_back_handle(struct http_client *client, CURL *handle)
{
	curl_easy_reset(handle);
	pthread_mutex_lock(&client->mutex);
	if (client->idle_count < IDLE_HANDLES_MAX) {
		client->idle[client->idle_count++] = handle;
		handle = NULL;
	}
	pthread_mutex_unlock(&client->mutex);
	curl_easy_cleanup(handle);
}

/* The one that has been idle for longest, where there are more than `kept`; NULL where not. */
static CURL *take_surplus_handle(struct http_client *client, size_t kept)
{
	CURL *handle = NULL;

	pthread_mutex_lock(&client->mutex);
	if (client->idle_count > kept) {
		handle = client->idle[0];
		client->idle_count--;
		memmove(client->idle, client->idle + 1,
			client->idle_count * sizeof(client->idle[0]));
	}
	pthread_mutex_unlock(&client->mutex);
	return handle;
}

void http_client_close_idle(struct http_client *client, size_t kept)
{
	CURL *handle;

	while ((handle = take_surplus_handle(client, kept)) != NULL)
		curl_easy_cleanup(handle);
}

static size_t take_bytes(struct transfer *transfer, struct buffer *buffer, const char *bytes,
			 size_t size)
{
	if (buffer_append(buffer, bytes, size))
		return size;
	transfer->is_over_limit = true;
	return CURL_WRITEFUNC_ERROR;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
	struct transfer *transfer = context;

	return take_bytes(transfer, &transfer->body, bytes, one * size);
}

static size_t take_header(char *bytes, size_t one, size_t size, void *context)
{
	struct transfer *transfer = context;

	return take_bytes(transfer, &transfer->head, bytes, one * size);
}

/*
 * Called with a connection (and its TLS) ready and nothing of the request sent yet. When a
 * kept-alive connection dies without an answer, curl repeats the request on a fresh one, POST or
 * not, and so comes here a second time: what may already have had its effect is not sent again.
 */
static int before_sending(void *context, char *address, char *local_address, int port,
			  int local_port)
{
	struct transfer *transfer = context;
	const char *method = transfer->call->method;
	const bool may_repeat = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	(void)address;
	(void)local_address;
	(void)port;
	(void)local_port;
	if (transfer->was_sent && !may_repeat) {
		transfer->was_repeat_refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->was_sent = true;
	return CURL_PREREQFUNC_OK;
}

/*
 * Called whenever curl has done what there was to do, before it waits for the other side. A handshake goes deeper
 * than anything else that a thread does here, and the wait for an answer is the longest one. It costs 15 µs, which
 * only a crowd is worth.
 */
static int before_waiting(void *context, curl_off_t receives, curl_off_t received, curl_off_t sends,
			  curl_off_t sent)
{
	const struct transfer *transfer = context;

	(void)receives;
	(void)received;
	(void)sends;
	(void)sent;
	if (transfer->was_sent && transfer->head.size == 0 &&
	    atomic_load(&transfer->client->under_way) >= HTTP_CLIENT_CROWD)
		thread_stack_give_back();
	return 0;
}

static void add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		abort();
	*list = longer;
}

static void release_lines(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static bool has_control_character(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static bool add_headers(struct curl_slist **list, struct arena *arena, const struct http_call *call,
			struct error *err)
{
	add_line(list, "Expect:"); /* curl's own would cost a round trip */
	for (size_t i = 0; i < call->header_count; i++) {
		const struct http_header *header = &call->headers[i];
		/* "Name:" would tell curl to leave the header out; "Name;" sends it empty. */
		const char *separator = header->value[0] == '\0' ? ";" : ": ";

		if (has_control_character(header->name) || has_control_character(header->value))
			return error_set(err, ERROR_INVALID,
					 "a header to be sent holds a control character");
		add_line(list,
			 arena_printf(arena, "%s%s%s", header->name, separator, header->value));
	}
	return true;
}

static void set_method(CURL *handle, const struct http_call *call)
{
	const bool is_post = strcmp(call->method, "POST") == 0;

	if (strcmp(call->method, "HEAD") == 0) {
		curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
		return;
	}
	if (is_post || call->body != NULL) {
		curl_easy_setopt(handle, CURLOPT_POST, 1L);
		curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)(call->body == NULL ? 0 : call->body_size));
		curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body == NULL ? "" : call->body);
	}
	if (!is_post)
		curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method);
}

static void set_callbacks(CURL *handle, struct transfer *transfer)
{
	curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->detail);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, before_sending);
	curl_easy_setopt(handle, CURLOPT_PREREQDATA, transfer);
	curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, before_waiting);
	curl_easy_setopt(handle, CURLOPT_XFERINFODATA, transfer);
}

static void set_options(CURL *handle, const struct http_call *call)
{
	curl_options_set_common(handle, call->url, call->timeout_ms);
	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
	curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
}

/* "Name: value" becomes two strings, the name in lower case. False for what is no such line. */
static bool split_header(char *line, struct http_header *header)
{
	char *value = strchr(line, ':');
	size_t length;

	if (value == NULL || value == line)
		return false;
	*value++ = '\0';
	for (char *c = line; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	value += strspn(value, " \t");
	length = strlen(value);
	while (length > 0 && strchr(" \t\r", value[length - 1]) != NULL)
		value[--length] = '\0';
	*header = (struct http_header){.name = line, .value = value};
	return true;
}

/* Each status line starts anew, so that the headers are those of the final answer. */
static void read_head(struct arena *arena, const struct buffer *head, struct http_answer *answer)
{
	char *text = arena_memdup(arena, head->bytes, head->size);
	struct http_header *headers;
	size_t line_count = 0, count = 0;

	for (size_t i = 0; i < head->size; i++)
		line_count += text[i] == '\n';
	headers = arena_alloc(arena, (line_count + 1) * sizeof(*headers));
	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		if (strncmp(line, "HTTP/", 5) == 0)
			count = 0;
		else if (split_header(line, &headers[count]))
			count++;
	}
	answer->headers = headers;
	answer->header_count = count;
}

static void read_answer(struct arena *arena, CURL *handle, const struct transfer *transfer,
			struct http_answer *answer)
{
	const struct buffer *body = &transfer->body;
	curl_off_t duration_us = 0;
	long status = 0;

	curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(handle, CURLINFO_TOTAL_TIME_T, &duration_us);
	*answer = (struct http_answer){
		.status = (int)status,
		.body = body->size == 0 ? "" : arena_memdup(arena, body->bytes, body->size),
		.body_size = body->size,
		.duration_ms = (long)(duration_us / 1000),
	};
	read_head(arena, &transfer->head, answer);
}

static const char *describe(CURLcode code, const struct transfer *transfer)
{
	if (transfer->is_over_limit)
		return "the answer is longer than allowed";
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return "name look-up failed";
	case CURLE_COULDNT_CONNECT:
		return "connecting failed";
	case CURLE_PROXY:
		return "the proxy failed";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return "TLS failed";
	case CURLE_SEND_ERROR:
		return "sending the request failed";
	case CURLE_ABORTED_BY_CALLBACK: /* of before_sending() */
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
		return "the connection broke off without an answer";
	case CURLE_PARTIAL_FILE:
		return "the answer broke off";
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return "the answer is not HTTP";
	case CURLE_OPERATION_TIMEDOUT:
		return "no answer in time";
	default:
		return "the call failed";
	}
}

static void release_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_text(char **text)
{
	curl_free(*text);
}

/* Curl's words may quote the other side, as a certificate's name: printable ASCII only. */
static const char *printable(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
	return text;
}

/* "zoom.us:443" of a URL: what messages may show, for path and query may hold secrets. */
static const char *host_and_port(struct arena *arena, const char *text)
{
	SCOPED(release_url) CURLU *url = curl_url();
	SCOPED(free_text) char *host = NULL;
	SCOPED(free_text) char *port = NULL;

	if (url == NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return "the given URL";
	return printable(arena_printf(arena, "%.160s:%s", host, port));
}

static bool refuse(struct arena *arena, struct transfer *transfer, CURLcode code, struct error *err)
{
	const char *host = host_and_port(arena, transfer->call->url);
	const char *what = describe(code, transfer);
	enum error_kind kind = ERROR_ZOOM_UNAVAILABLE;

	/* CURLE_UNSUPPORTED_PROTOCOL is also what an answer that is not HTTP comes to. */
	if (!transfer->was_sent && (code == CURLE_URL_MALFORMAT || code == CURLE_LOGIN_DENIED ||
				    code == CURLE_UNSUPPORTED_PROTOCOL))
		return error_set(err, ERROR_INVALID,
				 "%s: not an http or https URL without credentials", host);
	if (code == CURLE_OPERATION_TIMEDOUT)
		kind = ERROR_ZOOM_TIMEOUT;
	if (transfer->is_over_limit || transfer->was_repeat_refused || transfer->detail[0] == '\0')
		return error_set(err, kind, "%s: %s", host, what);
	return error_set(err, kind, "%s: %s: %s", host, what, printable(transfer->detail));
}

static bool perform(CURL *handle, struct arena *arena, struct transfer *transfer,
		    struct http_answer *answer, struct error *err)
{
	SCOPED(release_lines) struct curl_slist *lines = NULL;
	CURLcode code;

	if (!add_headers(&lines, arena, transfer->call, err))
		return false;
	set_options(handle, transfer->call);
	set_method(handle, transfer->call);
	set_callbacks(handle, transfer);
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, lines);
	code = curl_easy_perform(handle);
	/* curl keeps pointing at the list, which ends with this scope. */
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, NULL);
	if (code != CURLE_OK)
		return refuse(arena, transfer, code, err);
	read_answer(arena, handle, transfer, answer);
	return true;
}

bool http_client_call(struct http_client *client, struct arena *arena, const struct http_call *call,
		      struct http_answer *answer, bool *was_sent, struct error *err)
{
	const size_t body_max =
		call->answer_bytes_max > 0 ? call->answer_bytes_max : HTTP_ANSWER_BYTES_MAX;
	struct transfer transfer = {
		.client = client,
		.call = call,
		.head = buffer_of(HTTP_ANSWER_HEADER_BYTES_MAX),
		.body = buffer_of(body_max),
	};
	CURL *handle;
	bool is_answered;

	*was_sent = false;
	if (call->timeout_ms <= 0)
		return error_set(err, ERROR_ZOOM_TIMEOUT, "%s: no time was left for the call",
				 host_and_port(arena, call->url));
	handle = take_handle(client);
	atomic_fetch_add(&client->under_way, 1);
	is_answered = perform(handle, arena, &transfer, answer, err);
	atomic_fetch_sub(&client->under_way, 1);
	give_back_handle(client, handle);
	*was_sent = transfer.was_sent;
	buffer_release(&transfer.head);
	buffer_release(&transfer.body);
	return is_answered;
}

const char *http_answer_header(const struct http_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->header_count; i++)
		if (strcasecmp(answer->headers[i].name, name) == 0)
			return answer->headers[i].value;
	return NULL;
}
