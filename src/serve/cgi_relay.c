#include "serve/cgi_relay.h"

#include "serve/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Nothing comes where the other process has died. */
static _Noreturn void wait_for_answer(int descriptor)
{
	ssize_t size;
	char byte;

	do
		size = read(descriptor, &byte, 1);
	while (size < 0 && errno == EINTR);
	_exit(size == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/*
 * Where the service is stopped that the web server starts its programs in, all of them are asked to end. What
 * this one has begun takes as long as its time-outs let it, and is finished, as it is by a responder.
 */
static void be_asked_to_end_in_vain(void)
{
	const sigset_t signals = process_ending_signals();

	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

struct cgi_relay cgi_relay_begin(void)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return (struct cgi_relay){.is_there = false};
	child = fork();
	if (child > 0) {
		close(ends[1]);
		wait_for_answer(ends[0]);
	}
	close(ends[0]);
	if (child < 0) {
		close(ends[1]);
		return (struct cgi_relay){.is_there = false};
	}
	setsid();
	be_asked_to_end_in_vain();
	return (struct cgi_relay){.is_there = true, .descriptor = ends[1]};
}

/*
 * What is still logged goes to the relay, which is no more. The descriptors stay taken: SQLite does not take
 * those of standard streams for a file.
 */
void cgi_relay_end(const struct cgi_relay *relay)
{
	fflush(stdout);
	dup2(relay->descriptor, STDOUT_FILENO);
	dup2(relay->descriptor, STDERR_FILENO);
	if (write(relay->descriptor, "", 1) != 1)
		return; /* it was ended before */
}
