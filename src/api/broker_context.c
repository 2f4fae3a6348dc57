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
		.tallies = process->tallies,
		.zoom = context_zoom(context),
		.deadline_ms = context->started_ms + process->config.zoom_timeout_ms,
	};
}
