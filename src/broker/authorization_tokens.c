#include "broker/authorization_tokens.h"

#include "base/failpoint.h"
#include "broker/app_client.h"
#include "broker/refresh.h"
#include "store/transaction.h"

enum { STORE_TRIES = 200, STORE_PAUSE_MS = 50 };

/* Sealed inside the transaction, so that a rotation of our keys cannot come between. */
static bool store_tokens_once(struct broker *broker, struct authorization *row, int64_t project_id,
			      const struct zoom_token_set *tokens, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct seal_place access = authorization_access_token_place(row, project_id);
	const struct seal_place refresh = authorization_refresh_token_place(row, project_id);

	if (!transaction_begin_first(&transaction, broker->db, err))
		return false;
	row->access_token =
		keyring_seal(broker->keyring, broker->arena, &access, tokens->access_token);
	row->refresh_token =
		keyring_seal(broker->keyring, broker->arena, &refresh, tokens->refresh_token);
	return authorization_store_tokens(broker->db, row,
					  row->exchanged_at + AUTHORIZATION_WORKER_DELAY, err) &&
	       transaction_commit(&transaction, err);
}

bool authorization_tokens_store(struct broker *broker, struct authorization *row,
				int64_t project_id, const struct zoom_token_set *tokens,
				instant asked_at, struct error *err)
{
	row->asked_at = asked_at;
	row->exchanged_at = clock_now(broker->clock);
	row->access_token_expires_at = row->exchanged_at + tokens->expires_in_s * SECOND;
	row->scopes = tokens->scope;
	row->renewal_began_at = 0;
	for (int tries = 1; !store_tokens_once(broker, row, project_id, tokens, err); tries++) {
		if (tries == STORE_TRIES || !error_is_passing(err))
			return false;
		clock_pause_ms(STORE_PAUSE_MS);
	}
	row->exchange_began_at = 0;
	return true;
}

bool authorization_tokens_open(struct broker *broker, const struct authorization *row,
			       int64_t project_id, struct zoom_token_set *tokens, struct error *err)
{
	const struct seal_place access = authorization_access_token_place(row, project_id);
	const struct seal_place refresh = authorization_refresh_token_place(row, project_id);

	*tokens = (struct zoom_token_set){.scope = row->scopes};
	return keyring_open_sealed(broker->keyring, broker->arena, &access, row->access_token,
				   &tokens->access_token, err) &&
	       keyring_open_sealed(broker->keyring, broker->arena, &refresh, row->refresh_token,
				   &tokens->refresh_token, err);
}

/* Committed before Zoom is asked: where its answer does not come to the disk, these tokens are in doubt. */
static bool note_renewal(struct broker *broker, struct authorization *row, instant began_at,
			 struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin(&transaction, broker->db, err) ||
	    !authorization_note_renewal(broker->db, row, began_at, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	row->renewal_began_at = began_at;
	return true;
}

/* The answer left them as they were. Where this fails they stay in doubt, which the next success ends. */
static void forget_renewal(struct broker *broker, struct authorization *row, instant open_since)
{
	struct error ignored;

	if (!note_renewal(broker, row, open_since, &ignored))
		row->renewal_began_at = open_since;
}

bool authorization_tokens_renew(struct broker *broker, const struct app *app,
				struct authorization *row, struct zoom_failure *failure,
				struct error *err)
{
	const instant asked_at = clock_now(broker->clock);
	struct zoom_client_credentials client;
	const instant open_since = row->renewal_began_at;
	struct zoom_token_set held, renewed;

	*failure = (struct zoom_failure){0};
	if (!authorization_tokens_open(broker, row, app->project_id, &held, err) ||
	    !app_client_open(broker, app, &client, err) ||
	    !note_renewal(broker, row, open_since != 0 ? open_since : asked_at, err))
		return false;
	failpoint("authorization.renewing");
	if (!zoom_oauth_refresh(&broker->zoom, broker->arena, &client, held.refresh_token, &renewed,
				failure)) {
		if (!refresh_may_have_rotated(failure))
			forget_renewal(broker, row, open_since);
		return false;
	}
	failpoint("authorization.renewed");
	if (renewed.refresh_token == NULL)
		renewed.refresh_token = held.refresh_token;
	if (renewed.scope == NULL)
		renewed.scope = held.scope;
	return authorization_tokens_store(broker, row, app->project_id, &renewed, asked_at, err);
}
