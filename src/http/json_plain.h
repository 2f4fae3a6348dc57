/*
 * JSON as programs mostly write it, read several times faster than jansson does, which takes a byte at a
 * time through three functions: a third of what an event costs us.
 */
#ifndef HTTP_JSON_PLAIN_H
#define HTTP_JSON_PLAIN_H

#include <jansson.h>
#include <stddef.h>

/*
 * The same value as json_loadb() with JSON_REJECT_DUPLICATES makes of it, for the caller to decref. NULL
 * tells nothing but that this is left to jansson: whatever is not valid JSON, nested more than depth_max
 * deep, or has an escape in a text, a number that is negative, not whole or longer than 18 digits.
 */
json_t *json_read_plain(const char *text, size_t size, int depth_max);

#endif
