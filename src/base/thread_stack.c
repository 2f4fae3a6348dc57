#include "base/thread_stack.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than what this function and madvise() have below them. */
enum { IN_USE_BYTES = 1024 };

/* The first byte that may be given back; UINTPTR_MAX where there is none, or it is not known. */
static uintptr_t find_lowest(void)
{
	pthread_attr_t attributes;
	void *lowest = NULL;
	size_t size;

	/* Its stack grows as it is used: what is below it may be anybody's. */
	if (gettid() == getpid() || pthread_getattr_np(pthread_self(), &attributes) != 0)
		return UINTPTR_MAX;
	if (pthread_attr_getstack(&attributes, &lowest, &size) != 0)
		lowest = NULL;
	pthread_attr_destroy(&attributes);
	return lowest != NULL ? (uintptr_t)lowest : UINTPTR_MAX;
}

void thread_stack_give_back(void)
{
	static _Thread_local uintptr_t lowest;
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const uintptr_t end = (here - IN_USE_BYTES) / page * page;

	if (lowest == 0)
		lowest = find_lowest();
	/* Where the kernel does not take them they stay, as they would have. */
	if (lowest < end)
		madvise((void *)lowest, end - lowest, MADV_DONTNEED);
}
