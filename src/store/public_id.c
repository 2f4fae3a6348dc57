#include "store/public_id.h"

#include "base/crypto.h"

#include <string.h>

/* 119 bits: no two are ever alike, and none is ever guessed. */
enum { RANDOM_LENGTH = 20 };

char *public_id_make(struct arena *arena, const char *prefix)
{
	const size_t prefix_length = strlen(prefix);
	char *id = arena_alloc(arena, prefix_length + RANDOM_LENGTH + 1);

	memcpy(id, prefix, prefix_length);
	random_base62(id + prefix_length, RANDOM_LENGTH);
	return id;
}
