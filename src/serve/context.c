#include "serve/context.h"

bool context_open_db(struct context *context, struct error *err)
{
	if (context->before_waiting != NULL)
		context->before_waiting(context->thread);
	return context->db != NULL || process_open_db(context->process, &context->db, err);
}

void context_release(struct context *context)
{
	db_close(&context->db);
}

instant context_now(const struct context *context)
{
	return clock_now(&context->process->clock);
}

struct zoom_endpoint context_zoom(const struct context *context)
{
	const struct process *process = context->process;

	return (struct zoom_endpoint){
		.client = process->http_client,
		.clock = &process->clock,
		.circuits = process->circuits,
		.tallies = process->tallies,
		.oauth_url = process->config.zoom_oauth_url,
		.api_url = process->config.zoom_api_url,
		.timeout_ms = process->config.zoom_timeout_ms,
		.db = context->db,
	};
}

struct broker context_broker(const struct context *context, int64_t deadline_ms)
{
	const struct process *process = context->process;

	return (struct broker){
		.db = context->db,
		.arena = context->arena,
		.keyring = process->keyring,
		.clock = &process->clock,
		.flights = process->flights,
		.holder = process->holder,
		.tallies = process->tallies,
		.zoom = context_zoom(context),
		.deadline_ms = deadline_ms,
	};
}
