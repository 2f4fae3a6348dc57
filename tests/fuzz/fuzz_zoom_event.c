/* Events of Zoom's, from the bytes of their bodies. */
#include "fuzz/input.h"
#include "http/json.h"
#include "zoom/event.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(json_decrefp) json_t *body = NULL;
	struct zoom_event event;
	struct error err;

	if (!json_read(input_text(&arena, input, size), size, &body, &err)) {
		body = NULL;
		return 0;
	}
	if (zoom_event_read(body, &event, &err)) {
		assert(event.name != NULL && event.meeting_id >= 0 && event.pmi >= 0);
		assert(event.event_at >= 0);
	}
	return 0;
}
