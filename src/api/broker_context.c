#include "api/broker_context.h"

struct broker broker_of(const struct context *context)
{
	const struct process *process = context->process;

	return (struct broker){
		.db = context->db,
		.arena = context->arena,
		.keyring = process->keyring,
		.clock = &process->clock,
		.flights = process->flights,
		.zoom = {.client = process->http_client,
			 .clock = &process->clock,
			 .oauth_url = process->config.zoom_oauth_url,
			 .api_url = process->config.zoom_api_url,
			 .timeout_ms = process->config.zoom_timeout_ms},
		.deadline_ms = clock_monotonic_ms() + process->config.zoom_timeout_ms,
	};
}
