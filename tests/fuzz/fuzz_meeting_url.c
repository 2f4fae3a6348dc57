/* Meeting links and whole invitations, as people paste them. */
#include "fuzz/input.h"
#include "zoom/meeting_url.h"

#include <assert.h>
#include <string.h>

/* The canonical link is kept and shown: it must name the same meeting when it is read again. */
static void check_canonical(struct arena *arena, const struct meeting_url *url)
{
	struct meeting_url again;
	struct error err;

	assert(meeting_url_parse(arena, url->canonical, &again, &err));
	assert(strcmp(again.canonical, url->canonical) == 0);
	assert(again.meeting_id == url->meeting_id);
	assert((again.personal_name == NULL) == (url->personal_name == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *text = input_text(&arena, input, size);
	struct meeting_url url;
	struct error err;

	if (meeting_url_parse(&arena, text, &url, &err))
		check_canonical(&arena, &url);
	personal_name_of_url(&arena, text);
	return 0;
}
