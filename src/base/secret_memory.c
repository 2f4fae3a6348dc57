#include "base/secret_memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void secret_memory_forbid_core_dumps(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		perror("setrlimit(RLIMIT_CORE)");
}

void secret_memory_free(void *memory)
{
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* Not realloc(), which would leave the old place as it was. */
void *secret_memory_realloc(void *memory, size_t size)
{
	const size_t kept = memory == NULL ? 0 : malloc_usable_size(memory);
	void *moved = malloc(size);

	if (moved == NULL)
		return NULL;
	if (kept > 0)
		memcpy(moved, memory, kept < size ? kept : size);
	secret_memory_free(memory);
	return moved;
}
