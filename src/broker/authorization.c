#include "broker/authorization.h"

#include "base/failpoint.h"
#include "broker/health.h"
#include "broker/refresh.h"
#include "broker/scopes.h"
#include "http/message.h"
#include "store/credentials.h"
#include "store/meeting.h"
#include "store/participant.h"
#include "store/public_id.h"
#include "store/refresh_attempt.h"
#include "zoom/api.h"
#include "zoom/meeting_url.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

enum {
	HOLDER_LENGTH = 16,
	LEASE_MARGIN_S = 5,
	WORKER_DELAY_S = 60, /* the caller is given this time to post the code again */
	LOOK_AGAIN_MS = 50,
	STORE_TRIES = 200,
};

static void pause_ms(int milliseconds)
{
	const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* What settling needs of the request, kept with the row so that the worker can finish it. */
static const char *request_text(struct arena *arena, const struct authorization_request *request)
{
	SCOPED(json_release)
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
	SCOPED(json_release) json_t *kept = json_loads(row->request, 0, NULL);
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

static bool fail_in_progress(struct error *err)
{
	error_set_code(
		err, ERROR_CONFLICT, "authorization_in_progress",
		"the same authorization_code is being exchanged by another request; send it again in a moment");
	err->retry_after_s = 1;
	return false;
}

/* Someone else has it: wait for what they make of it. */
static bool wait_for_other(const struct broker *broker, struct error *err)
{
	if (clock_monotonic_ms() + LOOK_AGAIN_MS < broker->deadline_ms) {
		pause_ms(LOOK_AGAIN_MS);
		return true;
	}
	return fail_in_progress(err);
}

/* Step 1. On success the row is ours, or *outcome is complete. */
static bool claim(struct broker *broker, struct authorization *row, const char *holder,
		  struct authorization_outcome *outcome, bool *is_ours, struct error *err)
{
	const struct authorization wanted = *row;

	for (;;) {
		SCOPED(transaction_end) struct transaction transaction = {0};
		const instant now = clock_now(broker->clock);
		bool found;

		if (!transaction_begin(&transaction, broker->db, err) ||
		    !authorization_claim(broker->db, &wanted, holder, now,
					 now + 2 * broker->zoom.timeout_ms * MILLISECOND +
						 LEASE_MARGIN_S * SECOND,
					 is_ours, err) ||
		    !authorization_find(broker->db, broker->arena, wanted.app_id,
					wanted.code_sha256, &found, row, err))
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

/* The end of our lease where nothing came of it yet. */
static bool release(struct broker *broker, const struct authorization *row, const char *holder,
		    instant next_attempt_at)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error ignored; /* the lease runs out by itself */

	return transaction_begin(&transaction, broker->db, &ignored) &&
	       authorization_release(broker->db, row, holder, next_attempt_at, &ignored) &&
	       transaction_commit(&transaction, &ignored);
}

/* Sealed inside the transaction, so that a rotation of our keys cannot come between. */
static bool store_tokens_once(struct broker *broker, struct authorization *row, int64_t project_id,
			      const struct zoom_token_set *tokens, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct seal_place access = authorization_access_token_place(row, project_id);
	const struct seal_place refresh = authorization_refresh_token_place(row, project_id);

	if (!transaction_begin(&transaction, broker->db, err))
		return false;
	row->access_token =
		keyring_seal(broker->keyring, broker->arena, &access, tokens->access_token);
	row->refresh_token =
		keyring_seal(broker->keyring, broker->arena, &refresh, tokens->refresh_token);
	return authorization_store_tokens(broker->db, row,
					  row->exchanged_at + WORKER_DELAY_S * SECOND, err) &&
	       transaction_commit(&transaction, err);
}

/* They are the only ones there are: a busy or full disk is given time to come back. */
static bool store_tokens(struct broker *broker, struct authorization *row, int64_t project_id,
			 const struct zoom_token_set *tokens, struct error *err)
{
	row->exchanged_at = clock_now(broker->clock);
	row->access_token_expires_at = row->exchanged_at + tokens->expires_in_s * SECOND;
	row->scopes = tokens->scope;
	for (int tries = 1; !store_tokens_once(broker, row, project_id, tokens, err); tries++) {
		if (tries == STORE_TRIES || !error_is_passing(err))
			return false;
		pause_ms(LOOK_AGAIN_MS);
	}
	return true;
}

static bool note_app_refused(struct broker *broker, const struct app *app, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	return transaction_begin(&transaction, broker->db, err) &&
	       health_app_refused(broker->db, app->id, clock_now(broker->clock), err) &&
	       transaction_commit(&transaction, err);
}

/* Zoom's refusal in the words of our API. */
static bool fail_exchange(struct broker *broker, const struct app *app,
			  const struct zoom_failure *failure, struct error *err)
{
	struct error refused;

	if (failure->class == ZOOM_FAILURE_CLIENT && !note_app_refused(broker, app, err))
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

/* Step 2. */
static bool exchange(struct broker *broker, const struct authorization_request *request,
		     struct authorization *row, struct error *err)
{
	const struct seal_place place = app_client_secret_place(request->app);
	struct zoom_client_credentials client = {.client_id = request->app->client_id};
	struct zoom_token_set tokens;
	struct zoom_failure failure;

	if (!keyring_open_sealed(broker->keyring, broker->arena, &place,
				 request->app->client_secret, &client.client_secret, err))
		return false;
	if (!zoom_oauth_exchange_code(&broker->zoom, broker->arena, &client, request->code,
				      request->redirect_uri, request->code_verifier, &tokens,
				      &failure))
		return fail_exchange(broker, request->app, &failure, err);
	failpoint("authorization.exchanged");
	return store_tokens(broker, row, request->app->project_id, &tokens, err);
}

/* The tokens of a row, and whose they are. */
struct identified {
	const struct authorization *row;
	const struct authorization_request *request;
	struct zoom_token_set tokens;
	struct zoom_user user;
	instant asked_at;
};

static bool fail_missing_scopes(struct broker *broker, const char *const *missing, size_t count,
				struct error *err)
{
	SCOPED(json_release) json_t *details = json_object();
	json_t *names = json_array();
	const char *list = "";

	for (size_t i = 0; i < count; i++) {
		json_array_append_new(names, json_string(missing[i]));
		list = arena_printf(broker->arena, "%s%s%s", list, i > 0 ? ", " : "", missing[i]);
	}
	json_object_set_new(details, "missing_scopes", names);
	error_set_code(
		err, ERROR_INVALID, "missing_scopes",
		"the authorization lacks the scopes %s; add them to the Zoom app and let the user authorize again",
		list);
	err->details = json_text(broker->arena, details);
	return false;
}

static bool check_scopes(struct broker *broker, const struct identified *identified,
			 struct error *err)
{
	const char *missing[SCOPES_NEEDED_MAX];
	const size_t count =
		scopes_missing(identified->tokens.scope,
			       identified->request->is_local_recording_token_supported,
			       identified->request->is_onbehalf_token_supported, missing);

	return count == 0 || fail_missing_scopes(broker, missing, count, err);
}

/* What speaks against serving this request, now that the user is known. */
static bool check_grant(struct broker *broker, const struct identified *identified,
			struct error *err)
{
	if (!check_scopes(broker, identified, err))
		return false;
	if (identified->user.status[0] != '\0' && strcmp(identified->user.status, "active") != 0)
		return error_set_code(err, ERROR_INVALID, "user_not_active",
				      "the Zoom user is %s; only an active user can be connected",
				      identified->user.status);
	return true;
}

/* Tokens that do not allow to ask whose they are never will: nothing can come of them. */
static bool give_up(struct broker *broker, const struct authorization *row, bool *is_final,
		    struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error failed;
	bool settled;

	*is_final = transaction_begin(&transaction, broker->db, &failed) &&
		    authorization_settle(broker->db, row, 0, &settled, &failed) &&
		    transaction_commit(&transaction, &failed);
	if (!*is_final)
		*err = failed;
	return false;
}

/* Step 3. */
static bool identify(struct broker *broker, const struct authorization *row,
		     struct identified *identified, bool *is_final, struct error *err)
{
	const int64_t project_id = identified->request->app->project_id;
	const struct seal_place access = authorization_access_token_place(row, project_id);
	const struct seal_place refresh = authorization_refresh_token_place(row, project_id);
	const struct zoom_endpoint zoom = broker_zoom_until_deadline(broker);
	struct zoom_failure failure;

	identified->row = row;
	identified->tokens.scope = row->scopes;
	identified->asked_at = clock_now(broker->clock);
	if (!keyring_open_sealed(broker->keyring, broker->arena, &access, row->access_token,
				 &identified->tokens.access_token, err) ||
	    !keyring_open_sealed(broker->keyring, broker->arena, &refresh, row->refresh_token,
				 &identified->tokens.refresh_token, err))
		return false;
	if (zoom_api_get_user(&zoom, broker->arena, identified->tokens.access_token,
			      &identified->user, &failure))
		return true;
	if (failure.class == ZOOM_FAILURE_SCOPE && !check_scopes(broker, identified, err))
		return give_up(broker, row, is_final, err);
	return zoom_failure_to_error(broker->arena, &failure, clock_now(broker->clock), err);
}

static void fill_user(struct broker *broker, const struct identified *identified,
		      struct connection *connection)
{
	const struct zoom_user *user = &identified->user;
	const char *name = personal_name_of_url(broker->arena, user->vanity_url);

	connection->zoom_user_id = user->id;
	connection->account_id = user->account_id;
	connection->email = user->email;
	connection->pmi = user->pmi;
	connection->personal_name =
		name != NULL ? name
			     : personal_name_of_url(broker->arena, user->personal_meeting_url);
	connection->profile_at = identified->asked_at;
	connection->scopes = identified->tokens.scope;
}

static void fill_settings(const struct authorization_request *request,
			  struct connection *connection)
{
	if (request->deduplication_key != NULL)
		connection->deduplication_key = request->deduplication_key;
	if (request->metadata != NULL)
		connection->metadata = request->metadata;
	connection->is_local_recording_token_supported =
		request->is_local_recording_token_supported;
	connection->is_onbehalf_token_supported = request->is_onbehalf_token_supported;
}

static bool hand_over_tokens(struct broker *broker, const struct identified *identified,
			     const struct connection *connection, struct error *err)
{
	const struct zoom_token_set *tokens = &identified->tokens;
	struct sealed_tokens sealed =
		refresh_seal(broker, connection, tokens, identified->row->exchanged_at);

	sealed.expires_at = identified->row->access_token_expires_at;
	return credentials_replace(broker->db, connection->id, &sealed,
				   identified->row->exchanged_at,
				   refresh_next_upkeep(identified->row->exchanged_at), err) &&
	       refresh_attempt_remove_all(broker->db, connection->id, err);
}

/* A later authorization of the user was quicker: these tokens are dead already. */
static bool is_outdated(struct broker *broker, const struct identified *identified,
			const struct connection *existing, bool *outdated, struct error *err)
{
	struct credentials credentials;
	bool found;

	if (!credentials_find(broker->db, broker->arena, existing->id, &found, &credentials, err))
		return false;
	*outdated = found && credentials.authorized_at > identified->row->exchanged_at;
	return true;
}

/* The user has a connection already, which keeps its id; refused is what speaks against the request. */
static bool settle_existing(struct broker *broker, const struct identified *identified,
			    struct connection *existing, const struct error *refused,
			    struct error *err)
{
	bool outdated;

	if (!is_outdated(broker, identified, existing, &outdated, err))
		return false;
	if (outdated)
		return true;
	fill_user(broker, identified, existing);
	if (refused->kind == ERROR_NONE)
		fill_settings(identified->request, existing);
	return connection_reauthorize(broker->db, existing, clock_now(broker->clock), err) &&
	       hand_over_tokens(broker, identified, existing, err);
}

/* The customer's user of this key has another Zoom user now. */
static bool settle_moved(struct broker *broker, const struct identified *identified,
			 struct connection *moved, struct error *err)
{
	fill_user(broker, identified, moved);
	fill_settings(identified->request, moved);
	return meeting_remove_all(broker->db, moved->id, err) &&
	       participant_remove_all(broker->db, moved->id, err) &&
	       connection_reauthorize(broker->db, moved, clock_now(broker->clock), err) &&
	       hand_over_tokens(broker, identified, moved, err);
}

static bool settle_new(struct broker *broker, const struct identified *identified,
		       struct connection *added, struct error *err)
{
	const struct app *app = identified->request->app;

	*added = (struct connection){.project_id = app->project_id,
				     .app_id = app->id,
				     .metadata = "{}"};
	fill_user(broker, identified, added);
	fill_settings(identified->request, added);
	return connection_add(broker->db, broker->arena, added, clock_now(broker->clock), err) &&
	       hand_over_tokens(broker, identified, added, err);
}

static bool fail_key_conflict(struct broker *broker, const struct connection *owner,
			      const struct connection *user_connection, struct error *err)
{
	SCOPED(json_release)
	json_t *details =
		json_pack("{s:s, s:s}", "deduplication_key_connection_id", owner->public_id,
			  "zoom_user_connection_id", user_connection->public_id);

	error_set_code(
		err, ERROR_CONFLICT, "deduplication_key_conflict",
		"the deduplication_key belongs to connection %s, and the Zoom user has connection %s under another key; delete one of them or use its own key",
		owner->public_id, user_connection->public_id);
	err->details = json_text(broker->arena, details);
	return false;
}

/* Which connection the tokens go to; *refused tells why the request is refused all the same. */
static bool settle_in_transaction(struct broker *broker, const struct identified *identified,
				  int64_t *connection_id, struct error *refused, struct error *err)
{
	const struct authorization_request *request = identified->request;
	const char *key = request->deduplication_key;
	struct connection of_user, of_key, added;
	bool has_of_user, has_of_key = false;

	*connection_id = 0;
	if (!connection_find_by_user(broker->db, broker->arena, request->app->id,
				     identified->user.id, &has_of_user, &of_user, err))
		return false;
	if (key != NULL && !connection_find_by_key(broker->db, broker->arena, request->app->id, key,
						   &has_of_key, &of_key, err))
		return false;
	if (check_grant(broker, identified, refused) && has_of_user && has_of_key &&
	    of_user.id != of_key.id)
		fail_key_conflict(broker, &of_key, &of_user, refused);
	if (has_of_user) {
		*connection_id = of_user.id;
		return settle_existing(broker, identified, &of_user, refused, err);
	}
	if (refused->kind != ERROR_NONE)
		return true;
	*connection_id = has_of_key ? of_key.id : 0;
	if (has_of_key)
		return settle_moved(broker, identified, &of_key, err);
	if (!settle_new(broker, identified, &added, err))
		return false;
	*connection_id = added.id;
	return true;
}

/* Step 4. Where the request is refused the connection of the user, if any, has the tokens anyway. */
static bool settle(struct broker *broker, const struct identified *identified,
		   struct connection *connection, bool *is_final, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error refused = {0};
	int64_t connection_id;
	bool found, settled;

	if (!transaction_begin(&transaction, broker->db, err) ||
	    !settle_in_transaction(broker, identified, &connection_id, &refused, err) ||
	    !authorization_settle(broker->db, identified->row,
				  refused.kind == ERROR_NONE ? connection_id : 0, &settled, err))
		return false;
	/* Somebody else finished it: handing the tokens over twice could undo a refresh in between. */
	if (!settled)
		return fail_in_progress(err);
	if (refused.kind == ERROR_NONE &&
	    !connection_find_by_id(broker->db, broker->arena, connection_id, &found, connection,
				   err))
		return false;
	failpoint("authorization.settling");
	if (!transaction_commit(&transaction, err))
		return false;
	failpoint("authorization.settled");
	*is_final = true;
	if (refused.kind == ERROR_NONE)
		return true;
	*err = refused;
	return false;
}

static bool identify_and_settle(struct broker *broker, const struct authorization_request *request,
				const struct authorization *row, struct connection *connection,
				bool *is_final, struct error *err)
{
	struct identified identified = {.request = request};

	failpoint("authorization.tokens_stored");
	if (!identify(broker, row, &identified, is_final, err))
		return false;
	failpoint("authorization.identified");
	return settle(broker, &identified, connection, is_final, err);
}

bool authorization_run(struct broker *broker, const struct authorization_request *request,
		       struct authorization_outcome *outcome, bool *is_final, struct error *err)
{
	struct authorization row = {.app_id = request->app->id};
	char holder[HOLDER_LENGTH + 1];
	bool is_ours;

	*is_final = false;
	*outcome = (struct authorization_outcome){0};
	sha256(request->code, strlen(request->code), row.code_sha256);
	row.public_id = public_id_make(broker->arena, "zauth_");
	row.request = request_text(broker->arena, request);
	random_base62(holder, HOLDER_LENGTH);
	if (!claim(broker, &row, holder, outcome, &is_ours, err))
		return false;
	if (!is_ours)
		return true;
	failpoint("authorization.claimed");
	if ((row.exchanged_at != 0 || exchange(broker, request, &row, err)) &&
	    identify_and_settle(broker, request, &row, &outcome->connection, is_final, err))
		return true;
	/* With tokens in the row the worker finishes it; without it goes, and the code may be sent again. */
	if (!*is_final)
		release(broker, &row, holder,
			row.exchanged_at != 0 ? clock_now(broker->clock) + WORKER_DELAY_S * SECOND
					      : 0);
	return false;
}

/* Zoom's API was away for so long that the access token ran out meanwhile. */
static bool renew_expired_tokens(struct broker *broker, const struct app *app,
				 struct authorization *row, struct error *err)
{
	const struct seal_place secret = app_client_secret_place(app);
	const struct seal_place refresh = authorization_refresh_token_place(row, app->project_id);
	struct zoom_client_credentials client = {.client_id = app->client_id};
	struct zoom_token_set tokens;
	struct zoom_failure failure;
	const char *refresh_token;

	if (row->access_token_expires_at > clock_now(broker->clock))
		return true;
	if (!keyring_open_sealed(broker->keyring, broker->arena, &secret, app->client_secret,
				 &client.client_secret, err) ||
	    !keyring_open_sealed(broker->keyring, broker->arena, &refresh, row->refresh_token,
				 &refresh_token, err))
		return false;
	if (!zoom_oauth_refresh(&broker->zoom, broker->arena, &client, refresh_token, &tokens,
				&failure))
		return zoom_failure_to_error(broker->arena, &failure, clock_now(broker->clock),
					     err);
	if (tokens.refresh_token == NULL)
		tokens.refresh_token = refresh_token;
	return store_tokens(broker, row, app->project_id, &tokens, err);
}

bool authorization_finish(struct broker *broker, const struct authorization *row, bool *is_final,
			  struct error *err)
{
	struct authorization_request request = {0};
	struct authorization renewed = *row;
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
	return renew_expired_tokens(broker, &app, &renewed, err) &&
	       identify_and_settle(broker, &request, &renewed, &connection, is_final, err);
}
