#include "worker/job.h"

#include "serve/zoom_circuits.h"

#include <stdio.h>

static void count_piece(const struct job *job, const struct context *context, int64_t started_us,
			const struct error *err)
{
	struct tallies *tallies = context->process->tallies;
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "job=\"%s\",outcome=\"%s\"", job->name,
		 err->kind != ERROR_NONE ? err->code : "ok");
	tally_add(tallies, "hallpass_jobs_total", labels);
	snprintf(labels, sizeof(labels), "job=\"%s\"", job->name);
	tally_time(tallies, "hallpass_job_duration_seconds", labels,
		   clock_monotonic_us() - started_us);
}

static void log_piece(const struct job *job, const struct context *context, const char *subject,
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

	log_write(&context->process->log, failed ? LOG_WARN : LOG_INFO, "job", fields);
}

static void tell(const struct job *job, const struct context *context, const char *subject,
		 int64_t started_us, const struct error *err)
{
	count_piece(job, context, started_us, err);
	log_piece(job, context, subject, started_us, err);
}

bool job_next_due(const struct job *job, struct context *context, instant *at)
{
	const int64_t started_us = clock_monotonic_us();
	struct error err = {0};

	if (context_open_db(context, &err) && job->next_due(context, at, &err))
		return true;
	tell(job, context, NULL, started_us, &err);
	return false;
}

bool job_run(const struct job *job, struct context *context)
{
	SCOPED(arena_release) struct arena arena = {0};
	const int64_t started_us = clock_monotonic_us();
	const char *subject = NULL;
	struct error err = {0};
	bool worked, did = false;

	context->arena = &arena;
	worked = job->run_one(context, &did, &subject, &err);
	context->arena = NULL;
	if (worked)
		err = (struct error){0}; /* of an attempt before the one that worked */
	if (did || !worked)
		tell(job, context, subject, started_us, &err);
	zoom_circuits_tell(context);
	return worked || did;
}

void job_claimed(const struct context *context)
{
	context->after_claim(context->thread);
}

void job_rest(const struct context *context)
{
	if (context->db != NULL)
		db_rest(context->db);
}
