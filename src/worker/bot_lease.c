/* Settles bots whose runner is dead, and those that waited for their on-behalf user in vain. */
#include "store/bot_lease.h"
#include "bot/hold.h"
#include "bot/lease.h"
#include "store/bot_queue.h"
#include "store/transaction.h"
#include "worker/job.h"

static bool run_one(struct context *context, bool *did, const char **subject, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = context_now(context);

	return transaction_begin(&transaction, context->db, err) &&
	       lease_settle_one(context->db, context->arena, 0, now, context_up_since(context), did,
				subject, err) &&
	       (*did || hold_settle_one(context->db, context->arena, 0, now, did, subject, err)) &&
	       transaction_commit(&transaction, err);
}

static bool next_due(struct context *context, instant *at, struct error *err)
{
	const instant now = context_now(context);
	bool is_ahead;

	if (!bot_lease_find_ahead(context->db, now, &is_ahead, err))
		return false;
	*at = now;
	return is_ahead || bot_queue_next_at(context->db, context_up_since(context), at, err);
}

const struct job bot_lease_job = {"bot_lease", next_due, run_one, 1};
