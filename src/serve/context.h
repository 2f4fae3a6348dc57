/* What a handler works with: the process, this thread's database, this request's memory and caller. */
#ifndef SERVE_CONTEXT_H
#define SERVE_CONTEXT_H

#include "base/arena.h"
#include "base/clock.h"
#include "broker/broker.h"
#include "serve/process.h"
#include "store/db.h"
#include "store/group_commit.h"
#include "zoom/call.h"

#include <stdatomic.h>
#include <stdint.h>

struct context;
struct job_claims;
struct response;

/*
 * What a handler leaves to be stored with what other requests bring, instead of answering: the work, on
 * whatever thread, and once that is on the disk the answer to it, with the request's arena.
 */
struct later {
	const struct group_work *work; /* NULL: nothing is left */
	bool (*answer)(struct context *context, void *part, struct response *response,
		       struct error *err);
	void *part, *answered; /* of the work, and of the answer */
};

struct context {
	const struct process *process;
	struct db *db;           /* NULL until this thread first needs it */
	struct arena *arena;     /* of the request */
	int64_t project_id;      /* of the API key; 0 where the route needs none */
	int64_t started_ms;      /* of clock_monotonic_ms(): when the request was accepted */
	const char *out_of_time; /* why Zoom is not to be asked for the request; NULL: it may be */
	struct later later;      /* of the request */
	/* Of a responder: before the thread waits for anything else than the next request. NULL: none. */
	void (*before_waiting)(void *thread);
	/* Of a worker: when it has claimed a piece of work. */
	void (*after_claim)(void *thread);
	void *thread; /* of either */
	/* Of a worker: the claims of the job that is looked at (worker/job.h). */
	struct job_claims *claims;
	/* Of a worker: once it is set, what takes long stops at the next good place. */
	const atomic_bool *is_ending;
	int wake_descriptor; /* of a worker: an eventfd(2) that is written when there may be news */
};

/* Opens this thread's database unless it is open; before anything that takes long is done. */
bool context_open_db(struct context *context, struct error *err) MUST_CHECK;

/*
 * Has `work` done in a transaction of the process's threads that have something to store at that moment: one
 * commit for all of them. The context's database is open. The work finds the same context, on whose
 * `db` it reads and writes; it fails for itself alone, and may be done more than once, with what it
 * stored before undone: only the last time counts, so it sets all that it leaves in `part`.
 */
bool context_store(struct context *context,
		   bool (*work)(struct context *context, void *part, struct error *err), void *part,
		   struct error *err) MUST_CHECK;

/* The end of the thread. */
void context_release(struct context *context);

instant context_now(const struct context *context);

/* Since when the process has been up (uptime.h); 0 for one that comes for a request or a run alone. */
instant context_up_since(const struct context *context);

/* Where Zoom is and how to call it, as configured. */
struct zoom_endpoint context_zoom(const struct context *context);

/* The broker on what the context has open, until that time of clock_monotonic_ms(). */
struct broker context_broker(const struct context *context, int64_t deadline_ms);

#endif
