/* hallpass-worker: does what is due, then sleeps until the next thing is. */
#include "base/doorbell.h"
#include "serve/context.h"
#include "serve/process.h"
#include "serve/zoom_circuits.h"
#include "worker/job.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char program[] = "hallpass-worker";

/* Jobs that the same threads do. */
struct lane {
	const struct job *const *jobs;
	size_t job_count;
};

static const struct job *const jobs[] = {
	&authorization_finish_job,
	&token_upkeep_job,
	&meeting_sync_job,
	&bot_lease_job,
	&clean_up_job,
};

/* One thread has all posts under way, and would not be at hand for anything else. */
static const struct job *const sending_jobs[] = {&webhook_delivery_job};

static const struct lane lane = {jobs, COUNT_OF(jobs)};
static const struct lane sending_lane = {sending_jobs, COUNT_OF(sending_jobs)};

enum {
	THREADS_MAX = 8,     /* of the jobs that call Zoom, most of whose time is waiting for it */
	SLEEP_S_MAX = 60,    /* a ring of the doorbell that got lost costs no more than this */
	TROUBLE_SLEEP_S = 1, /* before asking again a database that cannot be read */
};

struct worker {
	struct process process;
	bool is_once; /* end when nothing is due */
	pthread_mutex_t lock;
	pthread_cond_t woken;
	unsigned wakes;      /* counts rings, so that none is missed between looking and sleeping */
	int wake_descriptor; /* tells them to who waits for the network meanwhile */
	atomic_bool is_ending;
	atomic_bool is_in_trouble; /* something that was due could not even be claimed */
};

struct thread {
	pthread_t id;
	struct worker *worker;
	const struct lane *lane;
};

static void count_piece(const struct worker *worker, const struct job *job, int64_t started_us,
			const struct error *err)
{
	struct tallies *tallies = worker->process.tallies;
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "job=\"%s\",outcome=\"%s\"", job->name,
		 err->kind != ERROR_NONE ? err->code : "ok");
	tally_add(tallies, "hallpass_jobs_total", labels);
	snprintf(labels, sizeof(labels), "job=\"%s\"", job->name);
	tally_time(tallies, "hallpass_job_duration_seconds", labels,
		   clock_monotonic_us() - started_us);
}

static void log_piece(const struct worker *worker, const struct job *job, const char *subject,
		      int64_t started_us, const struct error *err)
{
	const bool failed = err->kind != ERROR_NONE;
	const struct log_field fields[] = {
		{"job", job->name, 0},
		{"subject", subject != NULL ? subject : "", 0},
		{"duration_ms", NULL, (clock_monotonic_us() - started_us) / 1000},
		{failed ? "code" : NULL, err->code, 0},
		{failed ? "error" : NULL, err->message, 0},
		{NULL, NULL, 0},
	};

	log_write(&worker->process.log, failed ? LOG_WARN : LOG_INFO, "job", fields);
}

/* Claiming takes the write lock, which nobody should have to wait for because nothing was due. */
static bool is_due(struct context *context, const struct job *job, bool *due, struct error *err)
{
	instant at;

	if (!job->next_due(context, &at, err))
		return false;
	*due = at != 0 && at <= context_now(context);
	return true;
}

/* False where the piece failed before it was claimed: the database cannot be used for now. */
static bool run_piece(const struct worker *worker, struct context *context, const struct job *job,
		      bool *did)
{
	SCOPED(arena_release) struct arena arena = {0};
	const int64_t started_us = clock_monotonic_us();
	const char *subject = NULL;
	struct error err = {0};
	bool worked, due;

	*did = false;
	context->arena = &arena;
	worked = context_open_db(context, &err) && is_due(context, job, &due, &err) &&
		 (!due || job->run_one(context, did, &subject, &err));
	context->arena = NULL;
	if (*did || !worked) {
		count_piece(worker, job, started_us, &err);
		log_piece(worker, job, subject, started_us, &err);
	}
	zoom_circuits_tell(context);
	return worked || *did;
}

/* Seconds until the next piece of any of the lane's jobs is due, rounded up. */
static int64_t sleep_s(struct context *context, const struct lane *of)
{
	instant earliest = context_now(context) + SLEEP_S_MAX * SECOND, now;
	struct error err;

	for (size_t i = 0; i < of->job_count; i++) {
		instant at;

		if (!of->jobs[i]->next_due(context, &at, &err))
			return TROUBLE_SLEEP_S;
		if (at != 0 && at < earliest)
			earliest = at;
	}
	now = context_now(context);
	return earliest <= now ? 0 : (earliest - now + SECOND - 1) / SECOND;
}

static bool is_ending(struct worker *worker, unsigned *wakes)
{
	bool ending;

	pthread_mutex_lock(&worker->lock);
	ending = worker->is_ending;
	*wakes = worker->wakes;
	pthread_mutex_unlock(&worker->lock);
	return ending;
}

/* Until the time has passed, or somebody has woken the worker since `wakes` was read. */
static void sleep_until_woken(struct worker *worker, unsigned wakes, int64_t seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&worker->lock);
	while (worker->wakes == wakes && !worker->is_ending &&
	       pthread_cond_timedwait(&worker->woken, &worker->lock, &until) == 0)
		;
	pthread_mutex_unlock(&worker->lock);
}

/* A piece of each job of the lane. False where the database cannot be used. */
static bool run_jobs(struct worker *worker, struct context *context, const struct lane *of,
		     bool *did_any)
{
	*did_any = false;
	for (size_t i = 0; i < of->job_count && !worker->is_ending; i++) {
		bool did;

		if (!run_piece(worker, context, of->jobs[i], &did))
			return false;
		*did_any |= did;
	}
	return true;
}

static void *work(void *argument)
{
	const struct thread *thread = argument;
	struct worker *worker = thread->worker;
	struct context context = {.process = &worker->process,
				  .is_ending = &worker->is_ending,
				  .wake_descriptor = worker->wake_descriptor};
	unsigned wakes;

	while (!is_ending(worker, &wakes)) {
		int64_t seconds;
		bool did_any;
		const bool worked = run_jobs(worker, &context, thread->lane, &did_any);

		if (worked && did_any)
			continue;
		if (worker->is_once) {
			worker->is_in_trouble |= !worked;
			break;
		}
		seconds = worked ? sleep_s(&context, thread->lane) : TROUBLE_SLEEP_S;
		if (context.db != NULL)
			db_rest(context.db);
		sleep_until_woken(worker, wakes, seconds);
	}
	context_release(&context);
	return NULL;
}

static void wake(struct worker *worker, bool to_end)
{
	const uint64_t ring = 1;

	pthread_mutex_lock(&worker->lock);
	worker->wakes++;
	if (to_end)
		worker->is_ending = true;
	pthread_cond_broadcast(&worker->woken);
	pthread_mutex_unlock(&worker->lock);
	/* Where it cannot be written it is full of rings that nobody has taken off yet. */
	if (write(worker->wake_descriptor, &ring, sizeof(ring)) < 0)
		assert(errno == EAGAIN);
}

/* Passes rings of the doorbell on to the threads, until a signal says that this is the end. */
static bool listen_for_rings(struct worker *worker, const sigset_t *signals, struct error *err)
{
	struct pollfd waits[2] = {{.events = POLLIN}, {.events = POLLIN}};

	if (!doorbell_open(worker->process.config.database, &waits[0].fd, err))
		return false;
	waits[1].fd = signalfd(-1, signals, SFD_CLOEXEC);
	assert(waits[1].fd >= 0);
	while (waits[1].revents == 0) {
		if (poll(waits, COUNT_OF(waits), -1) < 0)
			assert(errno == EINTR);
		doorbell_clear(waits[0].fd);
		wake(worker, waits[1].revents != 0);
	}
	close(waits[0].fd);
	close(waits[1].fd);
	return true;
}

static void start_thread(struct thread *thread, struct worker *worker, const struct lane *of)
{
	int failure;

	*thread = (struct thread){.worker = worker, .lane = of};
	failure = pthread_create(&thread->id, NULL, work, thread);
	if (failure == 0)
		return;
	fprintf(stderr, "%s: cannot start a thread: %s\n", program, strerror(failure));
	exit(EXIT_FAILURE);
}

static int run(struct worker *worker)
{
	const long wanted = worker->process.config.threads;
	const long thread_count = wanted < THREADS_MAX ? wanted : THREADS_MAX;
	struct thread threads[THREADS_MAX], sender;
	struct error err = {0};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (!worker->is_once)
		pthread_sigmask(SIG_BLOCK, &signals, NULL);
	start_thread(&sender, worker, &sending_lane);
	for (long i = 0; i < thread_count; i++)
		start_thread(&threads[i], worker, &lane);
	if (!worker->is_once && !listen_for_rings(worker, &signals, &err))
		wake(worker, true);
	for (long i = 0; i < thread_count; i++)
		pthread_join(threads[i].id, NULL);
	pthread_join(sender.id, NULL);
	if (err.kind != ERROR_NONE)
		return process_refuse(program, &err);
	return worker->is_in_trouble ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void set_up_waking(struct worker *worker)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->woken, &attributes);
	pthread_condattr_destroy(&attributes);
	worker->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert(worker->wake_descriptor >= 0);
}

int main(int argument_count, char **arguments)
{
	struct worker worker = {.is_once =
					argument_count == 2 && strcmp(arguments[1], "--once") == 0};
	struct error err;
	int status;

	if (argument_count > 1 && !worker.is_once) {
		fprintf(stderr,
			"usage: %s [--once]\n  --once  do what is due and exit (for cron)\n",
			program);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!process_open(&worker.process, program, environ, &err)) {
		process_close(&worker.process);
		return process_refuse(program, &err);
	}
	set_up_waking(&worker);
	status = run(&worker);
	close(worker.wake_descriptor);
	pthread_cond_destroy(&worker.woken);
	pthread_mutex_destroy(&worker.lock);
	process_close(&worker.process);
	return status;
}
