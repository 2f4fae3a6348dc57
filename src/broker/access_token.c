#include "broker/access_token.h"

#include "base/crypto.h"
#include "broker/health.h"
#include "store/app.h"
#include "store/credentials.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	LEASE_MARGIN_S = 5, /* a lease outlives the longest call by this */
	STORE_TRIES = 200,  /* an answer of Zoom's is not given up while the disk may come back */
	STORE_PAUSE_MS = 50,
	OTHER_PROCESS_PAUSE_MS =
		20, /* between looks at a refresh that another process has under way … */
	OTHER_PROCESS_PAUSE_MS_MAX = 100,
	HOLDER_LENGTH = 16,
};

bool access_token_is_fresh(instant now, instant issued_at, instant expires_at)
{
	const instant lifetime = expires_at - issued_at;
	const instant margin = lifetime / 4 < 3 * MINUTE ? lifetime / 4 : 3 * MINUTE;

	/* A clock that was set back makes a token look younger than it can be. */
	return lifetime > 0 && now >= issued_at - margin && now < expires_at - margin;
}

instant access_token_next_upkeep(instant now)
{
	return now + 30 * DAY - random_below(86400) * SECOND;
}

struct sealed_tokens access_token_seal(const struct broker *broker,
				       const struct connection *connection,
				       const struct zoom_token_set *tokens, instant now)
{
	const struct seal_place refresh_place = credentials_refresh_token_place(connection);
	const struct seal_place access_place = credentials_access_token_place(connection);

	return (struct sealed_tokens){
		.refresh_token = keyring_seal(broker->keyring, broker->arena, &refresh_place,
					      tokens->refresh_token),
		.access_token = keyring_seal(broker->keyring, broker->arena, &access_place,
					     tokens->access_token),
		.issued_at = now,
		.expires_at = now + tokens->expires_in_s * SECOND,
	};
}

/* One attempt to get a token, and where its result goes. */
struct attempt {
	struct broker *broker;
	const struct connection *connection;
	int64_t refused_generation; /* a token of this generation or an older one does not serve */
	struct access_token *token;
	struct zoom_failure *failure;
	struct error *err;
};

static bool fail_at_zoom(const struct attempt *attempt, enum zoom_failure_class class,
			 const char *reason)
{
	*attempt->failure = (struct zoom_failure){.class = class, .reason = reason};
	return false;
}

static bool read_credentials(const struct attempt *attempt, struct credentials *credentials)
{
	bool found;

	if (!credentials_find(attempt->broker->db, attempt->broker->arena, attempt->connection->id,
			      &found, credentials, attempt->err))
		return false;
	if (!found || credentials->refresh_token.bytes == NULL)
		return fail_at_zoom(attempt, ZOOM_FAILURE_GRANT,
				    "the credentials were erased; the user must authorize again");
	return true;
}

static bool serves(const struct attempt *attempt, const struct credentials *credentials)
{
	return credentials->access_token.bytes != NULL &&
	       credentials->generation > attempt->refused_generation &&
	       access_token_is_fresh(clock_now(attempt->broker->clock),
				     credentials->access_token_issued_at,
				     credentials->access_token_expires_at);
}

static bool open_access_token(const struct attempt *attempt, const struct credentials *credentials)
{
	const struct seal_place place = credentials_access_token_place(attempt->connection);

	if (!keyring_open_sealed(attempt->broker->keyring, attempt->broker->arena, &place,
				 credentials->access_token, &attempt->token->text, attempt->err))
		return false;
	attempt->token->generation = credentials->generation;
	attempt->token->expires_at = credentials->access_token_expires_at;
	return true;
}

static void pause_ms(int milliseconds)
{
	const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* What the holder of the lease calls Zoom with. */
struct refresh {
	char holder[HOLDER_LENGTH + 1];
	struct zoom_client_credentials client;
	const char *refresh_token;
	int64_t generation;
	instant interrupted_at; /* a refresh before this one that was never told its end; 0: none */
};

static bool open_secrets(const struct attempt *attempt, const struct credentials *credentials,
			 struct refresh *refresh)
{
	const struct broker *broker = attempt->broker;
	const struct seal_place place = credentials_refresh_token_place(attempt->connection);
	struct seal_place secret_place;
	struct app app;
	bool found;

	if (!app_find_by_id(broker->db, broker->arena, attempt->connection->app_id, &found, &app,
			    attempt->err))
		return false;
	if (!found)
		return error_set(attempt->err, ERROR_NOT_FOUND, "the app was deleted");
	secret_place = app_client_secret_place(&app);
	refresh->client.client_id = app.client_id;
	return keyring_open_sealed(broker->keyring, broker->arena, &secret_place, app.client_secret,
				   &refresh->client.client_secret, attempt->err) &&
	       keyring_open_sealed(broker->keyring, broker->arena, &place,
				   credentials->refresh_token, &refresh->refresh_token,
				   attempt->err);
}

static bool claim(const struct attempt *attempt, const struct credentials *credentials,
		  struct refresh *refresh, bool *claimed)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct broker *broker = attempt->broker;
	const instant now = clock_now(broker->clock);
	const instant until = now + broker->zoom.timeout_ms * MILLISECOND + LEASE_MARGIN_S * SECOND;

	random_base62(refresh->holder, HOLDER_LENGTH);
	refresh->generation = credentials->generation;
	refresh->interrupted_at = credentials->refresh_started_at;
	return transaction_begin(&transaction, broker->db, attempt->err) &&
	       credentials_claim_refresh(broker->db, attempt->connection->id, refresh->generation,
					 refresh->holder, now, until, claimed, attempt->err) &&
	       transaction_commit(&transaction, attempt->err);
}

/* The lease may be another's by now, and the generation too: see 4. */
static bool store_answer_once(const struct attempt *attempt, const struct refresh *refresh,
			      const struct sealed_tokens *sealed, bool *stored)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct broker *broker = attempt->broker;
	const int64_t id = attempt->connection->id;

	if (!transaction_begin(&transaction, broker->db, attempt->err) ||
	    !credentials_store_refreshed(broker->db, id, refresh->generation, sealed,
					 access_token_next_upkeep(sealed->issued_at), stored,
					 attempt->err))
		return false;
	if (*stored && !health_reconnect(broker->db, id, sealed->issued_at, attempt->err))
		return false;
	return transaction_commit(&transaction, attempt->err);
}

static bool store_answer(const struct attempt *attempt, const struct refresh *refresh,
			 const struct zoom_token_set *tokens, bool *stored)
{
	const struct sealed_tokens sealed =
		access_token_seal(attempt->broker, attempt->connection, tokens,
				  clock_now(attempt->broker->clock));

	for (int tries = 1; !store_answer_once(attempt, refresh, &sealed, stored); tries++) {
		if (tries == STORE_TRIES || !error_is_passing(attempt->err))
			return false;
		pause_ms(STORE_PAUSE_MS);
	}
	if (!*stored)
		return true;
	*attempt->token = (struct access_token){tokens->access_token, refresh->generation + 1,
						sealed.expires_at};
	return true;
}

static const char *grant_failure_error(const struct attempt *attempt, const struct refresh *refresh)
{
	char interrupted_at[INSTANT_TEXT_BYTES];

	if (refresh->interrupted_at == 0)
		return arena_printf(
			attempt->broker->arena,
			"Zoom refused the credentials: %s; the user must authorize again",
			attempt->failure->reason);
	instant_format(refresh->interrupted_at, interrupted_at);
	return arena_printf(
		attempt->broker->arena,
		"a refresh that began at %s was interrupted before Zoom's answer was stored, and Zoom now refuses the credentials: %s; the user must authorize again",
		interrupted_at, attempt->failure->reason);
}

/* Inside the transaction that would disconnect: is the refusal about what is stored? See 5. */
static bool is_superseded(const struct attempt *attempt, const struct refresh *refresh,
			  bool *superseded)
{
	struct credentials stored;
	bool found;

	if (!credentials_find(attempt->broker->db, attempt->broker->arena, attempt->connection->id,
			      &found, &stored, attempt->err))
		return false;
	*superseded = !found || stored.generation != refresh->generation;
	return true;
}

/* What Zoom's refusal means for the connection and the app, and the end of the lease, at once. */
static bool record_failure(const struct attempt *attempt, const struct refresh *refresh,
			   bool *superseded)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct broker *broker = attempt->broker;
	const struct zoom_failure *failure = attempt->failure;
	/* A gateway's 5xx leaves open what Zoom did behind it. */
	const bool is_answered = !failure->was_sent ||
				 failure->class == ZOOM_FAILURE_RATE_LIMITED ||
				 !zoom_failure_is_passing(failure);
	const instant now = clock_now(broker->clock);
	const int64_t id = attempt->connection->id;

	if (!transaction_begin(&transaction, broker->db, attempt->err) ||
	    !is_superseded(attempt, refresh, superseded))
		return false;
	if (*superseded)
		return true;
	if (failure->class == ZOOM_FAILURE_GRANT &&
	    !health_disconnect(broker->db, id,
			       refresh->interrupted_at != 0 ? FAILURE_REFRESH_INTERRUPTED
							    : FAILURE_INVALID_GRANT,
			       grant_failure_error(attempt, refresh), now, attempt->err))
		return false;
	if (failure->class == ZOOM_FAILURE_CLIENT &&
	    !health_app_refused(broker->db, attempt->connection->app_id, now, attempt->err))
		return false;
	return credentials_release_refresh(broker->db, id, refresh->holder, is_answered,
					   attempt->err) &&
	       transaction_commit(&transaction, attempt->err);
}

/* The app was refused before, and is not any more: its secret was mended at Zoom's side. */
static bool accept_app(const struct attempt *attempt)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct broker *broker = attempt->broker;
	struct app app;
	bool found;

	if (!app_find_by_id(broker->db, broker->arena, attempt->connection->app_id, &found, &app,
			    attempt->err))
		return false;
	if (!found || app.is_active)
		return true;
	return transaction_begin(&transaction, broker->db, attempt->err) &&
	       health_app_accepted(broker->db, app.id, clock_now(broker->clock), attempt->err) &&
	       transaction_commit(&transaction, attempt->err);
}

/* With the lease in hand. *superseded: the tokens have changed meanwhile, look again. */
static bool refresh_with_lease(const struct attempt *attempt, const struct refresh *refresh,
			       bool *superseded)
{
	const struct broker *broker = attempt->broker;
	struct zoom_token_set tokens;
	bool stored;

	*superseded = false;
	/* The call has its full time whatever the caller's deadline is: cutting it short loses tokens. */
	if (zoom_oauth_refresh(&broker->zoom, broker->arena, &refresh->client,
			       refresh->refresh_token, &tokens, attempt->failure)) {
		if (!store_answer(attempt, refresh, &tokens, &stored))
			return false;
		*superseded = !stored;
		return accept_app(attempt);
	}
	/* Where it cannot be recorded the lease runs out by itself, and Zoom says the same again. */
	if (!record_failure(attempt, refresh, superseded))
		*attempt->failure = (struct zoom_failure){0};
	return *superseded;
}

/* There must be time for the whole call, or nobody would be there to take its answer. */
static bool has_time_to_refresh(const struct attempt *attempt)
{
	return attempt->broker->deadline_ms - clock_monotonic_ms() >=
	       attempt->broker->zoom.timeout_ms / 2;
}

/* By the one thread of this process that deals with the connection now. */
static bool get_as_leader(const struct attempt *attempt)
{
	int pause = OTHER_PROCESS_PAUSE_MS;
	struct credentials credentials;
	struct refresh refresh;
	bool claimed, superseded;

	for (;;) {
		if (!read_credentials(attempt, &credentials))
			return false;
		if (serves(attempt, &credentials))
			return open_access_token(attempt, &credentials);
		if (!has_time_to_refresh(attempt))
			return fail_at_zoom(attempt, ZOOM_FAILURE_TIMEOUT,
					    "another refresh of the credentials took too long");
		if (!open_secrets(attempt, &credentials, &refresh) ||
		    !claim(attempt, &credentials, &refresh, &claimed))
			return false;
		if (claimed) {
			if (!refresh_with_lease(attempt, &refresh, &superseded))
				return false;
			if (!superseded)
				return true;
			continue;
		}
		pause_ms(pause);
		if (pause < OTHER_PROCESS_PAUSE_MS_MAX)
			pause += OTHER_PROCESS_PAUSE_MS;
	}
}

/* What the leader tells those who waited: how it failed; its success they read in the database. */
struct landing_note {
	bool has_failed;
	enum zoom_failure_class class;
	int status;
	instant retry_at;
	char code[64], reason[256], tracking_id[128];
};

_Static_assert(sizeof(struct landing_note) <= FLIGHT_NOTE_BYTES, "the note fits into a flight");

static struct landing_note note_of(const struct attempt *attempt, bool worked)
{
	const struct zoom_failure *failure = attempt->failure;
	struct landing_note note = {.has_failed = !worked};

	if (worked)
		return note;
	note.class = failure->class;
	note.status = failure->status;
	note.retry_at = failure->retry_at;
	snprintf(note.code, sizeof(note.code), "%s", failure->code != NULL ? failure->code : "");
	snprintf(note.tracking_id, sizeof(note.tracking_id), "%s",
		 failure->tracking_id != NULL ? failure->tracking_id : "");
	snprintf(note.reason, sizeof(note.reason), "%.255s",
		 failure->class == ZOOM_FAILURE_NONE ? attempt->err->message : failure->reason);
	return note;
}

static bool fail_as_leader_did(const struct attempt *attempt, const struct landing_note *note)
{
	struct arena *arena = attempt->broker->arena;

	if (note->class == ZOOM_FAILURE_NONE)
		return error_set(attempt->err, ERROR_STORAGE, "%s", note->reason);
	*attempt->failure = (struct zoom_failure){
		.class = note->class,
		.status = note->status,
		.retry_at = note->retry_at,
		.code = note->code[0] != '\0' ? arena_strdup(arena, note->code) : NULL,
		.reason = arena_strdup(arena, note->reason),
		.tracking_id = note->tracking_id[0] != '\0' ? arena_strdup(arena, note->tracking_id)
							    : NULL,
	};
	return false;
}

static bool get(const struct attempt *attempt)
{
	struct broker *broker = attempt->broker;
	const int64_t key = attempt->connection->id;
	struct credentials credentials;
	struct landing_note note;

	*attempt->failure = (struct zoom_failure){0};
	for (;;) {
		bool worked;

		if (!read_credentials(attempt, &credentials))
			return false;
		if (serves(attempt, &credentials))
			return open_access_token(attempt, &credentials);
		switch (flight_join(broker->flights, key, broker->deadline_ms, &note,
				    sizeof(note))) {
		case FLIGHT_TIMED_OUT:
			return fail_at_zoom(attempt, ZOOM_FAILURE_TIMEOUT,
					    "the refresh of the credentials took too long");
		case FLIGHT_LANDED:
			if (note.has_failed)
				return fail_as_leader_did(attempt, &note);
			break;
		case FLIGHT_LEADER:
			worked = get_as_leader(attempt);
			note = note_of(attempt, worked);
			flight_land(broker->flights, key, &note, sizeof(note));
			return worked;
		}
	}
}

bool access_token_get(struct broker *broker, const struct connection *connection,
		      int64_t refused_generation, struct access_token *token,
		      struct zoom_failure *failure, struct error *err)
{
	const struct attempt attempt = {broker, connection, refused_generation,
					token,  failure,    err};

	return get(&attempt);
}

bool access_token_renew(struct broker *broker, const struct connection *connection,
			struct access_token *token, struct zoom_failure *failure, struct error *err)
{
	struct attempt attempt = {broker, connection, 0, token, failure, err};
	struct credentials credentials;

	*failure = (struct zoom_failure){0};
	if (!read_credentials(&attempt, &credentials))
		return false;
	attempt.refused_generation = credentials.generation;
	return get(&attempt);
}

bool access_token_use(struct broker *broker, const struct connection *connection,
		      access_token_call *call, void *argument, struct zoom_failure *failure,
		      struct error *err)
{
	int64_t refused_generation = 0;

	for (int tries = 1;; tries++) {
		struct access_token token;
		struct zoom_endpoint zoom;

		if (!access_token_get(broker, connection, refused_generation, &token, failure, err))
			return false;
		zoom = broker_zoom_until_deadline(broker);
		if (call(argument, &zoom, token.text, failure))
			return true;
		if (failure->class != ZOOM_FAILURE_ACCESS_TOKEN || tries == 2)
			return false;
		refused_generation = token.generation;
	}
}
