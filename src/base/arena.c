#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096, DRAFT_BYTES = 256 };

struct arena_block {
	struct arena_block *older;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

static void out_of_memory(void)
{
	fputs("out of memory\n", stderr);
	abort();
}

static struct arena_block *block_add(struct arena *arena, size_t size)
{
	struct arena_block *block;

	if (size > SIZE_MAX / 2)
		out_of_memory();
	block = calloc(1, sizeof(*block) + size);
	if (block == NULL)
		out_of_memory();
	block->size = size;
	block->older = arena->newest;
	arena->newest = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
	const size_t unit = alignof(max_align_t);
	struct arena_block *block = arena->newest;
	void *memory;

#ifdef ARENA_DEBUG
	/* Each allocation has a block of its own and its exact size, so that sanitizers see overruns. */
	block = block_add(arena, size_bytes);
	(void)unit;
#else
	if (size_bytes > SIZE_MAX / 4)
		out_of_memory();
	size_bytes = (size_bytes + unit - 1) / unit * unit;
	if (block == NULL || block->size - block->used < size_bytes)
		block = block_add(arena, size_bytes > BLOCK_BYTES ? size_bytes : BLOCK_BYTES);
#endif
	memory = block->bytes + block->used;
	block->used += size_bytes;
	return memory;
}

void arena_release(struct arena *arena)
{
	while (arena->newest != NULL) {
		struct arena_block *block = arena->newest;

		arena->newest = block->older;
		explicit_bzero(block->bytes, block->used);
		free(block);
	}
}

void *arena_memdup(struct arena *arena, const void *bytes, size_t size)
{
	char *copy;

	if (bytes == NULL)
		return NULL;
	copy = arena_alloc(arena, size + 1);
	memcpy(copy, bytes, size);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_memdup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t length_max)
{
	return text == NULL ? NULL : arena_memdup(arena, text, strnlen(text, length_max));
}

/* Most texts are short: formatting them once, and then copying them, is half of formatting them twice. */
char *arena_printf(struct arena *arena, const char *format, ...)
{
	char draft[DRAFT_BYTES], *text;
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(draft, sizeof(draft), format, args);
	va_end(args);
	if (length < 0)
		out_of_memory();
	text = arena_alloc(arena, (size_t)length + 1);
	if (length < DRAFT_BYTES)
		memcpy(text, draft, (size_t)length);
	else
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	explicit_bzero(draft, length < DRAFT_BYTES ? (size_t)length : sizeof(draft));
	return text;
}
