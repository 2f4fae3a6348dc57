/*
 * An input of the family fuzzers, as text that a person can write:
 *
 *	POST /api/v1/bots/bot_1/zoom_tokens
 *	X-Header: value
 *
 *	{"body": "to the end, or to a line of %%"}
 *	%% 200
 *	Retry-After: 5
 *
 *	{"token": "Zoom's first answer; more may follow"}
 *
 * What is missing is empty, what is garbage is passed on: any bytes are an input.
 */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include "base/arena.h"
#include "http/client.h"

#include <stdbool.h>
#include <stddef.h>

enum { SCRIPT_HEADERS_MAX = 16, SCRIPT_ANSWERS_MAX = 8 };

struct script {
	const char *method, *target;
	struct http_header headers[SCRIPT_HEADERS_MAX];
	size_t header_count;
	const char *body;
	size_t body_size;
	struct http_answer answers[SCRIPT_ANSWERS_MAX];
	size_t answer_count;
};

/* Everything lives in the arena. */
struct script script_read(struct arena *arena, const void *input, size_t size);

/* By its name in any case; NULL where there is none. */
const char *script_header(const struct script *script, const char *name);

#endif
