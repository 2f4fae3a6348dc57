#include "worker/pool.h"

#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	SLEEP_S_MAX = 60,    /* a ring of the doorbell that got lost costs no more than this */
	TROUBLE_SLEEP_S = 1, /* before asking again a database that cannot be read */
	CROWD_MIN = 16,      /* threads that leave memory behind which is worth being given back */
};

struct task {
	const struct job *job;
	int under_way;            /* of its pieces, by threads that have passed on the watch */
	struct job_claims claims; /* of the watch */
};

struct pool {
	const struct process *process;
	bool is_once;
	size_t turn; /* of the watch: the task that is looked at first, so that each has its turn */
	int wake_descriptor;   /* tells rings to who waits for the network meanwhile */
	atomic_bool is_ending; /* as the jobs see it */
	pthread_mutex_t lock;  /* over what follows */
	pthread_cond_t woken;  /* the watch waits for it */
	unsigned wakes; /* counts them, so that none is missed between looking and sleeping */
	bool is_over;   /* nothing is claimed any more */
	bool is_watched;
	bool is_in_trouble; /* something that was due could not even be claimed */
	struct thread *top; /* of those that sit */
	size_t thread_count, thread_count_max; /* since they were a crowd */
	pthread_cond_t all_are_gone;
	pthread_t gone; /* the last one that went, to be joined */
	bool has_gone;
	int under_way; /* of all tasks */
	size_t task_count;
	struct task tasks[];
};

/* Of a thread, on its own stack. */
struct thread {
	struct pool *pool;
	struct task *task; /* of the piece that it does or did last */
	bool has_watch;
	unsigned wakes; /* those of the pool when it began to look */
	/* While it has nothing to do: */
	pthread_cond_t called;
	bool is_sent_home;
	struct thread *below;
};

static void *work(void *argument);

/* A new thread has the watch. With the lock. */
static int start_thread(struct pool *pool)
{
	const int failure = thread_start(work, pool);

	if (failure == 0) {
		pool->thread_count++;
		if (pool->thread_count > pool->thread_count_max)
			pool->thread_count_max = pool->thread_count;
		pool->is_watched = true;
	}
	return failure;
}

/*
 * By who has claimed a piece. Where no thread can be started nobody has the watch until one is back
 * from its piece.
 */
static void pass_watch(void *argument)
{
	struct thread *thread = argument;
	struct pool *pool = thread->pool;
	struct thread *next;

	pthread_mutex_lock(&pool->lock);
	thread->has_watch = false;
	thread->task->under_way++;
	pool->under_way++;
	next = pool->top;
	if (next != NULL) {
		pool->top = next->below;
		next->has_watch = true;
		pthread_cond_signal(&next->called);
	} else {
		pool->is_watched = false;
		start_thread(pool);
	}
	pthread_mutex_unlock(&pool->lock);
}

/* With the lock. The watch alone waits for it. */
static void wake_watch(struct pool *pool)
{
	pool->wakes++;
	pthread_cond_signal(&pool->woken);
}

/* With the lock, by a thread that is back from its piece: what is due, or may be claimed, is different now. */
static void sit(struct thread *thread)
{
	struct pool *pool = thread->pool;

	assert(thread->task != NULL); /* with which it passed on the watch */
	thread->task->under_way--;
	pool->under_way--;
	wake_watch(pool);
	if (!pool->is_watched) {
		pool->is_watched = thread->has_watch = true;
		return;
	}
	thread->below = pool->top;
	pool->top = thread;
	while (!thread->has_watch && !thread->is_sent_home)
		pthread_cond_wait(&thread->called, &pool->lock);
}

/* With the lock. */
static void send_home_who_sits(struct pool *pool)
{
	for (; pool->top != NULL; pool->top = pool->top->below) {
		pool->top->is_sent_home = true;
		pthread_cond_signal(&pool->top->called);
	}
}

/* True: it has the watch. False: it is to go. */
static bool take_watch(struct thread *thread)
{
	struct pool *pool = thread->pool;
	bool goes_on;

	pthread_mutex_lock(&pool->lock);
	if (!thread->has_watch)
		sit(thread);
	thread->wakes = pool->wakes;
	goes_on = thread->has_watch && !pool->is_over;
	if (thread->has_watch && pool->is_over) {
		send_home_who_sits(pool);
		pool->is_watched = false;
	}
	pthread_mutex_unlock(&pool->lock);
	return goes_on;
}

static bool has_room(struct pool *pool, struct task *task)
{
	pthread_mutex_lock(&pool->lock);
	task->claims.room = task->job->at_once_max - task->under_way;
	pthread_mutex_unlock(&pool->lock);
	return task->claims.room > 0;
}

/*
 * The task that is due, or NULL and the seconds until one is, rounded up. One that has as many pieces under
 * way as it may have is none: the watch is woken when one of them is done. False in trouble.
 */
static bool look(struct pool *pool, struct context *context, struct task **due, int64_t *seconds)
{
	const instant now = context_now(context);
	instant earliest = now + SLEEP_S_MAX * SECOND;

	*due = NULL;
	for (size_t i = 0; i < pool->task_count; i++) {
		const size_t number = (pool->turn + i) % pool->task_count;
		struct task *task = &pool->tasks[number];
		instant at;

		if (!has_room(pool, task))
			continue;
		context->claims = &task->claims;
		if (!job_next_due(task->job, context, &at))
			return false;
		/* "Now" is what a task says that is due at once, and that is after `now`. */
		if (at != 0 && at <= context_now(context)) {
			pool->turn = number + 1;
			*due = task;
			return true;
		}
		if (at != 0 && at < earliest)
			earliest = at;
	}
	*seconds = (earliest - now + SECOND - 1) / SECOND;
	return true;
}

/* Until the time has passed or it is woken; nobody else is needed meanwhile. */
static void sleep_on_watch(struct thread *thread, int64_t seconds, bool is_in_trouble)
{
	struct pool *pool = thread->pool;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&pool->lock);
	send_home_who_sits(pool);
	if (pool->is_once &&
	    (is_in_trouble || (pool->under_way == 0 && pool->wakes == thread->wakes))) {
		pool->is_in_trouble |= is_in_trouble;
		pool->is_over = true;
	}
	while (pool->wakes == thread->wakes && !pool->is_over &&
	       pthread_cond_timedwait(&pool->woken, &pool->lock, &until) == 0)
		;
	pthread_mutex_unlock(&pool->lock);
}

/* Does what is due, or sleeps until something is. */
static void watch(struct thread *thread, struct context *context)
{
	int64_t seconds = TROUBLE_SLEEP_S;
	const bool worked = look(thread->pool, context, &thread->task, &seconds) &&
			    (thread->task == NULL || job_run(thread->task->job, context));

	/* Who sits or sleeps must not keep a connection from those who work. */
	job_rest(context);
	if (!worked || thread->task == NULL)
		sleep_on_watch(thread, seconds, !worked);
}

/* With the lock. True for the last one of a crowd. */
static bool is_crowd_gone(struct pool *pool)
{
	const bool is_gone = pool->thread_count == 1 && pool->thread_count_max >= CROWD_MIN;

	if (is_gone)
		pool->thread_count_max = 1;
	return is_gone;
}

/* Each joins the one that went before it, and the pool the last one. */
static void go(struct pool *pool)
{
	bool has_former, gives_memory_back;
	pthread_t former;

	pthread_mutex_lock(&pool->lock);
	former = pool->gone;
	has_former = pool->has_gone;
	pool->gone = pthread_self();
	pool->has_gone = true;
	if (--pool->thread_count == 0)
		pthread_cond_signal(&pool->all_are_gone);
	gives_memory_back = is_crowd_gone(pool);
	pthread_mutex_unlock(&pool->lock);
	if (has_former)
		pthread_join(former, NULL);
	if (gives_memory_back)
		process_give_memory_back(pool->process, 1);
}

static void *work(void *argument)
{
	struct pool *pool = argument;
	struct thread thread = {.pool = pool,
				.has_watch = true,
				.called = PTHREAD_COND_INITIALIZER};
	struct context context = {.process = pool->process,
				  .after_claim = pass_watch,
				  .thread = &thread,
				  .is_ending = &pool->is_ending,
				  .wake_descriptor = pool->wake_descriptor};

	while (take_watch(&thread))
		watch(&thread, &context);
	context_release(&context);
	go(pool);
	return NULL;
}

struct pool *pool_open(const struct process *process, const struct job *const *jobs,
		       size_t job_count, bool is_once)
{
	struct pool *pool = calloc(1, sizeof(*pool) + job_count * sizeof(pool->tasks[0]));
	pthread_condattr_t attributes;

	if (pool == NULL)
		abort();
	pool->process = process;
	pool->is_once = is_once;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->woken, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_cond_init(&pool->all_are_gone, NULL);
	pool->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert(pool->wake_descriptor >= 0);
	pool->task_count = job_count;
	for (size_t i = 0; i < job_count; i++) {
		assert(jobs[i]->at_once_max <= JOB_AT_ONCE_MAX);
		pool->tasks[i].job = jobs[i];
	}
	return pool;
}

bool pool_start(struct pool *pool, struct error *err)
{
	int failure;

	pthread_mutex_lock(&pool->lock);
	failure = start_thread(pool);
	pthread_mutex_unlock(&pool->lock);
	return failure == 0 ||
	       error_set(err, ERROR_INTERNAL, "cannot start a thread: %s", strerror(failure));
}

static void wake(struct pool *pool, bool to_end)
{
	const uint64_t ring = 1;

	pthread_mutex_lock(&pool->lock);
	pool->is_over |= to_end;
	wake_watch(pool);
	pthread_mutex_unlock(&pool->lock);
	/* Where it cannot be written it is full of rings that nobody has taken off yet. */
	if (write(pool->wake_descriptor, &ring, sizeof(ring)) < 0)
		assert(errno == EAGAIN);
}

void pool_wake(struct pool *pool)
{
	wake(pool, false);
}

void pool_end(struct pool *pool)
{
	pool->is_ending = true;
	wake(pool, true);
}

void pool_await(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->thread_count > 0)
		pthread_cond_wait(&pool->all_are_gone, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

bool pool_close(struct pool **pool)
{
	struct pool *closing = *pool;
	bool worked;

	pool_await(closing);
	if (closing->has_gone)
		pthread_join(closing->gone, NULL);
	worked = !closing->is_in_trouble;
	close(closing->wake_descriptor);
	pthread_cond_destroy(&closing->all_are_gone);
	pthread_cond_destroy(&closing->woken);
	pthread_mutex_destroy(&closing->lock);
	free(closing);
	*pool = NULL;
	return worked;
}
