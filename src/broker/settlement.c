#include "broker/settlement.h"

#include "base/failpoint.h"
#include "broker/authorization_tokens.h"
#include "broker/connection_log.h"
#include "broker/health.h"
#include "broker/refresh.h"
#include "broker/scopes.h"
#include "http/json.h"
#include "store/credentials.h"
#include "store/meeting.h"
#include "store/participant.h"
#include "store/refresh_attempt.h"
#include "store/transaction.h"
#include "zoom/api.h"
#include "zoom/meeting_url.h"

#include <jansson.h>
#include <string.h>

struct settlement {
	struct broker *broker;
	const struct authorization_request *request;
	struct authorization *row;
	struct zoom_token_set tokens;
	struct zoom_user user;
	instant asked_at;             /* when Zoom was asked about the user */
	int64_t contested_generation; /* of the connection's tokens, which may be younger than ours; 0: none */
	int64_t proved_generation; /* … and which Zoom has shown to be older */
	bool is_void;              /* Zoom has shown that ours are */
};

bool settlement_fail_in_progress(struct error *err)
{
	error_set_code(err, ERROR_CONFLICT, "authorization_in_progress",
		       "the same authorization_code is being worked on; send it again in a moment");
	err->retry_after_s = 1;
	return false;
}

static bool fail_missing_scopes(struct broker *broker, const char *const *missing, size_t count,
				struct error *err)
{
	SCOPED(json_decrefp) json_t *details = json_object();
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

/* Where Zoom does not name the scopes, each call will tell whether its own was granted. */
static bool check_scopes(struct settlement *settlement, struct error *err)
{
	const char *missing[SCOPES_NEEDED_MAX];
	size_t count;

	if (settlement->tokens.scope == NULL)
		return true;
	count = scopes_missing(settlement->tokens.scope,
			       settlement->request->is_local_recording_token_supported,
			       settlement->request->is_onbehalf_token_supported, missing);
	return count == 0 || fail_missing_scopes(settlement->broker, missing, count, err);
}

/* What speaks against serving this request, now that the user is known. */
static bool check_grant(struct settlement *settlement, struct error *err)
{
	if (!check_scopes(settlement, err))
		return false;
	if (settlement->user.status[0] != '\0' && strcmp(settlement->user.status, "active") != 0)
		return error_set_code(err, ERROR_INVALID, "user_not_active",
				      "the Zoom user is %s; only an active user can be connected",
				      settlement->user.status);
	return true;
}

/* Tokens that do not allow to ask whose they are never will: nothing can come of them. */
static bool give_up(struct settlement *settlement, bool *is_final, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct db *db = settlement->broker->db;
	struct error failed;
	bool settled;

	*is_final = transaction_begin(&transaction, db, &failed) &&
		    authorization_settle(db, settlement->row, 0, &settled, &failed) &&
		    (settled || settlement_fail_in_progress(&failed)) &&
		    transaction_commit(&transaction, &failed);
	if (!*is_final)
		*err = failed;
	return false;
}

/* Asks Zoom whether ours is the living grant: then it renews the tokens. */
static bool prove(struct settlement *settlement, struct error *err)
{
	struct broker *broker = settlement->broker;
	const struct app *app = settlement->request->app;
	struct zoom_failure failure;

	if (authorization_tokens_renew(broker, app, settlement->row, &failure, err)) {
		settlement->proved_generation = settlement->contested_generation;
		return true;
	}
	settlement->is_void = failure.class == ZOOM_FAILURE_GRANT;
	if (failure.class != ZOOM_FAILURE_NONE && !settlement->is_void)
		zoom_failure_to_error(broker->arena, &failure, clock_now(broker->clock), err);
	return settlement->is_void;
}

static bool fail_void(const struct settlement *settlement, struct error *err)
{
	char began[INSTANT_TEXT_BYTES];

	instant_format(settlement->row->renewal_began_at, began);
	if (settlement->row->renewal_began_at != 0)
		return error_set_code(
			err, ERROR_INVALID, "authorization_failed",
			"a renewal of these tokens that began at %s was interrupted before Zoom's answer was stored; the user must authorize again",
			began);
	return error_set_code(
		err, ERROR_INVALID, "authorization_failed",
		"Zoom has voided this authorization already: the user has authorized again, or removed the app, since");
}

static bool ask_who(struct settlement *settlement, struct zoom_failure *failure, struct error *err)
{
	struct broker *broker = settlement->broker;
	const struct zoom_endpoint zoom = broker_zoom_until_deadline(broker);

	*failure = (struct zoom_failure){0};
	settlement->asked_at = clock_now(broker->clock);
	return authorization_tokens_open(broker, settlement->row,
					 settlement->request->app->project_id, &settlement->tokens,
					 err) &&
	       zoom_api_get_user(&zoom, broker->arena, settlement->tokens.access_token,
				 &settlement->user, failure);
}

/* Step 3. An access token that Zoom does not take is old, or its grant is void: Zoom can tell which. */
static bool identify(struct settlement *settlement, bool *is_final, struct error *err)
{
	struct broker *broker = settlement->broker;
	struct zoom_failure failure;

	if (ask_who(settlement, &failure, err))
		return true;
	if (failure.class == ZOOM_FAILURE_ACCESS_TOKEN) {
		if (!prove(settlement, err))
			return false;
		if (!settlement->is_void && ask_who(settlement, &failure, err))
			return true;
	}
	if (settlement->is_void) {
		fail_void(settlement, err);
		return give_up(settlement, is_final, err);
	}
	if (failure.class == ZOOM_FAILURE_NONE)
		return false;
	if (failure.class == ZOOM_FAILURE_SCOPE && !check_scopes(settlement, err))
		return give_up(settlement, is_final, err);
	return zoom_failure_to_error(broker->arena, &failure, clock_now(broker->clock), err);
}

/* Of the same user, an event may have told of something newer since Zoom was asked. */
static void fill_personal_meeting(const struct settlement *settlement,
				  struct connection *connection)
{
	struct arena *arena = settlement->broker->arena;
	const struct zoom_user *user = &settlement->user;
	const instant at = settlement->asked_at;
	const char *name = personal_name_of_url(arena, user->vanity_url);
	const bool is_same_user =
		connection->zoom_user_id != NULL && strcmp(connection->zoom_user_id, user->id) == 0;

	if (name == NULL)
		name = personal_name_of_url(arena, user->personal_meeting_url);
	if (!is_same_user || connection->pmi_at <= at) {
		connection->pmi = user->pmi;
		connection->pmi_at = at;
	}
	if (!is_same_user || connection->personal_name_at <= at) {
		connection->personal_name = name;
		connection->personal_name_at = at;
	}
}

static void fill_user(struct settlement *settlement, struct connection *connection)
{
	const struct zoom_user *user = &settlement->user;

	fill_personal_meeting(settlement, connection);
	connection->zoom_user_id = user->id;
	connection->account_id = user->account_id;
	connection->email = user->email;
	/* What is not named is taken to be as it was; of a new connection nothing is known. */
	if (settlement->tokens.scope != NULL)
		connection->scopes = settlement->tokens.scope;
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

/* Tokens whose renewal was cut off may be void: that is told where Zoom refuses them. */
static bool note_interruption(const struct settlement *settlement,
			      const struct connection *connection, struct error *err)
{
	const instant began_at = settlement->row->renewal_began_at;

	return began_at == 0 ||
	       refresh_attempt_add_lost(settlement->broker->db, connection->id, began_at, err);
}

static bool hand_over_tokens(struct settlement *settlement, const struct connection *connection,
			     struct error *err)
{
	struct broker *broker = settlement->broker;
	const struct zoom_token_set *tokens = &settlement->tokens;
	struct sealed_tokens sealed =
		refresh_seal(broker, connection, tokens, settlement->row->exchanged_at);

	sealed.expires_at = settlement->row->access_token_expires_at;
	return credentials_replace(broker->db, connection->id, &sealed,
				   settlement->row->exchanged_at,
				   refresh_next_upkeep(settlement->row->exchanged_at), err) &&
	       refresh_attempt_remove_all(broker->db, connection->id, err) &&
	       connection_log_success(broker->db, connection->id, LOG_AUTHORIZED,
				      clock_now(broker->clock), err) &&
	       note_interruption(settlement, connection, err);
}

/* Whether it is certain that the connection's tokens are older than ours. */
static bool compare_age(struct settlement *settlement, const struct connection *existing,
			bool *are_older, struct error *err)
{
	const struct broker *broker = settlement->broker;
	struct credentials credentials;
	bool found;

	if (!credentials_find(broker->db, broker->arena, existing->id, &found, &credentials, err))
		return false;
	*are_older = !found || credentials.authorized_at < settlement->row->asked_at ||
		     credentials.generation == settlement->proved_generation;
	settlement->contested_generation = *are_older ? 0 : credentials.generation;
	return true;
}

/* Whatever it was before, it is connected now, and whoever hears of that hears it from health. */
static bool reauthorize(struct settlement *settlement, const struct connection *connection,
			struct error *err)
{
	const struct broker *broker = settlement->broker;
	const instant now = clock_now(broker->clock);

	return connection_reauthorize(broker->db, connection, now, err) &&
	       health_reconnect(broker->db, connection->id, now, err) &&
	       hand_over_tokens(settlement, connection, err);
}

/* The user has a connection already, which keeps its id; refused is what speaks against the request. */
static bool settle_existing(struct settlement *settlement, struct connection *existing,
			    const struct error *refused, struct error *err)
{
	bool are_older;

	if (settlement->is_void)
		return note_interruption(settlement, existing, err);
	if (!compare_age(settlement, existing, &are_older, err))
		return false;
	if (!are_older)
		return true;
	fill_user(settlement, existing);
	if (refused->kind == ERROR_NONE)
		fill_settings(settlement->request, existing);
	return reauthorize(settlement, existing, err);
}

/* The customer's user of this key has another Zoom user now. */
static bool settle_moved(struct settlement *settlement, struct connection *moved, struct error *err)
{
	const struct broker *broker = settlement->broker;

	fill_user(settlement, moved);
	fill_settings(settlement->request, moved);
	return meeting_remove_all(broker->db, moved->id, err) &&
	       participant_remove_all(broker->db, moved->id, err) &&
	       reauthorize(settlement, moved, err);
}

static bool settle_new(struct settlement *settlement, struct connection *added, struct error *err)
{
	const struct broker *broker = settlement->broker;
	const struct app *app = settlement->request->app;

	*added = (struct connection){.project_id = app->project_id,
				     .app_id = app->id,
				     .metadata = "{}",
				     .scopes = ""};
	fill_user(settlement, added);
	fill_settings(settlement->request, added);
	return connection_add(broker->db, broker->arena, added, clock_now(broker->clock), err) &&
	       hand_over_tokens(settlement, added, err);
}

static bool fail_key_conflict(struct broker *broker, const struct connection *owner,
			      const struct connection *user_connection, struct error *err)
{
	SCOPED(json_decrefp)
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
static bool settle_in_transaction(struct settlement *settlement, int64_t *connection_id,
				  struct error *refused, struct error *err)
{
	struct broker *broker = settlement->broker;
	const struct authorization_request *request = settlement->request;
	const char *key = request->deduplication_key;
	struct connection of_user, of_key, added;
	bool has_of_user, has_of_key = false;

	*connection_id = 0;
	if (!connection_find_by_user(broker->db, broker->arena, request->app->id,
				     settlement->user.id, &has_of_user, &of_user, err))
		return false;
	if (key != NULL && !connection_find_by_key(broker->db, broker->arena, request->app->id, key,
						   &has_of_key, &of_key, err))
		return false;
	if (check_grant(settlement, refused) && has_of_user && has_of_key &&
	    of_user.id != of_key.id)
		fail_key_conflict(broker, &of_key, &of_user, refused);
	if (has_of_user) {
		*connection_id = of_user.id;
		return settle_existing(settlement, &of_user, refused, err);
	}
	if (settlement->is_void && refused->kind == ERROR_NONE)
		error_set_code(
			refused, ERROR_INVALID, "authorization_failed",
			"the user has authorized again since, and that connection was deleted");
	if (refused->kind != ERROR_NONE)
		return true;
	*connection_id = has_of_key ? of_key.id : 0;
	if (has_of_key)
		return settle_moved(settlement, &of_key, err);
	if (!settle_new(settlement, &added, err))
		return false;
	*connection_id = added.id;
	return true;
}

enum verdict { SETTLED, REFUSED, CONTESTED, FAILED };

/* Step 4. Where the request is refused the connection of the user, if any, has the tokens anyway. */
static enum verdict settle(struct settlement *settlement, struct connection *connection,
			   struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct broker *broker = settlement->broker;
	struct error refused = {0};
	int64_t connection_id;
	bool found, settled;

	settlement->contested_generation = 0;
	if (!transaction_begin(&transaction, broker->db, err) ||
	    !settle_in_transaction(settlement, &connection_id, &refused, err))
		return FAILED;
	if (settlement->contested_generation != 0)
		return CONTESTED;
	if (!authorization_settle(broker->db, settlement->row,
				  refused.kind == ERROR_NONE ? connection_id : 0, &settled, err))
		return FAILED;
	/*
	 * Somebody else finished it, and handing the tokens over twice could undo a refresh in between; or he
	 * has had them renewed, and ours are void.
	 */
	if (!settled) {
		settlement_fail_in_progress(err);
		return FAILED;
	}
	if (refused.kind == ERROR_NONE &&
	    !connection_find_by_id(broker->db, broker->arena, connection_id, &found, connection,
				   err))
		return FAILED;
	failpoint("authorization.settling");
	if (!transaction_commit(&transaction, err))
		return FAILED;
	failpoint("authorization.settled");
	if (refused.kind == ERROR_NONE)
		return SETTLED;
	*err = refused;
	return REFUSED;
}

/* Whether ours is the living grant, and with the tokens that show it. */
static bool resolve_contest(struct settlement *settlement, struct error *err)
{
	struct broker *broker = settlement->broker;
	const struct zoom_failure failure = {
		.class = ZOOM_FAILURE_TIMEOUT,
		.reason =
			"there was no time left to tell which authorization of the user is the newest",
	};

	if (clock_monotonic_ms() >= broker->deadline_ms)
		return zoom_failure_to_error(broker->arena, &failure, clock_now(broker->clock),
					     err);
	return prove(settlement, err) &&
	       authorization_tokens_open(broker, settlement->row,
					 settlement->request->app->project_id, &settlement->tokens,
					 err);
}

bool settlement_run(struct broker *broker, const struct authorization_request *request,
		    struct authorization *row, struct connection *connection, bool *is_final,
		    struct error *err)
{
	struct settlement settlement = {.broker = broker, .request = request, .row = row};
	enum verdict verdict;

	failpoint("authorization.tokens_stored");
	if (!identify(&settlement, is_final, err))
		return false;
	failpoint("authorization.identified");
	while ((verdict = settle(&settlement, connection, err)) == CONTESTED)
		if (!resolve_contest(&settlement, err))
			return false;
	*is_final = verdict != FAILED;
	return verdict == SETTLED;
}
