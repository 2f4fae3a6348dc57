/* The text exposition format of Prometheus, version 0.0.4: each family once, HELP and TYPE before it. */
#ifndef BASE_EXPOSITION_H
#define BASE_EXPOSITION_H

#include "base/buffer.h"
#include "base/tally.h"

#include <stdint.h>

struct exposition {
	struct buffer text;
	bool is_over; /* more was to be said than the text may hold */
};

struct exposition exposition_open(size_t bytes_max);
void exposition_release(struct exposition *exposition);

/* `type` is "counter", "gauge" or "histogram"; `help` one line of plain text. */
void exposition_family(struct exposition *exposition, const char *name, const char *type,
		       const char *help);

/* Of a gauge; label NULL: it has none. The value may be any text. */
void exposition_gauge(struct exposition *exposition, const char *name, const char *label,
		      const char *value, int64_t number);

/* All series of the family among the tallies, with its HELP and TYPE; its name tells its type. */
void exposition_tallies(struct exposition *exposition, const char *family, const char *help,
			const struct tally *tallies, size_t count);

#endif
