/* Bytes as text and back: hexadecimal, base64, percent-encoding. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* text needs room for 2 × size + 1 characters; lower case. */
void hex_encode(const void *bytes, size_t size, char *text);

/* Standard alphabet, padded. */
char *base64_encode(struct arena *arena, const void *bytes, size_t size);

/* NULL where the text is not base64 (standard alphabet; the padding may be missing). */
void *base64_decode(struct arena *arena, const char *text, size_t *size);

/* For a query, a form or a path segment: all but RFC 3986's unreserved characters. */
char *percent_encode(struct arena *arena, const char *text);

/*
 * NULL where a % is not followed by two hex digits, or where a NUL would come of it. With
 * plus_is_space as forms and queries have it.
 */
char *percent_decode(struct arena *arena, const char *text, size_t length, bool plus_is_space);

#endif
