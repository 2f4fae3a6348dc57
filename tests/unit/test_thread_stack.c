#include "base/thread_stack.h"

#include "support/deep_stack.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct outcome {
	size_t before, after;
	bool is_kept;
};

static void *give_back(void *context)
{
	struct outcome *outcome = context;
	const struct deep_stack deep = deep_stack_use();
	char mine[5000], same[sizeof(mine)];

	memset(mine, 'm', sizeof(mine));
	memset(same, 'm', sizeof(same));
	outcome->before = deep_stack_pages_in_memory(&deep);
	thread_stack_give_back();
	outcome->after = deep_stack_pages_in_memory(&deep);
	outcome->is_kept = memcmp(mine, same, sizeof(mine)) == 0;
	return NULL;
}

static void what_went_deep_is_given_back_and_what_is_in_use_stays(void **state)
{
	struct outcome outcome = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, give_back, &outcome), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(outcome.before > 10);
	assert_int_equal(outcome.after, 0);
	assert_true(outcome.is_kept);
}

static void the_main_thread_keeps_its_stack(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	give_back(&outcome);
	assert_true(outcome.before > 10);
	assert_int_equal(outcome.after, outcome.before);
	assert_true(outcome.is_kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_went_deep_is_given_back_and_what_is_in_use_stays),
		cmocka_unit_test(the_main_thread_keeps_its_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
