/*
 * Refreshes the tokens that nobody has used for long, so that Zoom does not let them lapse, and those that
 * an event put in doubt; either way a user who is gone is found.
 */
#include "broker/access_token.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/transaction.h"
#include "worker/job.h"
#include "worker/job_broker.h"

enum {
	RETRY_MAX_S = 6 * 3600,
	LEASE_MARGIN_S = 60,
	AT_ONCE_MAX = 100, /* nearly all of the time is waiting for Zoom */
};

static bool claim(struct context *context, bool *did, int64_t *connection_id, int *attempts,
		  struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = context_now(context);
	const instant lease_until = now +
				    2 * context->process->config.zoom_timeout_ms * MILLISECOND +
				    LEASE_MARGIN_S * SECOND;

	return transaction_begin(&transaction, context->db, err) &&
	       credentials_claim_due_refresh(context->db, now, lease_until, did, connection_id,
					     attempts, err) &&
	       transaction_commit(&transaction, err);
}

/* Another piece found out first that Zoom is not asked at the moment: that is no attempt of this one. */
static bool was_asked(const struct zoom_failure *failure)
{
	return failure->was_sent || failure->retry_at == 0;
}

/* After so many attempts in a row before it. Where even this fails, the claim runs out and it is due again. */
static void postpone(struct context *context, int64_t connection_id, int attempts,
		     const struct zoom_failure *failure)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const int count = attempts + was_asked(failure);
	const instant next_at = was_asked(failure)
					? job_retry_at(context, count, RETRY_MAX_S, failure)
					: failure->retry_at;
	struct error ignored;

	if (transaction_begin(&transaction, context->db, &ignored) &&
	    credentials_postpone_refresh(context->db, connection_id, next_at, count, &ignored) &&
	    transaction_commit(&transaction, &ignored))
		return;
}

static bool run_one(struct context *context, bool *did, const char **subject, struct error *err)
{
	struct connection connection;
	struct zoom_failure failure;
	struct access_token token;
	struct broker broker;
	int64_t id;
	int attempts;
	bool found;

	if (!claim(context, did, &id, &attempts, err))
		return false;
	if (!*did)
		return true;
	job_claimed(context);
	if (!connection_find_by_id(context->db, context->arena, id, &found, &connection, err))
		return false;
	if (!found)
		return true;
	*subject = connection.public_id;
	broker = job_broker(context, 2 * context->process->config.zoom_timeout_ms);
	if (access_token_renew(&broker, &connection, &token, &failure, err))
		return true;
	postpone(context, id, attempts, &failure);
	return job_fail(context, &failure, err);
}

static bool next_due(struct context *context, instant *at, struct error *err)
{
	if (!credentials_next_refresh(context->db, at, err))
		return false;
	job_wait_for_zoom(context, context->process->config.zoom_oauth_url, at);
	return true;
}

const struct job token_upkeep_job = {"token_upkeep", next_due, run_one, AT_ONCE_MAX};
