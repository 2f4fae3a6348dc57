/*
 * The threads that do the jobs. One of them has the watch: it sleeps until something is due, claims it, and
 * passes the watch on before it does what takes long, to a thread that is back from its piece or else to a
 * new one. So there is one thread more than there are pieces under way; a piece that is due wakes one of
 * them; and while nothing is due all but the watch are gone, and that one sleeps.
 */
#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include "base/error.h"
#include "serve/process.h"
#include "worker/job.h"

#include <stdbool.h>
#include <stddef.h>

struct pool;

/* is_once: it ends by itself when nothing is due. Process and jobs outlive it. */
struct pool *pool_open(const struct process *process, const struct job *const *jobs,
		       size_t job_count, bool is_once);

bool pool_start(struct pool *pool, struct error *err) MUST_CHECK;

/* There may be something that is due now. */
void pool_wake(struct pool *pool);

/* No other piece is begun; what takes long stops at the next good place. */
void pool_end(struct pool *pool);

/* Waits until the last thread is gone. */
void pool_await(struct pool *pool);

/* The same, and the end of it. False where something that was due could not even be claimed. */
bool pool_close(struct pool **pool);

#endif
