#include "fuzz/script.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char separator[] = "\n%% ";

/* What is left of an input. */
struct rest {
	char *bytes;
	size_t size;
};

/* Up to `mark`, which is skipped, or to the end; a NUL is put behind it. */
static struct rest take_until(struct rest *rest, const char *mark)
{
	const size_t mark_size = strlen(mark);
	char *end = rest->size > 0 ? memmem(rest->bytes, rest->size, mark, mark_size) : NULL;
	struct rest taken = *rest;

	if (end == NULL) {
		*rest = (struct rest){rest->bytes + rest->size, 0};
		return taken;
	}
	taken.size = (size_t)(end - rest->bytes);
	*end = '\0';
	rest->bytes = end + mark_size;
	rest->size -= taken.size + mark_size;
	return taken;
}

static size_t read_headers(struct rest *rest, struct http_header *headers)
{
	size_t count = 0;

	for (;;) {
		char *line = take_until(rest, "\n").bytes;
		char *colon = strstr(line, ": ");

		if (*line == '\0')
			return count;
		if (colon == NULL || count == SCRIPT_HEADERS_MAX)
			continue;
		*colon = '\0';
		headers[count++] = (struct http_header){line, colon + 2};
	}
}

/* Any number is one that HTTP knows. */
static int status_of(const char *digits)
{
	const unsigned long number = strtoul(digits, NULL, 10);

	return number >= 100 && number < 600 ? (int)number : 100 + (int)(number % 500);
}

static struct http_answer read_answer(struct arena *arena, struct rest rest)
{
	struct http_header *headers = arena_alloc(arena, SCRIPT_HEADERS_MAX * sizeof(*headers));
	struct http_answer answer = {.headers = headers};

	answer.status = status_of(take_until(&rest, "\n").bytes);
	answer.header_count = read_headers(&rest, headers);
	answer.body = arena_memdup(arena, rest.bytes, rest.size);
	answer.body_size = rest.size;
	return answer;
}

struct script script_read(struct arena *arena, const void *input, size_t size)
{
	struct rest rest = {arena_memdup(arena, input, size), size};
	struct rest request = take_until(&rest, separator);
	struct script script = {0};

	script.method = take_until(&request, " ").bytes;
	script.target = take_until(&request, "\n").bytes;
	script.header_count = read_headers(&request, script.headers);
	script.body = arena_memdup(arena, request.bytes, request.size);
	script.body_size = request.size;
	while (rest.size > 0 && script.answer_count < SCRIPT_ANSWERS_MAX)
		script.answers[script.answer_count++] =
			read_answer(arena, take_until(&rest, separator));
	return script;
}

const char *script_header(const struct script *script, const char *name)
{
	for (size_t i = 0; i < script->header_count; i++)
		if (strcasecmp(script->headers[i].name, name) == 0)
			return script->headers[i].value;
	return NULL;
}
