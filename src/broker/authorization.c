#include "broker/authorization.h"

#include "base/failpoint.h"
#include "broker/app_client.h"
#include "broker/authorization_tokens.h"
#include "broker/health.h"
#include "broker/refresh.h"
#include "broker/settlement.h"
#include "http/json.h"
#include "store/public_id.h"
#include "store/transaction.h"

#include <jansson.h>
#include <string.h>

enum {
	LEASE_MARGIN_S = 5,
	LOOK_AGAIN_MS = 50,
};

/* What settling needs of the request, kept with the row so that the worker can finish it. */
static const char *request_text(struct arena *arena, const struct authorization_request *request)
{
	SCOPED(json_decrefp)
	json_t *kept =
		json_pack("{s:s*, s:s*, s:b, s:b}", "deduplication_key", request->deduplication_key,
			  "metadata", request->metadata, "is_local_recording_token_supported",
			  request->is_local_recording_token_supported,
			  "is_onbehalf_token_supported", request->is_onbehalf_token_supported);

	return json_text(arena, kept);
}

static bool request_of_row(struct broker *broker, const struct authorization *row,
			   struct authorization_request *request, struct error *err)
{
	SCOPED(json_decrefp) json_t *kept = json_loads(row->request, 0, NULL);
	const char *key = NULL, *metadata = NULL;
	int recording, onbehalf;

	if (kept == NULL || json_unpack(kept, "{s?:s, s?:s, s:b, s:b}", "deduplication_key", &key,
					"metadata", &metadata, "is_local_recording_token_supported",
					&recording, "is_onbehalf_token_supported", &onbehalf) != 0)
		return error_set(err, ERROR_INTERNAL,
				 "authorization %s: its request cannot be read", row->public_id);
	request->deduplication_key = arena_strdup(broker->arena, key);
	request->metadata = arena_strdup(broker->arena, metadata);
	request->is_local_recording_token_supported = recording != 0;
	request->is_onbehalf_token_supported = onbehalf != 0;
	return true;
}

/* Someone else has it: wait for what they make of it. */
static bool wait_for_other(const struct broker *broker, struct error *err)
{
	if (clock_monotonic_ms() + LOOK_AGAIN_MS < broker->deadline_ms) {
		db_rest(broker->db);
		clock_pause_ms(LOOK_AGAIN_MS);
		return true;
	}
	return settlement_fail_in_progress(err);
}

/* The process of a row's lease where it is known to be dead; 0 where it lives or there is none. */
static bool find_dead_process(const struct broker *broker, const struct authorization *row,
			      int64_t *dead_process, struct error *err)
{
	bool is_alive = true;

	*dead_process = 0;
	if (row->holder_process != 0 &&
	    !holder_is_alive(broker->holder, row->holder_process, &is_alive, err))
		return false;
	if (!is_alive)
		*dead_process = row->holder_process;
	return true;
}

/* No call to Zoom begins after the deadline. */
static instant lease_until(const struct broker *broker, instant now)
{
	const int64_t left_ms = broker->deadline_ms - clock_monotonic_ms();

	return now + (left_ms + broker->zoom.timeout_ms) * MILLISECOND + LEASE_MARGIN_S * SECOND;
}

/* Step 1, once. *row is as it was before, where it was there. */
static bool claim_in_transaction(struct broker *broker, const struct authorization *wanted,
				 struct authorization_lease *lease, struct authorization *row,
				 bool *is_ours, struct error *err)
{
	const instant now = clock_now(broker->clock);
	bool found;

	*row = *wanted;
	lease->until = lease_until(broker, now);
	return authorization_find(broker->db, broker->arena, wanted->app_id, wanted->code_sha256,
				  &found, row, err) &&
	       find_dead_process(broker, row, &lease->dead_process, err) &&
	       authorization_claim(broker->db, wanted, lease, now, is_ours, err);
}

/* On success the row is ours, or *outcome is complete. */
static bool claim(struct broker *broker, struct authorization *row, const char *holder,
		  struct authorization_outcome *outcome, bool *is_ours, struct error *err)
{
	const struct authorization wanted = *row;
	struct authorization_lease lease = {.holder = holder};

	if (!holder_number(broker->holder, &lease.process, err))
		return false;
	for (;;) {
		SCOPED(transaction_end) struct transaction transaction = {0};
		bool found;

		if (!transaction_begin(&transaction, broker->db, err) ||
		    !claim_in_transaction(broker, &wanted, &lease, row, is_ours, err))
			return false;
		outcome->row = *row;
		outcome->is_answered = row->answer_status != 0;
		if (!outcome->is_answered && row->connection_id != 0 &&
		    !connection_find_by_id(broker->db, broker->arena, row->connection_id, &found,
					   &outcome->connection, err))
			return false;
		if (!transaction_commit(&transaction, err))
			return false;
		if (*is_ours || outcome->is_answered || row->connection_id != 0)
			return true;
		if (!wait_for_other(broker, err))
			return false;
	}
}

/* The end of our lease where nothing came of it yet. Where this fails, the lease runs out by itself. */
static void release(struct broker *broker, const struct authorization *row, const char *holder,
		    instant next_attempt_at)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error ignored;

	if (transaction_begin(&transaction, broker->db, &ignored) &&
	    authorization_release(broker->db, row, holder, next_attempt_at, &ignored) &&
	    transaction_commit(&transaction, &ignored))
		return;
}

/* Where the secret that Zoom refuses is yesterday's, that passes: the code is good for the new one. */
static bool note_app_refused(struct broker *broker, const struct app *app,
			     const struct zoom_client_credentials *client,
			     struct zoom_failure *failure, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	bool has_changed;

	if (!transaction_begin(&transaction, broker->db, err) ||
	    !app_client_has_changed(broker, app->id, client, &has_changed, err))
		return false;
	if (has_changed) {
		failure->class = ZOOM_FAILURE_UNAVAILABLE;
		failure->reason = "the app's client secret was changed while it was asked";
		return true;
	}
	return health_app_refused(broker->db, app->id, clock_now(broker->clock), err) &&
	       transaction_commit(&transaction, err);
}

/* Zoom's refusal in the words of our API. */
static bool fail_exchange(struct broker *broker, const struct app *app,
			  const struct zoom_client_credentials *client,
			  struct zoom_failure *failure, struct error *err)
{
	struct error refused;

	if (failure->class == ZOOM_FAILURE_CLIENT &&
	    !note_app_refused(broker, app, client, failure, err))
		return false;
	zoom_failure_to_error(broker->arena, failure, clock_now(broker->clock), err);
	if (zoom_failure_is_passing(failure))
		return false;
	refused = *err;
	if (failure->class == ZOOM_FAILURE_CLIENT)
		error_set_code(
			err, ERROR_INVALID, "invalid_client_credentials",
			"Zoom does not take the app's client id and secret: %s; set the right secret with PATCH",
			failure->reason);
	else
		error_set_code(err, ERROR_INVALID, "authorization_failed",
			       "Zoom refused the authorization code: %s", failure->reason);
	err->details = refused.details;
	return false;
}

/*
 * Step 2. Zoom may take the code, and void the user's older grant, without our having its answer: that
 * stays in doubt until the same code brings tokens.
 */
static bool exchange(struct broker *broker, const struct authorization_request *request,
		     struct authorization *row, struct error *err)
{
	const instant asked_at = clock_now(broker->clock);
	const instant doubt_since = row->exchange_began_at != 0 ? row->exchange_began_at : asked_at;
	struct zoom_client_credentials client;
	struct zoom_token_set tokens;
	struct zoom_failure failure;

	if (!app_client_open(broker, request->app, &client, err))
		return false;
	if (!zoom_oauth_exchange_code(&broker->zoom, broker->arena, &client, request->code,
				      request->redirect_uri, request->code_verifier, &tokens,
				      &failure)) {
		if (refresh_may_have_rotated(&failure))
			row->exchange_began_at = doubt_since;
		return fail_exchange(broker, request->app, &client, &failure, err);
	}
	failpoint("authorization.exchanged");
	row->exchange_began_at = doubt_since;
	return authorization_tokens_store(broker, row, request->app->project_id, &tokens, asked_at,
					  err);
}

/* Without any the code is left for the next post of it, and tokens that are there for that or for the worker. */
static bool check_time_left(struct broker *broker, struct error *err)
{
	struct zoom_failure failure;

	return !broker_is_out_of_time(broker, &failure) ||
	       zoom_failure_to_error(broker->arena, &failure, clock_now(broker->clock), err);
}

bool authorization_run(struct broker *broker, const struct authorization_request *request,
		       struct authorization_outcome *outcome, bool *is_final, struct error *err)
{
	struct authorization row = {.app_id = request->app->id};
	char holder[AUTHORIZATION_HOLDER_BYTES];
	bool is_ours;

	*is_final = false;
	*outcome = (struct authorization_outcome){0};
	sha256(request->code, strlen(request->code), row.code_sha256);
	row.public_id = public_id_make(broker->arena, "zauth_");
	row.request = request_text(broker->arena, request);
	random_base62(holder, sizeof(holder) - 1);
	if (!claim(broker, &row, holder, outcome, &is_ours, err))
		return false;
	if (!is_ours)
		return true;
	failpoint("authorization.claimed");
	if (check_time_left(broker, err) &&
	    (row.exchanged_at != 0 || exchange(broker, request, &row, err)) &&
	    settlement_run(broker, request, &row, &outcome->connection, is_final, err))
		return true;
	/* With tokens in the row the worker finishes it; without, the code may be sent again. */
	if (!*is_final)
		release(broker, &row, holder,
			row.exchanged_at != 0
				? clock_now(broker->clock) + AUTHORIZATION_WORKER_DELAY
				: 0);
	return false;
}

/* What somebody else is at is done by him, or due again when he had his time. */
static bool claim_next(struct broker *broker, struct authorization_lease *lease, bool *found,
		       struct authorization *row, bool *is_ours, struct error *err)
{
	const instant now = clock_now(broker->clock);

	*is_ours = false;
	if (!authorization_find_due(broker->db, broker->arena, now, found, row, err))
		return false;
	if (!*found)
		return true;
	lease->until = lease_until(broker, now);
	return find_dead_process(broker, row, &lease->dead_process, err) &&
	       authorization_take(broker->db, row, lease, now, is_ours, err) &&
	       (*is_ours ||
		authorization_put_off(broker->db, row, now + AUTHORIZATION_WORKER_DELAY, err));
}

bool authorization_claim_due(struct broker *broker, char holder[static AUTHORIZATION_HOLDER_BYTES],
			     bool *found, struct authorization *row, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct authorization_lease lease = {.holder = holder};
	bool is_ours;

	random_base62(holder, AUTHORIZATION_HOLDER_BYTES - 1);
	if (!holder_number(broker->holder, &lease.process, err) ||
	    !transaction_begin(&transaction, broker->db, err))
		return false;
	do
		if (!claim_next(broker, &lease, found, row, &is_ours, err))
			return false;
	while (*found && !is_ours);
	return transaction_commit(&transaction, err);
}

bool authorization_finish(struct broker *broker, const struct authorization *row, bool *is_final,
			  struct error *err)
{
	struct authorization_request request = {0};
	struct authorization own = *row;
	struct connection connection;
	struct app app;
	bool found;

	*is_final = false;
	if (!app_find_by_id(broker->db, broker->arena, row->app_id, &found, &app, err) ||
	    !request_of_row(broker, row, &request, err))
		return false;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "the app was deleted");
	request.app = &app;
	return settlement_run(broker, &request, &own, &connection, is_final, err);
}
