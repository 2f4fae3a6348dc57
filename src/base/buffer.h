/* Bytes that grow up to a maximum which is set at birth. Wiped on release. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *bytes; /* NUL follows the last byte; NULL while nothing was ever appended */
	size_t size, capacity, size_max;
};

struct buffer buffer_of(size_t size_max);
void buffer_release(struct buffer *buffer);

/* False, with nothing appended, where it would grow over the maximum. */
bool buffer_append(struct buffer *buffer, const void *bytes, size_t size) MUST_CHECK;

#endif
