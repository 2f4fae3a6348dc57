/* The broker as a job uses it, and when a job that failed is tried again. */
#ifndef WORKER_JOB_BROKER_H
#define WORKER_JOB_BROKER_H

#include "broker/broker.h"
#include "serve/context.h"
#include "zoom/failure.h"

/* With timeout_ms from now on for all calls together; each single call has zoom_timeout_ms. */
struct broker job_broker(const struct context *context, int64_t timeout_ms);

/*
 * While Zoom's host of that URL is not asked, what needs it is not due: claiming it would only put it off,
 * once for each user. *at as of next_due().
 */
void job_wait_for_zoom(struct context *context, const char *url, instant *at);

/*
 * The next try after `failures` in a row: backed off from a minute up to max_s, and never before the
 * time that Zoom named. failure may be NULL.
 */
instant job_retry_at(const struct context *context, int failures, int64_t max_s,
		     const struct zoom_failure *failure);

/* Fills err from a Zoom failure for the log, unless that is NONE and err is filled already. False. */
bool job_fail(const struct context *context, const struct zoom_failure *failure, struct error *err);

#endif
