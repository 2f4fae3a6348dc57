#include "support/deep_stack.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES_MIN = 4096, NEAR_BYTES = 100000 };

/* What calls after it may use, too, is left out. */
struct deep_stack __attribute__((noinline)) deep_stack_use(void)
{
	volatile char deep[DEEP_STACK_BYTES + NEAR_BYTES];

	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = 's';
	return (struct deep_stack){(uintptr_t)deep, (uintptr_t)deep + DEEP_STACK_BYTES};
}

size_t deep_stack_pages_in_memory(const struct deep_stack *deep)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t first = (deep->lowest + page - 1) / page * page;
	const size_t pages = (deep->highest - first) / page;
	unsigned char in_memory[DEEP_STACK_BYTES / PAGE_BYTES_MIN];
	size_t count = 0;
	int failure;

	assert(pages <= sizeof(in_memory));
	failure = mincore((void *)first, pages * page, in_memory);
	assert(failure == 0);
	for (size_t i = 0; i < pages; i++)
		count += in_memory[i] & 1;
	return count;
}
