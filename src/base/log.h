/*
 * One line on standard error for each request or job, as JSON or for people. What users sent is
 * escaped; secrets and bodies never come here. A line is one write, so that processes which share
 * a log do not mix their lines.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/clock.h"
#include "base/config.h"

#include <stdint.h>

struct log {
	enum log_level level; /* what is below is not written */
	enum log_format format;
	const char *program;
	const struct clock *clock;
};

/* A field of a line: text, or where text is NULL the number. A field named NULL ends the list. */
struct log_field {
	const char *name;
	const char *text;
	int64_t number;
};

void log_write(const struct log *log, enum log_level level, const char *message,
	       const struct log_field *fields);

#endif
