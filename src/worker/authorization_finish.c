/* Finishes authorizations whose tokens are stored and whose connection is not: nobody posted the code again. */
#include "broker/authorization.h"
#include "http/message.h"
#include "store/transaction.h"
#include "worker/job.h"
#include "worker/job_broker.h"

enum {
	ATTEMPTS_MAX = 24, /* backed off up to 6 h each: after some days the tokens are of no use */
	RETRY_MAX_S = 6 * 3600,
	AT_ONCE_MAX = 8,
};

/*
 * The refusal is the answer that the client gets when it posts the code again. Where this fails or
 * postponing does, the claim runs out and it is due again.
 */
static void record_refusal(struct context *context, const struct authorization *row,
			   const struct error *refusal)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct response response = {0};
	struct error ignored;

	respond_error(&response, context->arena, refusal);
	if (transaction_begin(&transaction, context->db, &ignored) &&
	    authorization_record_answer(context->db, row->app_id, row->code_sha256, response.status,
					response.body, &ignored) &&
	    transaction_commit(&transaction, &ignored))
		return;
}

static void postpone(struct context *context, const struct authorization *row, const char *holder)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const bool gives_up = row->attempts + 1 >= ATTEMPTS_MAX;
	const instant next_at =
		gives_up ? 0 : job_retry_at(context, row->attempts + 1, RETRY_MAX_S, NULL);
	struct error ignored;

	if (transaction_begin(&transaction, context->db, &ignored) &&
	    authorization_release(context->db, row, holder, next_at, &ignored) &&
	    transaction_commit(&transaction, &ignored))
		return;
}

static bool run_one(struct context *context, bool *did, const char **subject, struct error *err)
{
	struct broker broker = job_broker(context, 2 * context->process->config.zoom_timeout_ms);
	char holder[AUTHORIZATION_HOLDER_BYTES];
	struct authorization row;
	bool is_final;

	if (!authorization_claim_due(&broker, holder, did, &row, err))
		return false;
	if (!*did)
		return true;
	job_claimed(context);
	*subject = row.public_id;
	if (authorization_finish(&broker, &row, &is_final, err))
		return true;
	if (is_final)
		record_refusal(context, &row, err);
	else
		postpone(context, &row, holder);
	return false;
}

static bool next_due(struct context *context, instant *at, struct error *err)
{
	if (!authorization_next_due(context->db, at, err))
		return false;
	job_wait_for_zoom(context, context->process->config.zoom_api_url, at);
	return true;
}

const struct job authorization_finish_job = {"authorization_finish", next_due, run_one,
					     AT_ONCE_MAX};
