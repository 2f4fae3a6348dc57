/* What `hallpass doctor` has found so far. */
#ifndef CLI_EXAMINATION_H
#define CLI_EXAMINATION_H

#include "base/clock.h"
#include "cli/command.h"
#include "http/client.h"

#include <jansson.h>
#include <stdbool.h>

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

struct examination {
	struct call *call;
	json_t *findings; /* for --json */
	int finding_count, failed_count;
	bool has_config, has_keyring, has_schema;
	bool has_zoom_date, is_zoom_away;
	instant zoom_ahead; /* how far Zoom's clock is ahead of ours */
};

/* One finding. advice: what to do; NULL where all is well. */
void examination_note(struct examination *examination, enum level level, const char *check,
		      const char *advice, const char *format, ...) PRINTF_LIKE(5, 6);

/* Fetches an address. */
bool examination_get(struct examination *examination, const char *url, struct http_answer *answer,
		     struct error *err) MUST_CHECK;

#endif
