#include "base/thread.h"

#include <assert.h>
#include <pthread.h>

int thread_start(void *(*run)(void *argument), void *argument)
{
	pthread_attr_t attributes;
	pthread_t id;
	int failure;

	pthread_attr_init(&attributes);
	failure = pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	assert(failure == 0);
	failure = pthread_create(&id, &attributes, run, argument);
	pthread_attr_destroy(&attributes);
	return failure;
}
