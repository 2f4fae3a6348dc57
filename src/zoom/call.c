#include "zoom/call.h"

#include "base/crypto.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool fail_resting(const struct zoom_circuit *open, struct arena *arena,
			 struct zoom_failure *failure)
{
	char since[INSTANT_TEXT_BYTES], until[INSTANT_TEXT_BYTES];

	instant_format(open->failing_since, since);
	instant_format(open->next_probe_at, until);
	*failure = (struct zoom_failure){
		.class = ZOOM_FAILURE_UNAVAILABLE,
		.reason = arena_printf(
			arena,
			"%s has given no good answer since %s, and is not asked again before %s",
			open->host, since, until),
		.retry_at = open->next_probe_at,
	};
	return false;
}

bool zoom_is_resting(const struct zoom_endpoint *zoom, struct arena *arena, const char *url,
		     struct zoom_failure *failure)
{
	struct zoom_circuit open;

	if (zoom->circuits == NULL ||
	    !circuits_is_resting(zoom->circuits, arena, circuit_host(arena, url),
				 clock_now(zoom->clock), &open))
		return false;
	fail_resting(&open, arena, failure);
	return true;
}

static bool ask(const struct zoom_endpoint *zoom, struct arena *arena, const char *host,
		struct circuit_pass *pass, struct zoom_failure *failure)
{
	struct zoom_circuit open;

	return zoom->circuits == NULL ||
	       circuits_ask(zoom->circuits, arena, host, zoom->timeout_ms, clock_now(zoom->clock),
			    pass, &open) ||
	       fail_resting(&open, arena, failure);
}

/*
 * On whose behalf, and for what if `kind` is not "": a user's access token, or the grant in a form. Only a
 * digest is kept, for these are secrets. Never 0.
 */
static uint64_t subject_of(struct arena *arena, const char *kind, const struct http_call *call)
{
	unsigned char digest[SHA256_BYTES];
	const char *text = arena_printf(arena, "%s %s", kind, call->body != NULL ? call->body : "");
	uint64_t subject;

	for (size_t i = 0; i < call->header_count; i++)
		if (strcasecmp(call->headers[i].name, "authorization") == 0)
			text = arena_printf(arena, "%s %s", call->headers[i].value, text);
	sha256(text, strlen(text), digest);
	memcpy(&subject, digest, sizeof(subject));
	return subject != 0 ? subject : 1;
}

static enum circuit_outcome outcome_of(const struct http_call *call,
				       const struct zoom_failure *failure)
{
	if (failure->class == ZOOM_FAILURE_UNAVAILABLE)
		return CIRCUIT_FAILED;
	if (failure->class == ZOOM_FAILURE_TIMEOUT)
		return call->timeout_ms < CIRCUIT_TIMEOUT_MS_MIN ? CIRCUIT_UNPROVEN
								 : CIRCUIT_FAILED;
	return CIRCUIT_ANSWERED;
}

static void report(const struct zoom_endpoint *zoom, struct arena *arena, const char *host,
		   const struct circuit_pass *pass, const struct http_call *call,
		   enum circuit_outcome outcome, const struct zoom_failure *failure)
{
	const bool is_answer = outcome == CIRCUIT_FAILED && failure->status != 0;

	if (zoom->circuits != NULL)
		circuits_report(zoom->circuits, host, pass, outcome,
				is_answer ? subject_of(arena, "", call) : 0, failure->reason,
				clock_now(zoom->clock));
}

static bool is_limited(const struct zoom_endpoint *zoom, struct arena *arena, uint64_t subject,
		       struct zoom_failure *failure)
{
	char text[INSTANT_TEXT_BYTES];
	instant until;

	if (zoom->circuits == NULL ||
	    !circuits_find_limit(zoom->circuits, subject, clock_now(zoom->clock), &until))
		return false;
	instant_format(until, text);
	*failure = (struct zoom_failure){
		.class = ZOOM_FAILURE_RATE_LIMITED,
		.reason = arena_printf(
			arena, "Zoom's limit has been met, and it is not asked again before %s",
			text),
		.retry_at = until,
	};
	return true;
}

static void note_limit(const struct zoom_endpoint *zoom, uint64_t subject,
		       const struct zoom_failure *failure)
{
	if (zoom->circuits != NULL && failure->class == ZOOM_FAILURE_RATE_LIMITED)
		circuits_note_limit(zoom->circuits, subject, clock_now(zoom->clock),
				    failure->retry_at);
}

static void count(const struct zoom_endpoint *zoom, const char *kind, const char *outcome)
{
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "kind=\"%s\",outcome=\"%s\"", kind, outcome);
	tally_add(zoom->tallies, "hallpass_zoom_calls_total", labels);
}

static void count_duration(const struct zoom_endpoint *zoom, const char *kind, int64_t started_us)
{
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "kind=\"%s\"", kind);
	tally_time(zoom->tallies, "hallpass_zoom_call_duration_seconds", labels,
		   clock_monotonic_us() - started_us);
}

/* The answer's JSON object, or NULL with *failure filled. */
static json_t *send(const struct zoom_endpoint *zoom, struct arena *arena, const char *host,
		    const struct circuit_pass *pass, const struct http_call *call, bool is_oauth,
		    struct zoom_failure *failure)
{
	struct http_answer answer;
	json_t *body = NULL;
	struct error err;
	bool was_sent;

	if (http_client_call(zoom->client, arena, call, &answer, &was_sent, &err)) {
		body = zoom_answer_read(arena, &answer, is_oauth, clock_now(zoom->clock), failure);
		report(zoom, arena, host, pass, call, outcome_of(call, failure), failure);
	} else {
		zoom_failure_of_call(arena, &err, was_sent, failure);
		/* What cannot be sent tells nothing of the other side. */
		report(zoom, arena, host, pass, call,
		       err.kind == ERROR_INVALID ? CIRCUIT_UNPROVEN : outcome_of(call, failure),
		       failure);
	}
	return body;
}

json_t *zoom_call(const struct zoom_endpoint *zoom, struct arena *arena, const char *kind,
		  const struct http_call *call, bool is_oauth, struct zoom_failure *failure)
{
	const char *host = circuit_host(arena, call->url);
	const uint64_t subject = subject_of(arena, kind, call);
	const int64_t started_us = clock_monotonic_us();
	struct zoom_failure found = {0};
	struct circuit_pass pass = {0};
	json_t *body;

	if (is_limited(zoom, arena, subject, failure) || !ask(zoom, arena, host, &pass, failure)) {
		count(zoom, kind, "not_sent");
		return NULL;
	}
	if (zoom->db != NULL)
		db_rest(zoom->db);
	body = send(zoom, arena, host, &pass, call, is_oauth, &found);
	count(zoom, kind, body != NULL ? "ok" : zoom_failure_name(found.class));
	count_duration(zoom, kind, started_us);
	note_limit(zoom, subject, &found);
	if (body == NULL)
		*failure = found;
	return body;
}

bool zoom_refuse_answer(struct arena *arena, const char *field, struct zoom_failure *failure)
{
	*failure = (struct zoom_failure){
		.class = ZOOM_FAILURE_UNAVAILABLE,
		.status = 200,
		.reason = arena_printf(arena, "the answer lacks %s", field),
		.was_sent = true,
	};
	return false;
}
