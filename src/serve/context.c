#include "serve/context.h"

bool context_open_db(struct context *context, struct error *err)
{
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
