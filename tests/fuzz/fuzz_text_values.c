/* Queries, and the values that come as text: times, base64, percent-encoding, ids. */
#include "base/clock.h"
#include "base/encode.h"
#include "fuzz/input.h"
#include "http/input.h"
#include "http/json.h"
#include "zoom/signature.h"

#include <assert.h>
#include <string.h>

static void read_query(struct arena *arena, const char *text)
{
	static const char *const choices[] = {"connected", "disconnected", NULL};
	SCOPED(json_decrefp) json_t *query = NULL;
	struct input input;
	struct error err;

	if (!query_to_json(arena, text, &query, &err)) {
		query = NULL;
		return;
	}
	input = input_of_query(arena, query);
	input_string(&input, "cursor", INPUT_OPTIONAL, 512);
	input_int(&input, "page_size", 1, 100, 25);
	input_choice(&input, "state", INPUT_OPTIONAL, choices);
	input_instant(&input, "join_at_after");
	input_bool(&input, "revoke", true);
	if (!input_end(&input, &err))
		assert(err.kind == ERROR_INVALID && err.details != NULL);
}

static void read_times(const char *text)
{
	const instant now = 1800000000 * SECOND;
	char formatted[INSTANT_TEXT_BYTES];
	instant at, again;

	if (instant_parse(text, &at) && at >= 0) {
		instant_format(at, formatted);
		assert(instant_parse(formatted, &again) && again == at);
	}
	if (instant_parse_retry_after(text, now, &at))
		instant_format(at, formatted);
	zoom_timestamp_is_fresh(text, now, 600);
}

/* What was decoded comes out the same when it is encoded and decoded again. */
static void read_encodings(struct arena *arena, const char *text)
{
	const char *decoded = percent_decode(arena, text, strlen(text), true);
	size_t size, again_size;
	const void *bytes = base64_decode(arena, text, &size), *again;

	if (decoded != NULL) {
		const char *encoded = percent_encode(arena, decoded);

		assert(strcmp(percent_decode(arena, encoded, strlen(encoded), true), decoded) == 0);
	}
	if (bytes == NULL)
		return;
	again = base64_decode(arena, base64_encode(arena, bytes, size), &again_size);
	assert(again != NULL && again_size == size && memcmp(again, bytes, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *text = input_text(&arena, input, size);

	read_query(&arena, text);
	read_times(text);
	read_encodings(&arena, text);
	return 0;
}
