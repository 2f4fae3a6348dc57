/* When the work that comes round by itself is due again (table periodic_jobs). */
#ifndef STORE_PERIODIC_JOB_H
#define STORE_PERIODIC_JOB_H

#include "base/clock.h"
#include "store/db.h"

/* Where the job is due (one that never ran is): *claimed, and due again at next_at. */
bool periodic_job_claim(struct db *db, const char *name, instant now, instant next_at,
			bool *claimed, struct error *err) MUST_CHECK;

/* A job that never ran is due since 1. */
bool periodic_job_next(struct db *db, const char *name, instant *at, struct error *err) MUST_CHECK;

#endif
