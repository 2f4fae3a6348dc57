#include "api/status.h"

#include "http/message.h"
#include "serve/context.h"
#include "store/migrate.h"
#include "store/transaction.h"

/* This process lives: for a supervisor. */
bool get_health(struct context *context, const struct request *request, struct response *response,
		struct error *err)
{
	(void)request;
	(void)err;
	respond_json(response, context->arena, 200, json_pack("{s:s}", "status", "ok"));
	return true;
}

/* Requests can be served: the database is there, has the right schema and can be written. */
bool get_ready(struct context *context, const struct request *request, struct response *response,
	       struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	(void)request;
	if (!context_open_db(context, err) || !migrate_check(context->db, err) ||
	    !transaction_begin(&transaction, context->db, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, json_pack("{s:s}", "status", "ready"));
	return true;
}
