#include "base/thread_stack.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than what this function and madvise() have below them. */
enum { IN_USE_BYTES = 1024 };

/* The first byte that may be given back; NULL where there is none, or it is not known. */
static char *find_lowest(void)
{
	pthread_attr_t attributes;
	void *lowest = NULL;
	size_t size;

	/* Its stack grows as it is used: what is below it may be anybody's. */
	if (gettid() == getpid() || pthread_getattr_np(pthread_self(), &attributes) != 0)
		return NULL;
	if (pthread_attr_getstack(&attributes, &lowest, &size) != 0)
		lowest = NULL;
	pthread_attr_destroy(&attributes);
	return lowest;
}

void thread_stack_give_back(void)
{
	static _Thread_local bool is_known;
	static _Thread_local char *lowest;
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	char *end = (char *)__builtin_frame_address(0) - IN_USE_BYTES;

	end -= (uintptr_t)end % page;
	if (!is_known)
		lowest = find_lowest();
	is_known = true;
	/* Where the kernel does not take them they stay, as they would have. */
	if (lowest != NULL && lowest < end)
		madvise(lowest, (size_t)(end - lowest), MADV_DONTNEED);
}
