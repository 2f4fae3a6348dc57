/*
 * Refreshes the tokens that nobody has used for long, so that Zoom does not let them lapse, and those that
 * an event put in doubt; either way a user who is gone is found.
 */
#include "base/failpoint.h"
#include "broker/access_token.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/transaction.h"
#include "worker/job.h"
#include "worker/job_broker.h"

enum {
	RETRY_MAX_S = 6 * 3600,
	LEASE_MARGIN_S = 60,
	AT_ONCE_MAX = JOB_AT_ONCE_MAX, /* nearly all of the time is waiting for Zoom */
};

/*
 * As many at once as there is room for: while commits are slow, it is more than one. Those that are not begun
 * when the worker ends are due again when the lease is over.
 */
static bool claim(struct context *context, struct job_claims *claims, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = context_now(context);
	const instant lease_until = now +
				    2 * context->process->config.zoom_timeout_ms * MILLISECOND +
				    LEASE_MARGIN_S * SECOND;
	int count;

	if (!transaction_begin_first(&transaction, context->db, err) ||
	    !credentials_claim_due_refreshes(context->db, now, lease_until, claims->room,
					     claims->refreshes, &count, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	claims->count = count;
	return true;
}

static bool next_claimed(struct context *context, bool *did, struct due_refresh *refresh,
			 struct error *err)
{
	struct job_claims *claims = context->claims;

	if (claims->count == 0 && !claim(context, claims, err))
		return false;
	*did = claims->count > 0;
	if (!*did)
		return true;
	*refresh = claims->refreshes[--claims->count];
	job_claimed(context);
	return true;
}

/* Another piece found out first that Zoom is not asked at the moment: that is no attempt of this one. */
static bool was_asked(const struct zoom_failure *failure)
{
	return failure->was_sent || failure->retry_at == 0;
}

/* Where even this fails, the claim runs out and it is due again. */
static void postpone(struct context *context, const struct due_refresh *refresh,
		     const struct zoom_failure *failure)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const int attempts = refresh->attempts + was_asked(failure);
	const instant next_at = was_asked(failure)
					? job_retry_at(context, attempts, RETRY_MAX_S, failure)
					: failure->retry_at;
	struct error ignored;

	if (transaction_begin(&transaction, context->db, &ignored) &&
	    credentials_postpone_refresh(context->db, refresh->connection_id, next_at, attempts,
					 &ignored) &&
	    transaction_commit(&transaction, &ignored))
		return;
}

static bool run_one(struct context *context, bool *did, const char **subject, struct error *err)
{
	struct connection connection;
	struct due_refresh refresh = {0};
	struct zoom_failure failure;
	struct access_token token;
	struct broker broker;
	bool found;

	if (!next_claimed(context, did, &refresh, err))
		return false;
	if (!*did)
		return true;
	if (!connection_find_by_id(context->db, context->arena, refresh.connection_id, &found,
				   &connection, err))
		return false;
	if (!found)
		return true;
	*subject = connection.public_id;
	failpoint("upkeep.claimed");
	broker = job_broker(context, 2 * context->process->config.zoom_timeout_ms);
	/* Somebody may have renewed them since they were claimed, and that is their upkeep, too. */
	if (access_token_get(&broker, &connection, refresh.generation, &token, &failure, err))
		return true;
	postpone(context, &refresh, &failure);
	return job_fail(context, &failure, err);
}

static bool next_due(struct context *context, instant *at, struct error *err)
{
	if (context->claims->count > 0) {
		*at = 1; /* at once */
		return true;
	}
	if (!credentials_next_refresh(context->db, at, err))
		return false;
	job_wait_for_zoom(context, context->process->config.zoom_oauth_url, at);
	return true;
}

const struct job token_upkeep_job = {"token_upkeep", next_due, run_one, AT_ONCE_MAX};
