#include "zoom/failure.h"

#include "http/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	REASON_BYTES_MAX = 300,
	RETRY_AFTER_DEFAULT_S = 5,
	RETRY_AFTER_MAX_S = 86400, /* Zoom's longest limit is a daily one */
};

static const char *const class_names[] = {
	[ZOOM_FAILURE_NONE] = "none",
	[ZOOM_FAILURE_GRANT] = "invalid_grant",
	[ZOOM_FAILURE_CLIENT] = "invalid_client",
	[ZOOM_FAILURE_ACCESS_TOKEN] = "invalid_access_token",
	[ZOOM_FAILURE_SCOPE] = "missing_scopes",
	[ZOOM_FAILURE_NOT_FOUND] = "not_found",
	[ZOOM_FAILURE_REFUSED] = "refused",
	[ZOOM_FAILURE_RATE_LIMITED] = "rate_limited",
	[ZOOM_FAILURE_UNAVAILABLE] = "unavailable",
	[ZOOM_FAILURE_TIMEOUT] = "timeout",
};

const char *zoom_failure_name(enum zoom_failure_class class)
{
	assert((size_t) class < COUNT_OF(class_names));
	return class_names[class];
}

bool zoom_failure_is_passing(const struct zoom_failure *failure)
{
	return failure->class == ZOOM_FAILURE_RATE_LIMITED ||
	       failure->class == ZOOM_FAILURE_UNAVAILABLE || failure->class == ZOOM_FAILURE_TIMEOUT;
}

/* At most so many bytes of valid UTF-8, not ending inside a character. */
static const char *cut_text(struct arena *arena, const char *text, size_t bytes_max)
{
	size_t length = strlen(text);

	if (length > bytes_max) {
		length = bytes_max;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	return arena_strndup(arena, text, length);
}

/* The first of the named members that is non-empty text, or a number, as text; else NULL. */
static const char *text_member(struct arena *arena, const json_t *body,
			       const char *const names[static 3], size_t bytes_max)
{
	for (size_t i = 0; i < 3 && names[i] != NULL; i++) {
		const json_t *value = json_object_get(body, names[i]);

		if (json_is_integer(value))
			return arena_printf(arena, "%lld", (long long)json_integer_value(value));
		if (json_string_length(value) > 0)
			return cut_text(arena, json_string_value(value), bytes_max);
	}
	return NULL;
}

/* Headers are bytes, and this one goes into JSON: printable ASCII only. */
static const char *tracking_id_of(struct arena *arena, const struct http_answer *answer)
{
	const char *header = http_answer_header(answer, "x-zm-trackingid");
	char *id = arena_strndup(arena, header, ZOOM_TRACKING_ID_BYTES_MAX);

	for (char *c = id; c != NULL && *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
	return id;
}

/* X-RateLimit-Reset: epoch seconds. */
static bool parse_rate_limit_reset(const char *text, instant *at)
{
	char *end;
	const long long seconds = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || seconds < 1000000000 || seconds > 99999999999)
		return false;
	*at = seconds * SECOND;
	return true;
}

/* When Zoom wants to be asked again; at most a day ahead, lest a wrong date silence us. */
static instant retry_at_of(const struct http_answer *answer, instant now)
{
	const instant latest = now + RETRY_AFTER_MAX_S * SECOND;
	const char *retry_after = http_answer_header(answer, "retry-after");
	const char *reset = http_answer_header(answer, "x-ratelimit-reset");
	instant at;

	if ((retry_after == NULL || !instant_parse_retry_after(retry_after, now, &at)) &&
	    (reset == NULL || !parse_rate_limit_reset(reset, &at)))
		return 0;
	return at < latest ? at : latest;
}

static bool is_text(const char *text, const char *expected)
{
	return text != NULL && strcasecmp(text, expected) == 0;
}

static bool contains(const char *text, const char *part)
{
	return text != NULL && strcasestr(text, part) != NULL;
}

/*
 * Zoom's status and `error` vary for the same thing, so its sentence counts first. What is not
 * known for a dead grant or a wrong client stays REFUSED: it must not cost a user the connection.
 */
static enum zoom_failure_class classify_oauth(const struct zoom_failure *failure)
{
	if (contains(failure->reason, "Invalid client_id or client_secret"))
		return ZOOM_FAILURE_CLIENT;
	if (is_text(failure->reason, "Invalid Token!"))
		return ZOOM_FAILURE_GRANT;
	if (is_text(failure->code, "invalid_client"))
		return ZOOM_FAILURE_CLIENT;
	if (is_text(failure->code, "invalid_grant"))
		return ZOOM_FAILURE_GRANT;
	return ZOOM_FAILURE_REFUSED;
}

/* 4700 with a 401 is also what an empty or garbled token gets, hence the order. */
static enum zoom_failure_class classify_api(const struct zoom_failure *failure)
{
	if (is_text(failure->code, "4711") || contains(failure->reason, "does not contain scopes"))
		return ZOOM_FAILURE_SCOPE;
	if (failure->status == 401)
		return ZOOM_FAILURE_ACCESS_TOKEN;
	if (is_text(failure->code, "4700"))
		return ZOOM_FAILURE_SCOPE;
	if (failure->status == 404)
		return ZOOM_FAILURE_NOT_FOUND;
	return ZOOM_FAILURE_REFUSED;
}

/*
 * A 4xx is a verdict only in Zoom's own words: a page of some proxy on the way is none. A bare 401
 * of the API still is one, for all that follows from it is a refresh.
 */
static enum zoom_failure_class classify(const struct zoom_failure *failure, const json_t *body,
					const struct http_answer *answer, bool is_oauth)
{
	if (failure->status == 429)
		return ZOOM_FAILURE_RATE_LIMITED;
	if (failure->status < 400 || failure->status > 499 || failure->status == 408)
		return ZOOM_FAILURE_UNAVAILABLE;
	if (!json_is_object(body) && (is_oauth || failure->status != 401 || answer->body_size > 0))
		return ZOOM_FAILURE_UNAVAILABLE;
	return is_oauth ? classify_oauth(failure) : classify_api(failure);
}

static void read_failure(struct arena *arena, const struct http_answer *answer, const json_t *body,
			 bool is_oauth, instant now, struct zoom_failure *failure)
{
	static const char *const oauth_codes[3] = {"error", "code"};
	static const char *const api_codes[3] = {"code", "error"};
	static const char *const oauth_reasons[3] = {"reason", "error_description", "message"};
	static const char *const api_reasons[3] = {"message", "reason", "errorMessage"};

	*failure = (struct zoom_failure){
		.status = answer->status,
		.code = text_member(arena, body, is_oauth ? oauth_codes : api_codes,
				    ZOOM_CODE_BYTES_MAX),
		.reason = text_member(arena, body, is_oauth ? oauth_reasons : api_reasons,
				      REASON_BYTES_MAX),
		.tracking_id = tracking_id_of(arena, answer),
		.was_sent = true,
	};
	failure->class = classify(failure, body, answer, is_oauth);
	if (zoom_failure_is_passing(failure))
		failure->retry_at = retry_at_of(answer, now);
	if (failure->reason == NULL)
		failure->reason =
			arena_printf(arena, "status %d without an explanation%s", answer->status,
				     json_is_object(body) ? ""
							  : " (the body is not a JSON object)");
}

json_t *zoom_answer_read(struct arena *arena, const struct http_answer *answer, bool is_oauth,
			 instant now, struct zoom_failure *failure)
{
	json_t *body = json_loadb(answer->body, answer->body_size, JSON_ALLOW_NUL, NULL);

	if (answer->status >= 200 && answer->status <= 299 && json_is_object(body))
		return body;
	read_failure(arena, answer, body, is_oauth, now, failure);
	json_decref(body);
	return NULL;
}

void zoom_failure_of_call(struct arena *arena, const struct error *call_error, bool was_sent,
			  struct zoom_failure *failure)
{
	*failure = (struct zoom_failure){
		.class = call_error->kind == ERROR_ZOOM_TIMEOUT ? ZOOM_FAILURE_TIMEOUT
								: ZOOM_FAILURE_UNAVAILABLE,
		.reason = arena_strdup(arena, call_error->message),
		.was_sent = was_sent,
	};
}

json_t *zoom_failure_json(const struct zoom_failure *failure)
{
	json_t *status = failure->status == 0 ? json_null() : json_integer(failure->status);
	json_t *json = json_pack("{s:o, s:s?, s:s?, s:s?}", "status", status, "code", failure->code,
				 "reason", failure->reason, "tracking_id", failure->tracking_id);

	assert(json != NULL);
	return json;
}

static const char *details_of(struct arena *arena, const struct zoom_failure *failure)
{
	SCOPED(json_decrefp)
	json_t *details = json_pack("{s:o}", "zoom", zoom_failure_json(failure));

	return json_text(arena, details);
}

static int retry_after_s(const struct zoom_failure *failure, instant now)
{
	instant wait_s;

	if (failure->retry_at == 0)
		return RETRY_AFTER_DEFAULT_S;
	wait_s = (failure->retry_at - now + SECOND - 1) / SECOND;
	if (wait_s < 1)
		return 1;
	return wait_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (int)wait_s;
}

bool zoom_failure_to_error(struct arena *arena, const struct zoom_failure *failure, instant now,
			   struct error *err)
{
	switch (failure->class) {
	case ZOOM_FAILURE_TIMEOUT:
		error_set(err, ERROR_ZOOM_TIMEOUT, "Zoom did not answer in time: %s",
			  failure->reason);
		break;
	case ZOOM_FAILURE_RATE_LIMITED:
		error_set(err, ERROR_ZOOM_UNAVAILABLE, "Zoom's rate limit is reached: %s",
			  failure->reason);
		err->retry_after_s = retry_after_s(failure, now);
		break;
	case ZOOM_FAILURE_UNAVAILABLE:
		error_set(err, ERROR_ZOOM_UNAVAILABLE, "Zoom is not available at the moment: %s",
			  failure->reason);
		err->retry_after_s = retry_after_s(failure, now);
		break;
	default:
		assert(failure->class != ZOOM_FAILURE_NONE);
		error_set(err, ERROR_ZOOM_REFUSED, "Zoom refused: %s", failure->reason);
		break;
	}
	if (failure->status != 0)
		err->details = details_of(arena, failure);
	return false;
}
