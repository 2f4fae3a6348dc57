/*
 * A kind of work that the worker does: when the next piece of it is due, and doing one piece. Pieces
 * are claimed in the database, so any number of workers with any number of threads share them.
 */
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include "base/clock.h"
#include "serve/context.h"
#include "store/credentials.h"

#include <stdbool.h>

enum { JOB_AT_ONCE_MAX = 100 };

/* What one worker has claimed of a job, several pieces at once, and not begun. Who looks for work has them. */
struct job_claims {
	int room; /* for so many pieces, these included */
	int count;
	struct due_refresh refreshes[JOB_AT_ONCE_MAX];
};

struct job {
	const char *name;

	/* *at is when the next piece is due; 0: none is. The context may have no arena. */
	bool (*next_due)(struct context *context, instant *at, struct error *err);

	/*
	 * Claims the piece that is due longest and does it. *did is false where none was due. *subject
	 * names it for the log (in the arena). On failure the piece is put off already. One that may
	 * take long tells so by job_claimed(), and looks at context->is_ending now and then.
	 */
	bool (*run_one)(struct context *context, bool *did, const char **subject,
			struct error *err);

	int at_once_max; /* pieces of it that one worker has under way, up to JOB_AT_ONCE_MAX */
};

/* As next_due() is, with the database opened. False, logged and counted, where it cannot be used. */
bool job_next_due(const struct job *job, struct context *context, instant *at) MUST_CHECK;

/* Runs one piece, if there is one, and logs and counts it. False where it could not even be claimed. */
bool job_run(const struct job *job, struct context *context) MUST_CHECK;

/* By run_one() when its piece is claimed: somebody else may look for the next one from now on. */
void job_claimed(const struct context *context);

/* Before the thread waits for work. */
void job_rest(const struct context *context);

extern const struct job meeting_sync_job; /* reads the meetings that a user hosts */
extern const struct job token_upkeep_job; /* keeps refresh tokens alive, finds revoked users */
extern const struct job authorization_finish_job; /* finishes what a code exchange left open */
extern const struct job bot_lease_job; /* settles what runners left, and holds that ran out */
extern const struct job clean_up_job;  /* drops what is old */
extern const struct job webhook_delivery_job; /* sends what webhooks are to be told */

#endif
