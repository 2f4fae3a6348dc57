#include "http/sender.h"

#include "http/curl_options.h"
#include "http/public_address.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { PORT_HTTPS = 443, PORT_UNPRIVILEGED = 1024 };

/* Of each post under way. */
static const long RECEIVE_BUFFER_BYTES = 1024;

/* Kept open between posts of one session. */
static const long IDLE_CONNECTIONS_MAX = 256;

/* One post under way: what curl's callbacks write to. */
struct transfer {
	struct http_sender *sender;
	CURL *handle;
	struct curl_slist *lines;
	struct transfer *previous, *next; /* in the list of all that are under way */
	struct http_outcome outcome;
	size_t answer_size, answer_read, header_read;
	bool is_complete;                 /* as much of the answer as is wanted is here */
	char refused[ADDRESS_TEXT_BYTES]; /* the address that was not connected to; "": none */
	char detail[CURL_ERROR_SIZE];
};

struct http_sender {
	CURLM *multi;
	bool allow_private;
	struct transfer *under_way;
	int under_way_count;
	struct transfer *unable; /* could not begin; linked by next */
};

static void require(bool worked)
{
	if (!worked)
		abort();
}

struct http_sender *http_sender_open(bool allow_private)
{
	struct http_sender *sender = calloc(1, sizeof(*sender));

	require(sender != NULL);
	curl_options_begin();
	sender->allow_private = allow_private;
	sender->multi = curl_multi_init();
	require(sender->multi != NULL);
	curl_multi_setopt(sender->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
	return sender;
}

static void unlink_transfer(struct transfer *transfer)
{
	transfer->sender->under_way_count--;
	if (transfer->previous != NULL)
		transfer->previous->next = transfer->next;
	else
		transfer->sender->under_way = transfer->next;
	if (transfer->next != NULL)
		transfer->next->previous = transfer->previous;
}

static void end_transfer(struct transfer *transfer)
{
	curl_multi_remove_handle(transfer->sender->multi, transfer->handle);
	curl_easy_cleanup(transfer->handle);
	curl_slist_free_all(transfer->lines);
	unlink_transfer(transfer);
	free(transfer);
}

void http_sender_close(struct http_sender **sender)
{
	struct http_sender *closing = *sender;

	*sender = NULL;
	if (closing == NULL)
		return;
	for (struct transfer *transfer = closing->under_way, *next; transfer != NULL;
	     transfer = next) {
		next = transfer->next;
		end_transfer(transfer);
	}
	for (struct transfer *transfer = closing->unable, *next; transfer != NULL;
	     transfer = next) {
		next = transfer->next;
		free(transfer);
	}
	curl_multi_cleanup(closing->multi);
	free(closing);
}

/* Wherever the name pointed when it was looked at before: this is where it points now. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = context;

	(void)purpose;
	if (!transfer->sender->allow_private && !public_address_is(&address->addr)) {
		public_address_text(&address->addr, transfer->refused);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The first of it is kept; so much more is read that the connection can be used again. */
static size_t take_body(char *bytes, size_t one, size_t count, void *context)
{
	struct transfer *transfer = context;
	const size_t size = one * count, room = SENDER_ANSWER_BYTES_KEPT - transfer->answer_size;
	const size_t kept = size < room ? size : room;

	memcpy(transfer->outcome.answer + transfer->answer_size, bytes, kept);
	transfer->answer_size += kept;
	transfer->answer_read += size;
	if (transfer->answer_read <= SENDER_ANSWER_BYTES_MAX)
		return size;
	transfer->is_complete = true;
	return CURL_WRITEFUNC_ERROR;
}

static size_t take_header(char *bytes, size_t one, size_t count, void *context)
{
	static const char name[] = "retry-after:";
	struct transfer *transfer = context;
	const size_t size = one * count;
	size_t start = strlen(name), end = size;

	transfer->header_read += size;
	if (transfer->header_read > SENDER_HEADER_BYTES_MAX)
		return CURL_WRITEFUNC_ERROR;
	if (size < start || strncasecmp(bytes, name, start) != 0)
		return size;
	while (start < end && isspace((unsigned char)bytes[start]))
		start++;
	while (end > start && isspace((unsigned char)bytes[end - 1]))
		end--;
	snprintf(transfer->outcome.retry_after, sizeof(transfer->outcome.retry_after), "%.*s",
		 (int)(end - start), bytes + start);
	return size;
}

static void set_options(struct transfer *transfer, const struct http_post *post)
{
	CURL *handle = transfer->handle;

	curl_easy_setopt(handle, CURLOPT_PRIVATE, transfer);
	curl_options_set_common(handle, post->url, post->timeout_ms);
	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR,
			 transfer->sender->allow_private ? "http,https" : "https");
	curl_easy_setopt(handle, CURLOPT_PROXY, ""); /* the environment's neither */
	curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->lines);
	curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body_size);
	curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, post->body);
}

static void set_callbacks(struct transfer *transfer)
{
	CURL *handle = transfer->handle;

	curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->detail);
	curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
}

static void add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	require(longer != NULL);
	*list = longer;
}

static void add_headers(struct transfer *transfer, const struct http_post *post)
{
	SCOPED(arena_release) struct arena arena = {0};

	add_line(&transfer->lines, "Expect:"); /* curl's own would cost a round trip */
	add_line(&transfer->lines, "Accept:");
	for (size_t i = 0; i < post->header_count; i++)
		add_line(&transfer->lines, arena_printf(&arena, "%s: %s", post->headers[i].name,
							post->headers[i].value));
}

static void begin(struct transfer *transfer, const struct http_post *post)
{
	struct http_sender *sender = transfer->sender;

	transfer->handle = curl_easy_init();
	require(transfer->handle != NULL);
	add_headers(transfer, post);
	set_options(transfer, post);
	set_callbacks(transfer);
	transfer->next = sender->under_way;
	if (transfer->next != NULL)
		transfer->next->previous = transfer;
	sender->under_way = transfer;
	sender->under_way_count++;
	require(curl_multi_add_handle(sender->multi, transfer->handle) == CURLM_OK);
}

void http_sender_start(struct http_sender *sender, const struct http_post *post)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	struct error err;

	require(transfer != NULL);
	transfer->sender = sender;
	transfer->outcome.tag = post->tag;
	if (http_sender_check_url(post->url, sender->allow_private, &err)) {
		begin(transfer, post);
		return;
	}
	snprintf(transfer->outcome.error, sizeof(transfer->outcome.error), "the URL %.200s",
		 err.message);
	transfer->next = sender->unable;
	sender->unable = transfer;
}

void http_sender_wait(struct http_sender *sender, int wake_descriptor, int timeout_ms)
{
	struct curl_waitfd wake = {.fd = wake_descriptor, .events = CURL_WAIT_POLLIN};
	int running;

	require(curl_multi_perform(sender->multi, &running) == CURLM_OK);
	/* Of what is over already no descriptor would tell. */
	if (running < sender->under_way_count || sender->unable != NULL)
		timeout_ms = 0;
	require(curl_multi_poll(sender->multi, &wake, wake_descriptor >= 0 ? 1 : 0, timeout_ms,
				NULL) == CURLM_OK);
	require(curl_multi_perform(sender->multi, &running) == CURLM_OK);
}

static const char *describe(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "the receiver's name cannot be looked up";
	case CURLE_COULDNT_CONNECT:
		return "the receiver cannot be connected to";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return "TLS with the receiver failed";
	case CURLE_SEND_ERROR:
		return "the connection broke off while it was sent";
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
		return "the connection broke off without an answer";
	case CURLE_PARTIAL_FILE:
		return "the answer broke off";
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return "the answer is not HTTP";
	case CURLE_WRITE_ERROR: /* of take_header() */
		return "the head of the answer is too long";
	case CURLE_OPERATION_TIMEDOUT:
		return "no answer in time";
	default:
		return "the post failed";
	}
}

/* Curl's words may quote the other side, as a certificate's name. */
static void make_printable(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
}

static void tell_error(struct transfer *transfer, CURLcode code)
{
	char *text = transfer->outcome.error;
	const size_t size = sizeof(transfer->outcome.error);

	if (transfer->refused[0] != '\0')
		snprintf(text, size,
			 "the receiver's address is %s, which is not public: nothing was sent",
			 transfer->refused);
	else if (transfer->detail[0] == '\0' || code == CURLE_WRITE_ERROR)
		snprintf(text, size, "%s", describe(code));
	else
		snprintf(text, size, "%s: %.160s", describe(code), transfer->detail);
	make_printable(text);
}

/* How many bytes the UTF-8 character at `text` has; 0 where there is none. */
static size_t character_bytes(const unsigned char *text, size_t size)
{
	const unsigned char first = text[0];
	const size_t length = first < 0x80   ? 1
			      : first < 0xc2 ? 0
			      : first < 0xe0 ? 2
			      : first < 0xf0 ? 3
					     : 4;

	if (length == 0 || first > 0xf4 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
	    (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

/* The answer is shown as text, whatever it is: what is none becomes question marks. */
static void make_text(char *answer, size_t size)
{
	for (size_t i = 0; i < size;) {
		const size_t length = character_bytes((unsigned char *)answer + i, size - i);

		if (length == 0 || answer[i] == '\0')
			answer[i] = '?';
		i += length > 0 ? length : 1;
	}
	answer[size] = '\0';
}

static void finish(struct transfer *transfer, CURLcode code, struct http_outcome *outcome)
{
	long status = 0;

	curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK || transfer->is_complete)
		transfer->outcome.status = (int)status;
	else
		tell_error(transfer, code);
	make_text(transfer->outcome.answer, transfer->answer_size);
	*outcome = transfer->outcome;
	end_transfer(transfer);
}

static bool next_unable(struct http_sender *sender, struct http_outcome *outcome)
{
	struct transfer *transfer = sender->unable;

	if (transfer == NULL)
		return false;
	sender->unable = transfer->next;
	*outcome = transfer->outcome;
	free(transfer);
	return true;
}

bool http_sender_next(struct http_sender *sender, struct http_outcome *outcome)
{
	struct transfer *transfer;
	CURLMsg *message;
	int left;

	if (next_unable(sender, outcome))
		return true;
	message = curl_multi_info_read(sender->multi, &left);
	if (message == NULL)
		return false;
	assert(message->msg == CURLMSG_DONE);
	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
	finish(transfer, message->data.result, outcome);
	return true;
}

static void release_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_text(char **text)
{
	curl_free(*text);
}

static bool has_part(CURLU *url, CURLUPart part)
{
	SCOPED(free_text) char *text = NULL;

	return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

/* Ports below 1024 belong to services that are no receivers, and may take what is sent for something else. */
static bool check_place(CURLU *url, struct error *err)
{
	SCOPED(free_text) char *host = NULL;
	SCOPED(free_text) char *port = NULL;
	long number;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return error_set(err, ERROR_INVALID, "must be an https URL");
	number = strtol(port, NULL, 10);
	if (number != PORT_HTTPS && number < PORT_UNPRIVILEGED)
		return error_set(err, ERROR_INVALID, "must have port 443, or one of 1024 or above");
	return public_address_may_be_host(host) ||
	       error_set(err, ERROR_INVALID, "must not point to an address that is not public");
}

/* Just two slashes: curl reads more and fewer as if they were two, others do not. */
static bool has_authority(const char *text, const char *scheme)
{
	const char *rest = text + strlen(scheme);

	return strncmp(rest, "://", 3) == 0 && rest[3] != '/';
}

bool http_sender_check_url(const char *text, bool allow_private, struct error *err)
{
	SCOPED(release_url) CURLU *url = curl_url();
	SCOPED(free_text) char *scheme = NULL;

	require(url != NULL);
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return error_set(err, ERROR_INVALID,
					 "must not hold spaces or control characters");
	if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    !has_authority(text, scheme) ||
	    (strcmp(scheme, "https") != 0 && !(allow_private && strcmp(scheme, "http") == 0)))
		return error_set(err, ERROR_INVALID, "must be an https URL");
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
		return error_set(err, ERROR_INVALID, "must not hold credentials");
	if (has_part(url, CURLUPART_FRAGMENT))
		return error_set(err, ERROR_INVALID, "must not have a fragment (#)");
	return allow_private || check_place(url, err);
}
