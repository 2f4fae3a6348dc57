#include "api/broker_context.h"

#include "serve/zoom_circuits.h"

struct broker broker_of(const struct context *context)
{
	const int64_t time_ms =
		context->out_of_time != NULL ? 0 : context->process->config.zoom_timeout_ms;
	struct broker broker = context_broker(context, context->started_ms + time_ms);

	zoom_circuits_read(context);
	broker.out_of_time = context->out_of_time;
	return broker;
}
