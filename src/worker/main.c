/* hallpass-worker: does what is due, then sleeps until the next thing is. */
#include "base/doorbell.h"
#include "base/version.h"
#include "serve/process.h"
#include "store/db_gate.h"
#include "worker/job.h"
#include "worker/pool.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

extern char **environ;

static const char program[] = "hallpass-worker";

static const struct job *const jobs[] = {
	&authorization_finish_job,
	&token_upkeep_job,
	&meeting_sync_job,
	&bot_lease_job,
	&clean_up_job,
	&webhook_delivery_job,
};

/* Passes rings of the doorbell on to the pool, until a signal says that this is the end. */
static bool listen_for_rings(const struct process *process, struct pool *pool,
			     const sigset_t *signals, struct error *err)
{
	struct pollfd waits[2] = {{.events = POLLIN}, {.events = POLLIN}};

	if (!doorbell_open(process->config.database, &waits[0].fd, err))
		return false;
	waits[1].fd = signalfd(-1, signals, SFD_CLOEXEC);
	assert(waits[1].fd >= 0);
	while (waits[1].revents == 0) {
		if (poll(waits, COUNT_OF(waits), -1) < 0)
			assert(errno == EINTR);
		doorbell_clear(waits[0].fd);
		pool_wake(pool);
	}
	close(waits[0].fd);
	close(waits[1].fd);
	return true;
}

static void *end_at_signal(void *pool)
{
	const sigset_t signals = process_ending_signals();
	int number;

	while (sigwait(&signals, &number) != 0)
		;
	pool_end(pool);
	return NULL;
}

/* Of a run that ends by itself: who is asked to end before that stores what Zoom still answers, too. */
static bool await_end(struct pool *pool, struct error *err)
{
	pthread_t listener;
	const int failure = pthread_create(&listener, NULL, end_at_signal, pool);

	if (failure != 0)
		return error_set(err, ERROR_INTERNAL, "cannot start a thread: %s",
				 strerror(failure));
	pool_await(pool);
	pthread_kill(listener, SIGINT);
	pthread_join(listener, NULL);
	return true;
}

static int run(const struct process *process, bool is_once)
{
	struct pool *pool = pool_open(process, jobs, COUNT_OF(jobs), is_once);
	const sigset_t signals = process_ending_signals();
	struct error err = {0};
	bool worked, listened;

	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (!is_once)
		db_gate_checkpoint_aside(process->gate, DB_CHECKPOINT_PAGES);
	listened =
		pool_start(pool, &err) &&
		(is_once ? await_end(pool, &err) : listen_for_rings(process, pool, &signals, &err));
	pool_end(pool);
	worked = pool_close(&pool);
	if (!listened)
		return process_refuse(program, &err);
	return worked ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* False: that was all, and main() ends with *status. */
static bool read_arguments(char *const *arguments, bool *is_once, int *status)
{
	for (; *arguments != NULL; arguments++) {
		*status = EXIT_SUCCESS;
		if (strcmp(*arguments, "--once") == 0) {
			*is_once = true;
		} else if (strcmp(*arguments, "--version") == 0) {
			printf("%s %s\n", program, HALLPASS_VERSION);
			return false;
		} else if (strcmp(*arguments, "--help") == 0) {
			printf("usage: %s [--once]\n"
			       "  --once  do what is due and exit (for cron)\n",
			       program);
			return false;
		} else {
			const bool is_option = **arguments == '-';

			fprintf(stderr, "%s: %s'%s'%s; usage: %s [--once]\n", program,
				is_option ? "unknown option " : "", *arguments,
				is_option ? "" : " is one argument too many", program);
			*status = 2;
			return false;
		}
	}
	return true;
}

int main(int argument_count, char **arguments)
{
	const struct sandbox_role role = {.calls_out = true};
	bool is_once = false;
	struct process process;
	struct error err;
	int status;

	if (!read_arguments(arguments + (argument_count > 0), &is_once, &status))
		return status;
	signal(SIGPIPE, SIG_IGN);
	if (!process_open(&process, program, environ, &err)) {
		process_close(&process);
		return process_refuse(program, &err);
	}
	process_enter_sandbox(&process, &role, LOG_INFO);
	if (!is_once)
		process_begin_uptime(&process);
	status = run(&process, is_once);
	process_close(&process);
	return status;
}
