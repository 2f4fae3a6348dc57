/*
 * Memory that lives as long as one request or job. Nothing is freed by itself; everything goes,
 * wiped, in arena_release(). Out of memory ends the process: the supervisor starts it again.
 * One arena belongs to one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/attr.h"

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *newest;
};

/* An empty arena is { 0 }; it needs no other start. */
void arena_release(struct arena *arena);

/* Zeroed, aligned for any type; never NULL. */
void *arena_alloc(struct arena *arena, size_t size_bytes);

/* Copies; NULL in, NULL out. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length_max);

/* A NUL follows the copy, so that bytes which are text can be used as such. */
void *arena_memdup(struct arena *arena, const void *bytes, size_t size);

char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
