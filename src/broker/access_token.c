#include "broker/access_token.h"

#include "broker/refresh.h"
#include "store/credentials.h"

#include <assert.h>
#include <stdio.h>

enum {
	/* Between looks at a refresh that another process has under way. */
	LOOK_AGAIN_MS = 20,
	LOOK_AGAIN_MS_MAX = 100,
	/* Half of a call's time is enough to have a refresh begun, and so is this. */
	WAIT_MS_MIN = 5000,
};

bool access_token_is_fresh(instant now, instant issued_at, instant expires_at)
{
	const instant lifetime = expires_at - issued_at;
	const instant margin = lifetime / 4 < 3 * MINUTE ? lifetime / 4 : 3 * MINUTE;

	/* A clock that was set back makes a token look younger than it can be. */
	return lifetime > 0 && now >= issued_at - margin && now < expires_at - margin;
}

/* One attempt to get a token, and where its failure goes. */
struct attempt {
	struct broker *broker;
	const struct connection *connection;
	int64_t refused_generation; /* a token of this generation or an older one does not serve */
	struct zoom_failure *failure;
	struct error *err;
};

static bool fail_at_zoom(const struct attempt *attempt, enum zoom_failure_class class,
			 const char *reason)
{
	*attempt->failure = (struct zoom_failure){.class = class, .reason = reason};
	return false;
}

static bool fail_erased(const struct attempt *attempt)
{
	return fail_at_zoom(attempt, ZOOM_FAILURE_GRANT,
			    "the credentials were erased; the user must authorize again");
}

static bool read_credentials(const struct attempt *attempt, struct credentials *credentials)
{
	bool found;

	if (!credentials_find(attempt->broker->db, attempt->broker->arena, attempt->connection->id,
			      &found, credentials, attempt->err))
		return false;
	if (!found || credentials->refresh_token.bytes == NULL)
		return fail_erased(attempt);
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

static bool open_access_token(const struct attempt *attempt, const struct credentials *credentials,
			      struct access_token *token)
{
	const struct seal_place place = credentials_access_token_place(attempt->connection);

	if (!keyring_open_sealed(attempt->broker->keyring, attempt->broker->arena, &place,
				 credentials->access_token, &token->text, attempt->err))
		return false;
	token->generation = credentials->generation;
	token->expires_at = credentials->access_token_expires_at;
	return true;
}

/*
 * A refresh goes on when whoever had it begun has gone. That each has this much time to wait for it keeps
 * their number near that of the threads that ask.
 */
static bool has_time_to_refresh(const struct broker *broker)
{
	const int64_t half_ms = broker->zoom.timeout_ms / 2;
	const int64_t needed_ms = half_ms < WAIT_MS_MIN ? half_ms : WAIT_MS_MIN;

	return broker->deadline_ms - clock_monotonic_ms() >= needed_ms;
}

/* What another process has under way may still come in time, also where a refresh of ours would not. */
static bool has_time_to_wait(const struct attempt *attempt, const struct credentials *credentials)
{
	return credentials->refresh_holder != 0 &&
	       credentials->refresh_lease_until > clock_now(attempt->broker->clock) &&
	       clock_monotonic_ms() < attempt->broker->deadline_ms;
}

/*
 * Until a token is stored that serves, whoever brings it. *out_of_time: it failed because the deadline of
 * the attempt that it was begun for is too near, which says nothing to the others who wait for it.
 */
static bool bring(const struct attempt *attempt, bool *out_of_time)
{
	int look_again_ms = LOOK_AGAIN_MS;
	struct credentials credentials;
	enum refresh_outcome outcome;

	*out_of_time = false;
	for (;;) {
		if (!read_credentials(attempt, &credentials))
			return false;
		if (serves(attempt, &credentials))
			return true;
		if (has_time_to_refresh(attempt->broker))
			outcome = refresh_try(attempt->broker, attempt->connection, &credentials,
					      attempt->failure, attempt->err);
		else if (has_time_to_wait(attempt, &credentials))
			outcome = REFRESH_LEASED;
		else
			break;
		switch (outcome) {
		case REFRESH_STORED:
			return true;
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

/* How a flight failed, without pointers; what it brought is read in the database. */
struct landing_note {
	bool has_failed, is_out_of_time;
	struct error err;            /* … where the failure is ours … */
	struct zoom_failure failure; /* … and where it is Zoom's; "" is none of these: */
	char code[ZOOM_CODE_BYTES_MAX + 1], reason[ERROR_MESSAGE_BYTES];
	char tracking_id[ZOOM_TRACKING_ID_BYTES_MAX + 1];
};

static_assert(sizeof(struct landing_note) <= FLIGHT_NOTE_BYTES, "the note fits into a flight");

static void note_text(char *room, size_t size, const char **text)
{
	snprintf(room, size, "%.*s", (int)size - 1, *text != NULL ? *text : "");
	*text = NULL;
}

static void note_failure(struct landing_note *note, const struct zoom_failure *failure,
			 const struct error *err)
{
	note->has_failed = true;
	note->failure = *failure;
	note_text(note->code, sizeof(note->code), &note->failure.code);
	note_text(note->reason, sizeof(note->reason), &note->failure.reason);
	note_text(note->tracking_id, sizeof(note->tracking_id), &note->failure.tracking_id);
	note->err = *err;
	note->err.details = NULL;
}

static const char *noted_text(struct arena *arena, const char *text)
{
	return text[0] != '\0' ? arena_strdup(arena, text) : NULL;
}

static bool fail_as_noted(const struct attempt *attempt, const struct landing_note *note)
{
	struct arena *arena = attempt->broker->arena;

	*attempt->err = note->err;
	*attempt->failure = note->failure;
	attempt->failure->code = noted_text(arena, note->code);
	attempt->failure->reason = arena_strdup(arena, note->reason);
	attempt->failure->tracking_id = noted_text(arena, note->tracking_id);
	return false;
}

/* What a flight has of the attempt that it was begun for, which may end before it does. */
struct errand {
	struct broker broker; /* whose database and arena are not the flight's to use */
	int64_t connection_id, refused_generation;
};

static bool run_errand(const struct errand *errand, struct broker *broker, bool *out_of_time,
		       struct zoom_failure *failure, struct error *err)
{
	struct connection connection;
	const struct attempt attempt = {broker, &connection, errand->refused_generation, failure,
					err};
	bool found;

	*out_of_time = false;
	if (!db_open(&broker->db, broker->database, broker->gate, err))
		return false;
	broker->zoom.db = broker->db;
	if (!connection_find_by_id(broker->db, broker->arena, errand->connection_id, &found,
				   &connection, err))
		return false;
	if (!found)
		return fail_erased(&attempt);
	return bring(&attempt, out_of_time);
}

static void fly(void *cargo, void *note)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct errand *errand = cargo;
	struct landing_note *landing = note;
	struct broker broker = errand->broker;
	struct zoom_failure failure = {0};
	struct error err = {0};

	broker.arena = &arena;
	broker.db = NULL;
	if (!run_errand(errand, &broker, &landing->is_out_of_time, &failure, &err))
		note_failure(landing, &failure, &err);
	if (broker.db != NULL)
		db_rest(broker.db);
	db_close(&broker.db);
}

/*
 * Tokens that were brought and are erased by the time they are looked for were given up by whoever found
 * meanwhile that the authorization is dead: Zoom would only say so once more.
 */
static bool get(const struct attempt *attempt, struct access_token *token)
{
	struct broker *broker = attempt->broker;
	const struct errand errand = {*broker, attempt->connection->id,
				      attempt->refused_generation};
	const struct flight_plan plan = {fly, &errand, sizeof(errand), sizeof(struct landing_note)};
	struct credentials credentials;
	bool has_refreshed = false;

	*attempt->failure = (struct zoom_failure){0};
	for (;;) {
		struct landing_note note;
		enum flight_end end;

		if (!read_credentials(attempt, &credentials))
			return false;
		if (serves(attempt, &credentials))
			return open_access_token(attempt, &credentials, token);
		if (has_refreshed && credentials.access_token.bytes == NULL)
			return fail_at_zoom(
				attempt, ZOOM_FAILURE_GRANT,
				"the new tokens were given up at once: the authorization is dead");
		if (broker_is_out_of_time(broker, attempt->failure))
			return false;
		db_rest(broker->db);
		end = flight_join(broker->flights, errand.connection_id, &plan, broker->deadline_ms,
				  &note);
		if (end == FLIGHT_TIMED_OUT)
			return fail_at_zoom(attempt, ZOOM_FAILURE_TIMEOUT,
					    "the refresh of the credentials took too long");
		if (note.has_failed && !(note.is_out_of_time && end == FLIGHT_OF_OTHER_LANDED))
			return fail_as_noted(attempt, &note);
		has_refreshed = !note.has_failed;
	}
}

bool access_token_get(struct broker *broker, const struct connection *connection,
		      int64_t refused_generation, struct access_token *token,
		      struct zoom_failure *failure, struct error *err)
{
	const struct attempt attempt = {broker, connection, refused_generation, failure, err};

	return get(&attempt, token);
}

bool access_token_renew(struct broker *broker, const struct connection *connection,
			struct zoom_failure *failure, struct error *err)
{
	struct attempt attempt = {broker, connection, 0, failure, err};
	struct credentials credentials;
	struct access_token token;

	*failure = (struct zoom_failure){0};
	if (!read_credentials(&attempt, &credentials))
		return false;
	attempt.refused_generation = credentials.generation;
	return get(&attempt, &token);
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
