#include "worker/job_broker.h"

#include "base/backoff.h"
#include "base/crypto.h"
#include "serve/zoom_circuits.h"

enum { FIRST_RETRY_S = 60 };

struct broker job_broker(const struct context *context, int64_t timeout_ms)
{
	zoom_circuits_read(context);
	return context_broker(context, clock_monotonic_ms() + timeout_ms);
}

void job_wait_for_zoom(struct context *context, const char *url, instant *at)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct zoom_endpoint zoom = context_zoom(context);
	struct zoom_failure failure;

	if (*at == 0)
		return;
	context->arena = &arena;
	zoom_circuits_read(context);
	context->arena = NULL;
	if (zoom_is_resting(&zoom, &arena, url, &failure) && failure.retry_at > *at)
		*at = failure.retry_at;
}

instant job_retry_at(const struct context *context, int failures, int64_t max_s,
		     const struct zoom_failure *failure)
{
	const instant at = context_now(context) +
			   backoff_s(failures, FIRST_RETRY_S, max_s, random_below(65536)) * SECOND;

	return failure != NULL && failure->retry_at > at ? failure->retry_at : at;
}

bool job_fail(const struct context *context, const struct zoom_failure *failure, struct error *err)
{
	if (failure->class != ZOOM_FAILURE_NONE)
		zoom_failure_to_error(context->arena, failure, context_now(context), err);
	return false;
}
