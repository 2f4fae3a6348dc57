/* A piece of this job is a session. What former ones held that did not end well is due again before it begins. */
#include "store/transaction.h"
#include "store/webhook.h"
#include "worker/delivery_session.h"
#include "worker/job.h"

/* Nobody rings when another worker dies: while one holds something, whether it lives is looked at this often. */
static const instant holders_look = SECOND;

/*
 * The next holder after that number who is dead, or is this process, whose last session did not end
 * well; 0: there is none. *passed_living: who lives was passed on the way.
 */
static bool next_lost_holder(struct context *context, int64_t *holder, bool *passed_living,
			     struct error *err)
{
	int64_t own;
	bool is_alive = true;

	if (!holder_number(context->process->holder, &own, err))
		return false;
	while (is_alive) {
		if (!webhook_next_holder(context->db, *holder, holder, err))
			return false;
		if (*holder == 0 || *holder == own)
			return true;
		if (!holder_is_alive(context->process->holder, *holder, &is_alive, err))
			return false;
		*passed_living |= is_alive;
	}
	return true;
}

/* What the lost held is due, whenever their leases would have ended. */
static bool release_lost(struct context *context, struct error *err)
{
	int64_t holder = 0;
	bool passed_living = false;

	for (;;) {
		SCOPED(transaction_end) struct transaction transaction = {0};

		if (!next_lost_holder(context, &holder, &passed_living, err))
			return false;
		if (holder == 0)
			return true;
		if (!transaction_begin(&transaction, context->db, err) ||
		    !webhook_release_all(context->db, holder, context_now(context), err) ||
		    !transaction_commit(&transaction, err))
			return false;
	}
}

static bool run_one(struct context *context, bool *did, const char **subject, struct error *err)
{
	int64_t holder;

	if (!holder_number(context->process->holder, &holder, err) || !release_lost(context, err))
		return false;
	*did = true;
	*subject = "";
	job_claimed(context);
	return delivery_session_run(context, holder, err);
}

static bool next_due(struct context *context, instant *at, struct error *err)
{
	const instant now = context_now(context);
	bool others_hold = false;
	int64_t lost = 0;

	if (!next_lost_holder(context, &lost, &others_hold, err) ||
	    !webhook_next_due(context->db, at, err))
		return false;
	if (lost != 0)
		*at = now;
	else if (others_hold && *at > now + holders_look)
		*at = now + holders_look;
	return true;
}

const struct job webhook_delivery_job = {"webhook_delivery", next_due, run_one, 1};
