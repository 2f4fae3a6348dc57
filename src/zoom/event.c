#include "zoom/event.h"

#include "http/json.h"

#include <limits.h>
#include <string.h>

enum {
	/* Zoom's ids have 22 characters and its links some hundred: more is not of its making. */
	TEXT_BYTES_MAX = 1024,
	SESSION_BYTES_MAX = 64,
};

/* What an event of a kind cannot do without. */
enum need {
	NEEDS_PLAIN_TOKEN = 1,
	NEEDS_MEETING = 2,
	NEEDS_HOST = 4,
	NEEDS_USER = 8,
};

struct known_event {
	const char *name;
	enum zoom_event_kind kind;
	unsigned needs;
};

/*
 * A new meeting without its host tells nothing. meeting.updated may carry only what changed, and
 * meeting.started still tells that the meeting is live.
 */
static const struct known_event known_events[] = {
	{"endpoint.url_validation", ZOOM_EVENT_URL_VALIDATION, NEEDS_PLAIN_TOKEN},
	{"meeting.created", ZOOM_EVENT_MEETING_CREATED, NEEDS_MEETING | NEEDS_HOST},
	{"meeting.updated", ZOOM_EVENT_MEETING_UPDATED, NEEDS_MEETING},
	{"meeting.deleted", ZOOM_EVENT_MEETING_DELETED, NEEDS_MEETING},
	{"meeting.started", ZOOM_EVENT_MEETING_STARTED, NEEDS_MEETING},
	{"meeting.ended", ZOOM_EVENT_MEETING_ENDED, NEEDS_MEETING},
	{"meeting.participant_joined", ZOOM_EVENT_PARTICIPANT_JOINED, NEEDS_MEETING},
	{"meeting.participant_left", ZOOM_EVENT_PARTICIPANT_LEFT, NEEDS_MEETING},
	{"user.updated", ZOOM_EVENT_USER_UPDATED, NEEDS_USER},
	{"user.deactivated", ZOOM_EVENT_USER_GONE, NEEDS_USER},
	{"user.deleted", ZOOM_EVENT_USER_GONE, NEEDS_USER},
	{"user.disassociated", ZOOM_EVENT_USER_GONE, NEEDS_USER},
	{"app_deauthorized", ZOOM_EVENT_APP_DEAUTHORIZED, NEEDS_USER},
};

static const struct known_event *find_known(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(known_events); i++)
		if (strcmp(known_events[i].name, name) == 0)
			return &known_events[i];
	return NULL;
}

/* What the last part of a path names, e.g. host_id of "payload.object.host_id"; null is none. */
static const json_t *member(const json_t *object, const char *path)
{
	const char *dot = strrchr(path, '.');
	const json_t *value = json_object_get(object, dot != NULL ? dot + 1 : path);

	return json_is_null(value) ? NULL : value;
}

static bool wrong(struct error *err, const char *path, const char *what)
{
	return error_set(err, ERROR_INVALID, "Zoom event: %s %s", path, what);
}

/* *section is NULL where it is missing. */
static bool read_section(const json_t *object, const char *path, const json_t **section,
			 struct error *err)
{
	*section = member(object, path);
	if (*section != NULL && !json_is_object(*section))
		return wrong(err, path, "is not an object");
	return true;
}

/* *text is NULL where it is missing; it may be empty. */
static bool read_text(const json_t *object, const char *path, const char **text, struct error *err)
{
	const json_t *value = member(object, path);

	*text = NULL;
	if (value == NULL)
		return true;
	if (!json_is_string(value))
		return wrong(err, path, "is not a string");
	if (json_string_length(value) > TEXT_BYTES_MAX)
		return wrong(err, path, "is too long");
	if (json_holds_nul(value))
		return wrong(err, path, "holds a NUL");
	*text = json_string_value(value);
	return true;
}

/* The same for ids and names, of which an empty one is none. */
static bool read_id_text(const json_t *object, const char *path, const char **text,
			 struct error *err)
{
	if (!read_text(object, path, text, err))
		return false;
	if (*text != NULL && **text == '\0')
		*text = NULL;
	return true;
}

static bool digits_to_number(const char *digits, int64_t *number)
{
	*number = 0;
	for (; *digits >= '0' && *digits <= '9'; digits++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, *digits - '0', number))
			return false;
	return *digits == '\0';
}

/*
 * A whole number of 0 … max, which Zoom sends as a number in some events, as a string in others.
 * 0 where it is missing, null or an empty string.
 */
static bool read_number(const json_t *object, const char *path, int64_t max, int64_t *number,
			struct error *err)
{
	const json_t *value = member(object, path);

	*number = 0;
	if (value == NULL)
		return true;
	if (json_is_integer(value))
		*number = json_integer_value(value);
	else if (json_whole_string(value) == NULL ||
		 !digits_to_number(json_whole_string(value), number))
		return wrong(err, path, "is not a whole number");
	if (*number < 0 || *number > max)
		return wrong(err, path, "is out of range");
	return true;
}

/*
 * event_ts is milliseconds. What is below 10^11 would lie before March 1973, long before Zoom, and
 * is read as seconds, which Zoom's own samples hold; what is beyond the year 9999 is no time.
 */
static bool read_time(const json_t *object, const char *path, instant *at, struct error *err)
{
	const int64_t latest_ms = INT64_C(253402300799999), earliest_ms = INT64_C(100000000000);
	int64_t timestamp;

	if (!read_number(object, path, latest_ms, &timestamp, err))
		return false;
	*at = timestamp * (timestamp < earliest_ms ? SECOND : MILLISECOND);
	return true;
}

/* Zoom's types put event_ts of app_deauthorized into the payload; older bodies have none at all. */
static bool read_deauthorization_time(const json_t *payload, instant *at, struct error *err)
{
	const char *text;

	if (!read_time(payload, "payload.event_ts", at, err) ||
	    !read_text(payload, "payload.deauthorization_time", &text, err))
		return false;
	if (*at == 0 && text != NULL && !instant_parse(text, at))
		return wrong(err, "payload.deauthorization_time", "is not a time");
	return true;
}

static bool read_deauthorization(const json_t *payload, struct zoom_event *event, struct error *err)
{
	if (event->event_at == 0 && !read_deauthorization_time(payload, &event->event_at, err))
		return false;
	return read_id_text(payload, "payload.client_id", &event->client_id, err) &&
	       read_id_text(payload, "payload.user_id", &event->user_id, err);
}

/* Of a series, one occurrence may be deleted alone: the meeting and its id stay. */
static bool read_deletion(const json_t *payload, const json_t *object, struct zoom_event *event,
			  struct error *err)
{
	const json_t *occurrences = member(object, "payload.object.occurrences");
	const char *operation;

	if (!read_text(payload, "payload.operation", &operation, err))
		return false;
	if (occurrences != NULL && !json_is_array(occurrences))
		return wrong(err, "payload.object.occurrences", "is not an array");
	event->is_one_occurrence = json_array_size(occurrences) > 0 ||
				   (operation != NULL && strcmp(operation, "single") == 0);
	return true;
}

/* `user_id` is that of one joining alone. An event is not lost for being without. */
static const char *session_of(const json_t *participant)
{
	const char *session = json_whole_string(json_object_get(participant, "user_id"));
	const bool is_some = session != NULL && *session != '\0';

	return is_some && strlen(session) <= SESSION_BYTES_MAX ? session : NULL;
}

/* `id` is the Zoom user id too, or empty for guests. */
static bool read_participant(const json_t *object, struct zoom_event *event, struct error *err)
{
	const json_t *participant;

	if (!read_section(object, "payload.object.participant", &participant, err) ||
	    !read_id_text(participant, "payload.object.participant.participant_user_id",
			  &event->participant_user_id, err))
		return false;
	event->participant_session = session_of(participant);
	if (event->participant_user_id != NULL)
		return true;
	return read_id_text(participant, "payload.object.participant.id",
			    &event->participant_user_id, err);
}

static bool read_meeting(const json_t *payload, const json_t *object, struct zoom_event *event,
			 struct error *err)
{
	int64_t type;

	if (!read_number(object, "payload.object.id", INT64_MAX, &event->meeting_id, err) ||
	    !read_id_text(object, "payload.object.host_id", &event->host_id, err) ||
	    !read_number(object, "payload.object.type", INT_MAX, &type, err))
		return false;
	event->meeting_type = (int)type;
	switch (event->kind) {
	case ZOOM_EVENT_MEETING_DELETED:
		return read_deletion(payload, object, event, err);
	case ZOOM_EVENT_PARTICIPANT_JOINED:
	case ZOOM_EVENT_PARTICIPANT_LEFT:
		return read_participant(object, event, err);
	default:
		return true;
	}
}

/* The object holds what changed and nothing else: what is there and null was taken away. */
static bool read_user(const json_t *object, struct zoom_event *event, struct error *err)
{
	if (!read_id_text(object, "payload.object.id", &event->user_id, err))
		return false;
	if (event->kind != ZOOM_EVENT_USER_UPDATED)
		return true;
	event->has_pmi = json_object_get(object, "pmi") != NULL;
	if (!read_number(object, "payload.object.pmi", INT64_MAX, &event->pmi, err) ||
	    !read_text(object, "payload.object.vanity_url", &event->personal_url, err))
		return false;
	if (event->personal_url == NULL && json_object_get(object, "vanity_url") != NULL)
		event->personal_url = "";
	return true;
}

static bool read_payload(const json_t *payload, struct zoom_event *event, struct error *err)
{
	const json_t *object;

	if (!read_id_text(payload, "payload.account_id", &event->account_id, err) ||
	    !read_section(payload, "payload.object", &object, err))
		return false;
	switch (event->kind) {
	case ZOOM_EVENT_OTHER:
		return true;
	case ZOOM_EVENT_URL_VALIDATION:
		return read_id_text(payload, "payload.plainToken", &event->plain_token, err);
	case ZOOM_EVENT_USER_UPDATED:
	case ZOOM_EVENT_USER_GONE:
		return read_user(object, event, err);
	case ZOOM_EVENT_APP_DEAUTHORIZED:
		return read_deauthorization(payload, event, err);
	default:
		return read_meeting(payload, object, event, err);
	}
}

static bool check_needs(const struct zoom_event *event, unsigned needs, struct error *err)
{
	static const char missing[] = "is missing";

	if ((needs & NEEDS_PLAIN_TOKEN) != 0 && event->plain_token == NULL)
		return wrong(err, "payload.plainToken", missing);
	if ((needs & NEEDS_MEETING) != 0 && event->meeting_id == 0)
		return wrong(err, "payload.object.id", missing);
	if ((needs & NEEDS_HOST) != 0 && event->host_id == NULL)
		return wrong(err, "payload.object.host_id", missing);
	if ((needs & NEEDS_USER) != 0 && event->user_id == NULL)
		return wrong(err,
			     event->kind == ZOOM_EVENT_APP_DEAUTHORIZED ? "payload.user_id"
									: "payload.object.id",
			     missing);
	return true;
}

static bool read_known(const json_t *body, unsigned needs, struct zoom_event *event,
		       struct error *err)
{
	const json_t *payload;

	return read_time(body, "event_ts", &event->event_at, err) &&
	       read_section(body, "payload", &payload, err) && read_payload(payload, event, err) &&
	       check_needs(event, needs, err);
}

bool zoom_event_read(const json_t *body, struct zoom_event *event, struct error *err)
{
	struct zoom_event read = {.kind = ZOOM_EVENT_OTHER};
	const struct known_event *known;
	struct error ignored;

	if (!json_is_object(body))
		return error_set(err, ERROR_INVALID, "Zoom event: the body is not a JSON object");
	if (!read_id_text(body, "event", &read.name, err))
		return false;
	if (read.name == NULL)
		return wrong(err, "event", "is missing");
	known = find_known(read.name);
	if (known != NULL) {
		read.kind = known->kind;
		if (!read_known(body, known->needs, &read, err))
			return false;
	} else if (!read_known(body, 0, &read, &ignored)) {
		/* An event that nobody here acts on cannot be refused for its shape. */
		read = (struct zoom_event){.kind = ZOOM_EVENT_OTHER, .name = read.name};
	}
	*event = read;
	return true;
}

const char *zoom_event_user(const struct zoom_event *event)
{
	if (event->user_id != NULL)
		return event->user_id;
	return event->host_id != NULL ? event->host_id : event->participant_user_id;
}

void zoom_event_keep(struct zoom_event *event, struct arena *arena)
{
	const char **const strings[] = {
		&event->name,
		&event->client_id,
		&event->account_id,
		&event->user_id,
		&event->host_id,
		&event->participant_user_id,
		&event->participant_session,
		&event->personal_url,
		&event->plain_token,
	};

	for (size_t i = 0; i < COUNT_OF(strings); i++)
		*strings[i] = arena_strdup(arena, *strings[i]);
}
