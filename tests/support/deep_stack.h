/* The part of a thread's stack that something deep has used, and nobody uses any more. */
#ifndef SUPPORT_DEEP_STACK_H
#define SUPPORT_DEEP_STACK_H

#include <stddef.h>
#include <stdint.h>

/* Deeper than what its functions and a test's need for themselves. */
enum { DEEP_STACK_BYTES = 200000 };

struct deep_stack {
	uintptr_t lowest, highest;
};

/* Of the calling thread. */
struct deep_stack deep_stack_use(void);

/* From any thread, while the one that it belongs to is there. */
size_t deep_stack_pages_in_memory(const struct deep_stack *deep);

#endif
