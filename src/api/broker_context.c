#include "api/broker_context.h"

#include "serve/zoom_circuits.h"

struct broker broker_of(const struct context *context)
{
	const struct process *process = context->process;

	zoom_circuits_read(context);
	return (struct broker){
		.db = context->db,
		.arena = context->arena,
		.keyring = process->keyring,
		.clock = &process->clock,
		.flights = process->flights,
		.holder = process->holder,
		.zoom = {.client = process->http_client,
			 .clock = &process->clock,
			 .circuits = process->circuits,
			 .oauth_url = process->config.zoom_oauth_url,
			 .api_url = process->config.zoom_api_url,
			 .timeout_ms = process->config.zoom_timeout_ms},
		.deadline_ms = context->started_ms + process->config.zoom_timeout_ms,
	};
}
