/* Whatever is read as plain JSON, jansson reads as the same. */
#include "fuzz/input.h"
#include "http/json.h"
#include "http/json_plain.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *text = (const char *)input;
	SCOPED(json_decrefp) json_t *plain = json_read_plain(text, size, JSON_DEPTH_MAX);
	SCOPED(json_decrefp) json_t *jansson = NULL;
	json_error_t ignored;

	if (plain == NULL)
		return 0;
	jansson = json_loadb(text, size, JSON_REJECT_DUPLICATES, &ignored);
	assert(jansson != NULL);
	/* The texts hold the order of names, too, and tell 1 from 1.0. */
	assert(strcmp(json_text(&arena, plain), json_text(&arena, jansson)) == 0);
	return 0;
}
