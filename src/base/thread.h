/* A thread as a process can afford many of: what they have on their stacks is little. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/attr.h"

enum { THREAD_STACK_BYTES = 512 * 1024 };

/*
 * Whoever joins it has its pthread_self() from itself. Returns 0, or why no thread can be started, as
 * an errno.
 */
int thread_start(void *(*run)(void *argument), void *argument) MUST_CHECK;

#endif
