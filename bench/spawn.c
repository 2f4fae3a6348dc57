/*
 * spawn: how long a program takes from its start to the end of what it prints, as a web server sees a CGI.
 *
 *   spawn COUNT EXPECTED PROGRAM [ARGUMENT…]
 *
 * One after the other, with this process's environment and nothing on standard input. A run counts whose
 * output starts with EXPECTED. Prints one line of JSON (see latencies.c).
 */
#include "latencies.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { OUTPUT_BYTES_MAX = 65536 };

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Until the other side has closed it; what is too long for the buffer is cut. */
static void read_to_end(int descriptor, char *output)
{
	size_t size = 0;
	ssize_t got;

	while ((got = read(descriptor, output + size, OUTPUT_BYTES_MAX - size)) > 0)
		size += (size_t)got;
	output[size] = '\0';
}

static int64_t run(char *const *arguments, char *output, bool *succeeded)
{
	const int64_t started_us = latencies_now_us();
	posix_spawn_file_actions_t actions;
	int ends[2], status, failure;
	int64_t us;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		fail("spawn: pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	failure = posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (failure != 0) {
		fprintf(stderr, "spawn: %s: %s\n", arguments[0], strerror(failure));
		exit(EXIT_FAILURE);
	}
	close(ends[1]);
	read_to_end(ends[0], output);
	us = latencies_now_us() - started_us;
	close(ends[0]);
	*succeeded = waitpid(pid, &status, 0) == pid && status == 0;
	return us;
}

int main(int argument_count, char **arguments)
{
	static char output[OUTPUT_BYTES_MAX + 1];
	const int64_t began_us = latencies_now_us();
	struct latencies latencies = {0};
	long count;

	if (argument_count < 4) {
		fprintf(stderr, "usage: spawn COUNT EXPECTED PROGRAM [ARGUMENT…]\n");
		return 2;
	}
	count = strtol(arguments[1], NULL, 10);
	for (long i = 0; i < count; i++) {
		bool succeeded;
		const int64_t us = run(arguments + 3, output, &succeeded);

		if (succeeded && strncmp(output, arguments[2], strlen(arguments[2])) == 0)
			latencies_add(&latencies, us);
		else if (latencies.failures++ == 0)
			fprintf(stderr, "spawn: the first bad answer: %.400s\n", output);
	}
	latencies_print(&latencies, latencies_now_us() - began_us);
	return EXIT_SUCCESS;
}
