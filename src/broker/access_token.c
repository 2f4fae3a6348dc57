#include "broker/access_token.h"

#include "broker/refresh.h"
#include "store/credentials.h"

#include <assert.h>
#include <stdio.h>

enum {
	/* Between looks at a refresh that another process has under way. */
	LOOK_AGAIN_MS = 20,
	LOOK_AGAIN_MS_MAX = 100,
};

bool access_token_is_fresh(instant now, instant issued_at, instant expires_at)
{
	const instant lifetime = expires_at - issued_at;
	const instant margin = lifetime / 4 < 3 * MINUTE ? lifetime / 4 : 3 * MINUTE;

	/* A clock that was set back makes a token look younger than it can be. */
	return lifetime > 0 && now >= issued_at - margin && now < expires_at - margin;
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

/* There must be time for the whole call, or nobody would be there to take its answer. */
static bool has_time_to_refresh(const struct attempt *attempt)
{
	return attempt->broker->deadline_ms - clock_monotonic_ms() >=
	       attempt->broker->zoom.timeout_ms / 2;
}

/* What another process has under way may still come in time, also where a refresh of ours would not. */
static bool has_time_to_wait(const struct attempt *attempt, const struct credentials *credentials)
{
	return credentials->refresh_holder != 0 &&
	       credentials->refresh_lease_until > clock_now(attempt->broker->clock) &&
	       clock_monotonic_ms() < attempt->broker->deadline_ms;
}

/*
 * By the one thread of this process that deals with the connection now. *out_of_time: it failed
 * because its own deadline is too near, which says nothing to those who wait for it.
 */
static bool get_as_leader(const struct attempt *attempt, bool *out_of_time)
{
	int look_again_ms = LOOK_AGAIN_MS;
	struct credentials credentials;
	enum refresh_outcome outcome;

	*out_of_time = false;
	for (;;) {
		if (!read_credentials(attempt, &credentials))
			return false;
		if (serves(attempt, &credentials))
			return open_access_token(attempt, &credentials);
		if (has_time_to_refresh(attempt))
			outcome = refresh_try(attempt->broker, attempt->connection, &credentials,
					      attempt->failure, attempt->err);
		else if (has_time_to_wait(attempt, &credentials))
			outcome = REFRESH_LEASED;
		else
			break;
		switch (outcome) {
		case REFRESH_STORED:
		case REFRESH_SUPERSEDED:
			break;
		case REFRESH_FAILED:
			return false;
		case REFRESH_LEASED:
			db_rest(attempt->broker->db);
			clock_pause_ms(look_again_ms);
			if (look_again_ms < LOOK_AGAIN_MS_MAX)
				look_again_ms += LOOK_AGAIN_MS;
			break;
		}
	}
	*out_of_time = true;
	return fail_at_zoom(attempt, ZOOM_FAILURE_TIMEOUT,
			    "there is no time left to refresh the credentials");
}

/* What the leader tells those who waited: how it failed; its success they read in the database. */
struct landing_note {
	bool has_failed;
	enum zoom_failure_class class; /* NONE: the failure is ours, of this kind: */
	enum error_kind kind;
	int status;
	instant retry_at;
	char code[64], reason[256], tracking_id[128];
};

static_assert(sizeof(struct landing_note) <= FLIGHT_NOTE_BYTES, "the note fits into a flight");

static struct landing_note note_of(const struct attempt *attempt, bool worked)
{
	const struct zoom_failure *failure = attempt->failure;
	struct landing_note note = {.has_failed = !worked};

	if (worked)
		return note;
	if (failure->class == ZOOM_FAILURE_NONE) {
		note.kind = attempt->err->kind;
		snprintf(note.code, sizeof(note.code), "%s", attempt->err->code);
		snprintf(note.reason, sizeof(note.reason), "%.255s", attempt->err->message);
		return note;
	}
	note.class = failure->class;
	note.status = failure->status;
	note.retry_at = failure->retry_at;
	snprintf(note.code, sizeof(note.code), "%s", failure->code != NULL ? failure->code : "");
	snprintf(note.tracking_id, sizeof(note.tracking_id), "%s",
		 failure->tracking_id != NULL ? failure->tracking_id : "");
	snprintf(note.reason, sizeof(note.reason), "%.255s", failure->reason);
	return note;
}

static bool fail_as_leader_did(const struct attempt *attempt, const struct landing_note *note)
{
	struct arena *arena = attempt->broker->arena;

	if (note->class == ZOOM_FAILURE_NONE)
		return error_set_code(attempt->err, note->kind, note->code, "%s", note->reason);
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
		bool worked, out_of_time;

		if (!read_credentials(attempt, &credentials))
			return false;
		if (serves(attempt, &credentials))
			return open_access_token(attempt, &credentials);
		if (broker_is_out_of_time(broker, attempt->failure))
			return false;
		db_rest(broker->db);
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
			worked = get_as_leader(attempt, &out_of_time);
			note = note_of(attempt, worked || out_of_time);
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
		if (broker_is_out_of_time(broker, failure))
			return false;
		zoom = broker_zoom_until_deadline(broker);
		if (call(argument, &zoom, token.text, failure))
			return true;
		if (failure->class != ZOOM_FAILURE_ACCESS_TOKEN || tries == 2)
			return false;
		refused_generation = token.generation;
	}
}
