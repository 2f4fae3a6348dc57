#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>

#include <cmocka.h>

/* What a thread saw of itself. */
struct sight {
	pthread_t id;
	size_t stack_bytes;
	sem_t is_told;
};

static void *see(void *argument)
{
	struct sight *sight = argument;
	pthread_attr_t attributes;
	void *stack;

	sight->id = pthread_self();
	if (pthread_getattr_np(sight->id, &attributes) == 0) {
		pthread_attr_getstack(&attributes, &stack, &sight->stack_bytes);
		pthread_attr_destroy(&attributes);
	}
	sem_post(&sight->is_told);
	return sight;
}

static void prepare(struct sight *sight)
{
	*sight = (struct sight){0};
	assert_int_equal(sem_init(&sight->is_told, 0, 0), 0);
}

/* The first test: the stack of a thread that has gone would do for another one. */
static void where_no_thread_can_be_started_the_reason_is_told(void **state)
{
	struct rlimit usual, none;
	struct sight sight;
	int failure;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* which has no use for memory that is short */
#endif
	prepare(&sight);
	assert_int_equal(getrlimit(RLIMIT_AS, &usual), 0);
	none = usual;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	failure = thread_start(see, &sight);
	assert_int_equal(setrlimit(RLIMIT_AS, &usual), 0);
	assert_int_equal(failure, EAGAIN);
	assert_int_equal(sem_trywait(&sight.is_told), -1);
	sem_destroy(&sight.is_told);
}

/* And joins it. */
static void let_see(struct sight *sight)
{
	void *result = NULL;

	prepare(sight);
	assert_int_equal(thread_start(see, sight), 0);
	assert_int_equal(sem_wait(&sight->is_told), 0);
	assert_int_equal(pthread_join(sight->id, &result), 0);
	assert_ptr_equal(result, sight);
	sem_destroy(&sight->is_told);
}

static void it_does_what_it_is_given_and_can_be_joined(void **state)
{
	struct sight sight;

	(void)state;
	let_see(&sight);
	assert_false(pthread_equal(sight.id, pthread_self()));
}

static void its_stack_is_small(void **state)
{
	struct sight sight;

	(void)state;
#if defined(__SANITIZE_THREAD__)
	skip(); /* which makes it larger for its own use */
#endif
	let_see(&sight);
	assert_in_range(sight.stack_bytes, THREAD_STACK_BYTES / 2, THREAD_STACK_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_no_thread_can_be_started_the_reason_is_told),
		cmocka_unit_test(it_does_what_it_is_given_and_can_be_joined),
		cmocka_unit_test(its_stack_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
