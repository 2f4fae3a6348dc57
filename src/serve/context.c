#include "serve/context.h"

bool context_open_db(struct context *context, struct error *err)
{
	if (context->before_waiting != NULL)
		context->before_waiting(context->thread);
	return context->db != NULL || process_open_db(context->process, &context->db, err);
}

struct stored {
	struct context *context;
	bool (*work)(struct context *context, void *part, struct error *err);
	void *part;
};

/*
 * On the thread that leads the group, with its database in place of our own. Nobody else is at the context
 * or its arena meanwhile: the thread that they belong to waits in group_store() until the group is through,
 * and the group's lock, which is taken between any two of these, lets each see what the other left.
 */
static bool work_on(struct db *db, void *part, struct error *err)
{
	const struct stored *stored = part;
	struct db *own = stored->context->db;
	bool worked;

	stored->context->db = db;
	worked = stored->work(stored->context, stored->part, err);
	stored->context->db = own;
	return worked;
}

bool context_store(struct context *context,
		   bool (*work)(struct context *context, void *part, struct error *err), void *part,
		   struct error *err)
{
	struct stored stored = {context, work, part};

	return group_store(context->db, work_on, &stored, err);
}

void context_release(struct context *context)
{
	db_close(&context->db);
}

instant context_now(const struct context *context)
{
	return clock_now(&context->process->clock);
}

instant context_up_since(const struct context *context)
{
	struct uptime *uptime = context->process->uptime;

	return uptime != NULL ? uptime_since(uptime, context_now(context), clock_monotonic_ms())
			      : 0;
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
		.database = process->config.database,
		.gate = process->gate,
		.keyring = process->keyring,
		.clock = &process->clock,
		.flights = process->flights,
		.holder = process->holder,
		.tallies = process->tallies,
		.zoom = context_zoom(context),
		.deadline_ms = deadline_ms,
	};
}
