#include "api/broker_context.h"

#include "serve/zoom_circuits.h"

struct broker broker_of(const struct context *context)
{
	zoom_circuits_read(context);
	return context_broker(context,
			      context->started_ms + context->process->config.zoom_timeout_ms);
}
