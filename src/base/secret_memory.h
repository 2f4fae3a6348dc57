/*
 * Memory that plain secrets pass through outside our arenas and buffers: that of libraries, which get
 * these functions for malloc's, and that of the whole process, which leaves no core file behind.
 */
#ifndef BASE_SECRET_MEMORY_H
#define BASE_SECRET_MEMORY_H

#include <stddef.h>

/* Whatever the system's settings are. At the start of a program, before it reads a secret. */
void secret_memory_forbid_core_dumps(void);

/*
 * free() and realloc(), of memory that malloc() or these gave; what is given back is wiped. Of large memory the
 * pages go back to the kernel for that, so that a buffer of which little was used does not cost all of it.
 */
void secret_memory_free(void *memory);
void *secret_memory_realloc(void *memory, size_t size);

#endif
