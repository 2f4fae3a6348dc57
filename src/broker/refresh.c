#include "broker/refresh.h"

#include "base/crypto.h"
#include "base/failpoint.h"
#include "broker/app_client.h"
#include "broker/authorization_doubt.h"
#include "broker/connection_log.h"
#include "broker/health.h"
#include "store/app.h"
#include "store/group_commit.h"
#include "store/refresh_attempt.h"
#include "store/transaction.h"

#include <stdio.h>

enum {
	LEASE_MARGIN_S = 5, /* a lease outlives the longest call by this */
	/* An answer of Zoom's is not given up while the disk may come back: its thread keeps nobody waiting. */
	STORE_MS_MAX = 10 * 60 * 1000,
	STORE_PAUSE_MS = 50,
	STORE_PAUSE_MS_MAX = 1000,
	LOOK_AGAIN_MS = 50, /* at authorizations that are under way */
	/* Before a refusal is looked at again that somebody else may explain. */
	DOUBT_RETRY_S = 60,
};

instant refresh_next_upkeep(instant now)
{
	return now + 30 * DAY - random_below(86400) * SECOND;
}

struct sealed_tokens refresh_seal(const struct broker *broker, const struct connection *connection,
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

/* One refresh under way, and where its failure goes. */
struct refresh {
	struct broker *broker;
	const struct connection *connection;
	int64_t generation; /* that of the refresh token which is sent, … */
	instant given_at;   /* … and when Zoom gave it */
	int64_t holder;     /* this attempt, while somebody is at it */
	instant asked_at;
	instant lease_until;
	instant refused_at; /* 0: Zoom has not */
	struct zoom_client_credentials client;
	const char *refresh_token;
	struct zoom_failure *failure;
	struct error *err;
};

static bool open_secrets(struct refresh *refresh, const struct credentials *credentials)
{
	const struct broker *broker = refresh->broker;
	const struct seal_place place = credentials_refresh_token_place(refresh->connection);
	struct app app;
	bool found;

	if (!app_find_by_id(broker->db, broker->arena, refresh->connection->app_id, &found, &app,
			    refresh->err))
		return false;
	if (!found)
		return error_set(refresh->err, ERROR_NOT_FOUND, "the app was deleted");
	return app_client_open(broker, &app, &refresh->client, refresh->err) &&
	       keyring_open_sealed(broker->keyring, broker->arena, &place,
				   credentials->refresh_token, &refresh->refresh_token,
				   refresh->err);
}

/* The lease's holder where it is known to be dead; 0 where it lives or there is none. */
static bool find_dead_holder(const struct refresh *refresh, const struct credentials *credentials,
			     int64_t *dead_holder)
{
	bool is_alive = true;

	*dead_holder = 0;
	if (credentials->refresh_holder != 0 &&
	    !holder_is_alive(refresh->broker->holder, credentials->refresh_holder, &is_alive,
			     refresh->err))
		return false;
	if (!is_alive)
		*dead_holder = credentials->refresh_holder;
	return true;
}

/* Stored in one transaction with what other threads have; each part outlives the wait for that. */
struct claim {
	struct refresh *refresh;
	int64_t dead_holder;
	bool claimed;
};

static bool claim_in_transaction(struct db *db, void *part, struct error *err)
{
	struct claim *claim = part;
	struct refresh *refresh = claim->refresh;
	const struct broker *broker = refresh->broker;
	const int64_t id = refresh->connection->id;
	const instant now = clock_now(broker->clock);

	refresh->asked_at = now;
	refresh->lease_until =
		now + broker->zoom.timeout_ms * MILLISECOND + LEASE_MARGIN_S * SECOND;
	if (!credentials_claim_refresh(db, id, refresh->generation, refresh->holder,
				       claim->dead_holder, now, refresh->lease_until,
				       &claim->claimed, err))
		return false;
	return !claim->claimed || refresh_attempt_add(db, id, refresh->holder, now, err);
}

static bool claim(struct refresh *refresh, int64_t dead_holder, bool *claimed)
{
	struct claim claim = {.refresh = refresh, .dead_holder = dead_holder};

	if (!group_store(refresh->broker->db, claim_in_transaction, &claim, refresh->err))
		return false;
	*claimed = claim.claimed;
	return true;
}

/* Zoom names them with each answer. Where they are known, a refresh does not change them. */
static bool learn_scopes(struct db *db, const struct connection *connection,
			 const struct zoom_token_set *tokens, struct error *err)
{
	return tokens->scope == NULL || connection->scopes[0] != '\0' ||
	       connection_learn_scopes(db, connection->id, tokens->scope, err);
}

/* The user turned out to be there: whoever had taken the connection for dead was wrong. */
static bool forget_trouble(struct db *db, const struct refresh *refresh, instant now,
			   struct error *err)
{
	const struct connection *connection = refresh->connection;

	return refresh_attempt_remove_all(db, connection->id, err) &&
	       connection_log_success(db, connection->id, LOG_REFRESHED, now, err) &&
	       health_refreshed(db, connection->id, refresh->asked_at, now, err) &&
	       health_app_answered(db, connection->app_id, now, err);
}

struct answer {
	const struct refresh *refresh;
	const struct zoom_token_set *tokens;
	instant issued_at;
	bool stored; /* false where it belongs to a grant that Zoom has voided */
};

/* Sealed inside the transaction, so that a rotation of our keys cannot come between. */
static bool store_in_transaction(struct db *db, void *part, struct error *err)
{
	struct answer *answer = part;
	const struct refresh *refresh = answer->refresh;
	const struct connection *connection = refresh->connection;
	const struct sealed_tokens sealed =
		refresh_seal(refresh->broker, connection, answer->tokens, answer->issued_at);

	if (!credentials_store_refreshed(db, connection->id, refresh->generation, &sealed,
					 refresh_next_upkeep(answer->issued_at), &answer->stored,
					 err))
		return false;
	if (answer->stored ? !learn_scopes(db, connection, answer->tokens, err) ||
				     !forget_trouble(db, refresh, answer->issued_at, err)
			   : !refresh_attempt_remove(db, connection->id, refresh->holder, err))
		return false;
	failpoint("refresh.storing");
	return true;
}

/* *stored as of struct answer. */
static bool store_answer(const struct refresh *refresh, const struct zoom_token_set *tokens,
			 bool *stored)
{
	struct answer answer = {.refresh = refresh,
				.tokens = tokens,
				.issued_at = clock_now(refresh->broker->clock)};
	const int64_t until_ms = clock_monotonic_ms() + failpoint_shorten(STORE_MS_MAX);
	int pause_ms = STORE_PAUSE_MS;

	while (!group_store(refresh->broker->db, store_in_transaction, &answer, refresh->err)) {
		if (clock_monotonic_ms() >= until_ms)
			return false;
		clock_pause_ms(pause_ms);
		if (pause_ms < STORE_PAUSE_MS_MAX)
			pause_ms += STORE_PAUSE_MS;
	}
	*stored = answer.stored;
	return true;
}

/* What the open attempts of others say about a refusal. */
struct others {
	bool has_living;
	instant interrupted_at; /* the oldest that nobody can tell the end of any more; 0: none */
};

static bool look_at_others(const struct refresh *refresh, struct others *others)
{
	const struct broker *broker = refresh->broker;
	struct refresh_attempt *attempts;
	int count;

	*others = (struct others){0};
	if (!refresh_attempt_list_others(broker->db, broker->arena, refresh->connection->id,
					 refresh->holder, &attempts, &count, refresh->err))
		return false;
	for (int i = 0; i < count; i++) {
		bool is_alive = false;

		if (attempts[i].holder != 0 &&
		    !holder_is_alive(broker->holder, attempts[i].holder, &is_alive, refresh->err))
			return false;
		others->has_living |= is_alive;
		if (!is_alive && others->interrupted_at == 0)
			others->interrupted_at = attempts[i].started_at;
	}
	return true;
}

/* Why the credentials are dead: connection_failure_data, with Zoom's words after `why`. */
static bool disconnect_because(const struct refresh *refresh, const char *code, const char *why,
			       instant now)
{
	const struct broker *broker = refresh->broker;
	const char *error = arena_printf(broker->arena, "%s: %s; the user must authorize again",
					 why, refresh->failure->reason);

	return health_disconnect(broker->db, refresh->connection->id, code, error, now,
				 refresh->err);
}

/* No refresh of ours explains it: the user has removed the app, or authorized it in vain. */
static bool disconnect_for_no_refresh(const struct refresh *refresh, instant now)
{
	const struct broker *broker = refresh->broker;
	struct authorization_doubt doubt;
	char began[INSTANT_TEXT_BYTES];

	if (!authorization_doubt_find(broker, refresh->connection, refresh->given_at, &doubt,
				      refresh->err))
		return false;
	if (doubt.began_at == 0)
		return disconnect_because(refresh, FAILURE_INVALID_GRANT,
					  "Zoom refused the credentials", now);
	instant_format(doubt.began_at, began);
	if (!doubt.is_of_key)
		return disconnect_because(
			refresh, FAILURE_INVALID_GRANT,
			arena_printf(
				broker->arena,
				"an authorization that began at %s was interrupted before Zoom had said whose it is, and may have replaced these credentials, which Zoom now refuses",
				began),
			now);
	return disconnect_because(
		refresh, FAILURE_AUTHORIZATION_INTERRUPTED,
		arena_printf(
			broker->arena,
			"an authorization with this deduplication_key that began at %s was interrupted before Zoom's answer was stored, and Zoom now refuses the older credentials",
			began),
		now);
}

static bool disconnect(const struct refresh *refresh, instant interrupted_at, instant now)
{
	char began[INSTANT_TEXT_BYTES];

	if (interrupted_at == 0)
		return disconnect_for_no_refresh(refresh, now);
	instant_format(interrupted_at, began);
	return disconnect_because(
		refresh, FAILURE_REFRESH_INTERRUPTED,
		arena_printf(
			refresh->broker->arena,
			"a refresh that began at %s was interrupted before Zoom's answer was stored, and Zoom now refuses the credentials",
			began),
		now);
}

/* Who has the new tokens in its hands will store them; until then it is a passing failure. */
static bool stay_in_doubt(const struct refresh *refresh, const char *why, instant now)
{
	const struct broker *broker = refresh->broker;

	refresh->failure->class = ZOOM_FAILURE_UNAVAILABLE;
	refresh->failure->reason = why;
	return credentials_schedule_refresh(broker->db, refresh->connection->id,
					    now + DOUBT_RETRY_S * SECOND, refresh->err);
}

static bool find_open_authorization(const struct refresh *refresh, struct arena *arena,
				    enum authorization_open *open)
{
	return authorization_find_open(refresh->broker, arena, refresh->connection->app_id,
				       refresh->refused_at, open, refresh->err);
}

/*
 * Zoom voids the older grant as it takes a user's new code, and tells whose it was after that. So who
 * is refused waits for the authorizations that had begun by then, as long as somebody waits for the
 * answer and the lease lasts; those that begin later have nothing to do with it. Where looking fails,
 * recording is going to fail as well.
 */
static void await_authorizations(const struct refresh *refresh)
{
	const struct broker *broker = refresh->broker;
	enum authorization_open open = AUTHORIZATION_UNDER_WAY;

	while (clock_monotonic_ms() + LOOK_AGAIN_MS < broker->deadline_ms &&
	       clock_now(broker->clock) < refresh->lease_until) {
		SCOPED(arena_release) struct arena arena = {0};

		if (!find_open_authorization(refresh, &arena, &open) ||
		    open != AUTHORIZATION_UNDER_WAY)
			return;
		db_rest(broker->db);
		clock_pause_ms(LOOK_AGAIN_MS);
	}
}

static bool judge(const struct refresh *refresh, const struct others *others,
		  enum authorization_open open, instant now)
{
	if (others->has_living)
		return stay_in_doubt(
			refresh,
			"another process has a refresh open, whose outcome is not known yet", now);
	if (open != AUTHORIZATION_NONE_OPEN)
		return stay_in_doubt(
			refresh,
			"an authorization is under way, which may be the user's and bring new credentials",
			now);
	return disconnect(refresh, others->interrupted_at, now);
}

/* These three end the attempt inside the transaction. invalid_grant: */
static bool record_refusal(const struct refresh *refresh, instant now)
{
	const struct broker *broker = refresh->broker;
	enum authorization_open open;
	struct others others;

	return look_at_others(refresh, &others) &&
	       find_open_authorization(refresh, broker->arena, &open) &&
	       judge(refresh, &others, open, now) &&
	       refresh_attempt_remove(broker->db, refresh->connection->id, refresh->holder,
				      refresh->err);
}

/* Zoom may have rotated all the same. */
static bool record_lost(const struct refresh *refresh)
{
	return refresh_attempt_lose(refresh->broker->db, refresh->connection->id, refresh->holder,
				    refresh->err);
}

/* Zoom has answered and has done nothing, or was not asked. */
static bool record_passing(const struct refresh *refresh, instant now)
{
	const struct broker *broker = refresh->broker;

	if (refresh->failure->class == ZOOM_FAILURE_CLIENT &&
	    !health_app_refused(broker->db, refresh->connection->app_id, now, refresh->err))
		return false;
	return refresh_attempt_remove(broker->db, refresh->connection->id, refresh->holder,
				      refresh->err);
}

bool refresh_may_have_rotated(const struct zoom_failure *failure)
{
	return failure->was_sent && (failure->class == ZOOM_FAILURE_TIMEOUT ||
				     failure->class == ZOOM_FAILURE_UNAVAILABLE);
}

static bool record_in_transaction(const struct refresh *refresh, instant now)
{
	if (!connection_log_refresh_failure(refresh->broker->db, refresh->connection->id,
					    refresh->failure, now, refresh->err))
		return false;
	if (refresh->failure->class == ZOOM_FAILURE_GRANT)
		return record_refusal(refresh, now);
	if (refresh_may_have_rotated(refresh->failure))
		return record_lost(refresh);
	return record_passing(refresh, now);
}

/* What was refused, the refresh token or the app's secret, is no more what is stored. */
static bool read_superseded(const struct refresh *refresh, bool *superseded)
{
	const struct broker *broker = refresh->broker;
	struct credentials stored;
	bool found;

	if (!credentials_find(broker->db, broker->arena, refresh->connection->id, &found, &stored,
			      refresh->err))
		return false;
	*superseded = !found || stored.generation != refresh->generation;
	return *superseded || refresh->failure->class != ZOOM_FAILURE_CLIENT ||
	       app_client_has_changed(broker, refresh->connection->app_id, &refresh->client,
				      superseded, refresh->err);
}

/* What the failure means for the connection and the app, and the end of the attempt, at once. */
static bool record_failure(const struct refresh *refresh, bool *superseded)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct broker *broker = refresh->broker;
	const int64_t id = refresh->connection->id;

	if (!transaction_begin(&transaction, broker->db, refresh->err) ||
	    !read_superseded(refresh, superseded))
		return false;
	if (*superseded ? !refresh_attempt_remove(broker->db, id, refresh->holder, refresh->err)
			: !record_in_transaction(refresh, clock_now(broker->clock)))
		return false;
	failpoint("refresh.recording");
	return credentials_release_refresh(broker->db, id, refresh->holder, refresh->err) &&
	       transaction_commit(&transaction, refresh->err);
}

static enum refresh_outcome send(struct refresh *refresh)
{
	const struct broker *broker = refresh->broker;
	struct zoom_token_set tokens;
	bool stored, superseded;

	failpoint("refresh.claimed");
	if (zoom_oauth_refresh(&broker->zoom, broker->arena, &refresh->client,
			       refresh->refresh_token, &tokens, refresh->failure)) {
		failpoint("refresh.answered");
		if (!store_answer(refresh, &tokens, &stored))
			return REFRESH_FAILED;
		failpoint("refresh.stored");
		return stored ? REFRESH_STORED : REFRESH_SUPERSEDED;
	}
	failpoint("refresh.refused");
	if (refresh->failure->class == ZOOM_FAILURE_GRANT) {
		refresh->refused_at = clock_now(broker->clock);
		await_authorizations(refresh);
	}
	if (record_failure(refresh, &superseded)) {
		failpoint("refresh.recorded");
		return superseded ? REFRESH_SUPERSEDED : REFRESH_FAILED;
	}
	/* It could not be recorded: others take the lease, and Zoom will say the same again. */
	*refresh->failure = (struct zoom_failure){0};
	return REFRESH_FAILED;
}

static enum refresh_outcome claim_and_send(struct refresh *refresh,
					   const struct credentials *credentials)
{
	int64_t dead_holder;
	bool claimed;

	if (!open_secrets(refresh, credentials) ||
	    !find_dead_holder(refresh, credentials, &dead_holder) ||
	    !claim(refresh, dead_holder, &claimed))
		return REFRESH_FAILED;
	return claimed ? send(refresh) : REFRESH_LEASED;
}

/* What could not be recorded until the end of it stays behind as a dead one's. */
static enum refresh_outcome attempt(struct broker *broker, const struct connection *connection,
				    const struct credentials *credentials,
				    struct zoom_failure *failure, struct error *err)
{
	struct refresh refresh = {.broker = broker,
				  .connection = connection,
				  .generation = credentials->generation,
				  .given_at = credentials->refreshed_at,
				  .failure = failure,
				  .err = err};
	enum refresh_outcome outcome;

	*failure = (struct zoom_failure){0};
	/* While Zoom is not asked at all, a claim would only be two commits for each who comes. */
	if (zoom_oauth_is_resting(&broker->zoom, broker->arena, failure))
		return REFRESH_FAILED;
	if (!holder_begin(broker->holder, &refresh.holder, err))
		return REFRESH_FAILED;
	outcome = claim_and_send(&refresh, credentials);
	holder_end(broker->holder, refresh.holder);
	return outcome;
}

static const char *outcome_name(enum refresh_outcome outcome, const struct zoom_failure *failure)
{
	switch (outcome) {
	case REFRESH_STORED:
		return "ok";
	case REFRESH_SUPERSEDED:
		return "superseded";
	case REFRESH_LEASED:
		return "leased";
	case REFRESH_FAILED:
		break;
	}
	return failure->class != ZOOM_FAILURE_NONE ? zoom_failure_name(failure->class) : "error";
}

enum refresh_outcome refresh_try(struct broker *broker, const struct connection *connection,
				 const struct credentials *credentials,
				 struct zoom_failure *failure, struct error *err)
{
	const enum refresh_outcome outcome = attempt(broker, connection, credentials, failure, err);
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "outcome=\"%s\"", outcome_name(outcome, failure));
	tally_add(broker->tallies, "hallpass_token_refreshes_total", labels);
	return outcome;
}
