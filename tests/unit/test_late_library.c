#include "base/late_library.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_function_is_found_in_its_library_and_kept(void **state)
{
	static void *_Atomic place;
	typeof(strlen) *found = late_library_function(&place, "libc.so.6", "strlen");

	(void)state;
	assert_int_equal(found("four"), 4);
	assert_ptr_equal(place, found);
	/* Kept: the library is not looked for again. */
	assert_ptr_equal(late_library_function(&place, "libnowhere.so", "strlen"), found);
}

/* What the process that looks for it says before it ends, and how it ends. */
static int last_words(const char *library, const char *name, char *words, size_t size)
{
	static void *_Atomic place;
	int ends[2], status;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		late_library_function(&place, library, name);
		_exit(0);
	}
	close(ends[1]);
	got = read(ends[0], words, size - 1);
	words[got > 0 ? got : 0] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_library_or_function_that_is_not_there_ends_the_process_and_is_named(void **state)
{
	char words[1024];

	(void)state;
	assert_int_equal(last_words("libnowhere.so", "strlen", words, sizeof(words)), SIGABRT);
	assert_non_null(strstr(words, "libnowhere.so"));
	assert_int_equal(last_words("libc.so.6", "no_such_function", words, sizeof(words)),
			 SIGABRT);
	assert_non_null(strstr(words, "no_such_function"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_is_found_in_its_library_and_kept),
		cmocka_unit_test(
			a_library_or_function_that_is_not_there_ends_the_process_and_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
