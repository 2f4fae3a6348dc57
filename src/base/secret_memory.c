#include "base/secret_memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* From here on, a call of the kernel's costs less than the pages that wiping would touch: the buffers of TLS. */
enum { LARGE_BYTES = 16384 };

void secret_memory_forbid_core_dumps(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		perror("setrlimit(RLIMIT_CORE)");
}

/* Whoever touches a page next gets zeroes. False, and nothing done, where the kernel does not take them. */
static bool give_pages_back(char *memory, size_t size)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), place = (uintptr_t)memory;
	const size_t before = (size_t)(-place % page);
	const size_t pages = size > before ? (size - before) / page * page : 0;

	if (pages == 0 || madvise(memory + before, pages, MADV_DONTNEED) != 0)
		return false;
	explicit_bzero(memory, before);
	explicit_bzero(memory + before + pages, size - before - pages);
	return true;
}

void secret_memory_free(void *memory)
{
	const size_t size = memory == NULL ? 0 : malloc_usable_size(memory);

	if (size > 0 && (size < LARGE_BYTES || !give_pages_back(memory, size)))
		explicit_bzero(memory, size);
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
