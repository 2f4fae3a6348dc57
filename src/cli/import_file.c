#include "cli/import_file.h"

#include "broker/health.h"
#include "http/input.h"
#include "http/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* As the API has them (src/api/limits.h), for what comes from here is shown there. */
enum {
	ID_BYTES_MAX = 64,
	ID_RANDOM_MIN = 16,
	ZOOM_ID_BYTES_MAX = 255,
	KEY_BYTES_MAX = 255,
	SECRET_BYTES_MAX = 255,
	METADATA_BYTES_MAX = 8 << 10,
	TOKEN_BYTES_MAX = 16 << 10,
	SCOPES_MAX = 256,
	SCOPE_BYTES_MAX = 128,
};

static const int64_t meeting_id_max = 999999999999999; /* 15 digits */

/* The clock of whoever exported it may be a little ahead of ours. */
#define AHEAD_MAX (10 * MINUTE)

static const char no_error[] = "was disconnected before it was imported";

/* The file as it is read: what is wrong anywhere is collected in `whole`. */
struct reading {
	struct arena *arena;
	instant now;
	struct input whole;
	struct import_file *file;
	json_t *seen; /* "what/value" → where it stood first */
};

/* Of what may be there once, says where it was before. */
static void expect_once(struct reading *reading, struct input *part, const char *place,
			const char *field, const char *what, const char *value)
{
	const char *key, *before;

	if (value == NULL)
		return;
	key = arena_printf(reading->arena, "%s/%s", what, value);
	before = json_string_value(json_object_get(reading->seen, key));
	if (before != NULL)
		input_refuse(part, field, "is that of %s, too; leave one of the two out", before);
	else
		json_object_set_new(reading->seen, key, json_string(place));
}

/* Ours, or the one that Attendee gave. */
static const char *read_id(struct input *part, enum input_need need, const char *ours,
			   const char *theirs)
{
	const char *id = input_string(part, "id", need, ID_BYTES_MAX), *random;

	if (id == NULL)
		return NULL;
	random = strncmp(id, ours, strlen(ours)) == 0       ? id + strlen(ours)
		 : strncmp(id, theirs, strlen(theirs)) == 0 ? id + strlen(theirs)
							    : "";
	if (strlen(random) < ID_RANDOM_MIN ||
	    strspn(random, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") !=
		    strlen(random))
		input_refuse(
			part, "id",
			"must be %s or %s and %d or more letters and digits; write the id that "
			"it had",
			theirs, ours, ID_RANDOM_MIN);
	return id;
}

static const char *read_client_id(struct input *part)
{
	const char *client_id = input_string(part, "client_id", INPUT_REQUIRED, ZOOM_ID_BYTES_MAX);

	if (client_id != NULL && strpbrk(client_id, ": \t\r\n") != NULL)
		input_refuse(part, "client_id",
			     "must not hold spaces or colons; write the Zoom app's Client ID");
	return client_id;
}

/* What is no header's value or form's, and so no secret that Zoom gave. */
static const char *read_secret(struct input *part, const char *name, enum input_need need,
			       size_t bytes_max)
{
	const char *secret = input_string(part, name, need, bytes_max);

	for (const char *c = secret; c != NULL && *c != '\0'; c++)
		if (*c <= ' ' || *c > '~') {
			input_refuse(part, name,
				     "must hold no spaces and nothing but ASCII; write it as Zoom "
				     "gave it");
			break;
		}
	return secret;
}

static void read_app(struct reading *reading, struct input *part, const char *place,
		     struct import_app *app)
{
	*app = (struct import_app){
		.place = place,
		.id = read_id(part, INPUT_OPTIONAL, "zoapp_", "zoa_"),
		.client_id = read_client_id(part),
		.client_secret =
			read_secret(part, "client_secret", INPUT_REQUIRED, SECRET_BYTES_MAX),
		.webhook_secret =
			read_secret(part, "webhook_secret", INPUT_OPTIONAL, SECRET_BYTES_MAX),
		.name = input_string(part, "name", INPUT_OPTIONAL, KEY_BYTES_MAX),
	};
	expect_once(reading, part, place, "id", "app", app->id);
	expect_once(reading, part, place, "client_id", "client", app->client_id);
}

/* An array that may be missing; NULL where it is, or is none. */
static json_t *get_array(struct input *part, const char *name, size_t count_max)
{
	json_t *array = input_has(part, name) ? json_object_get(part->object, name) : NULL;

	if (array == NULL)
		return NULL;
	if (!json_is_array(array))
		input_refuse(part, name, "must be an array");
	else if (json_array_size(array) > count_max)
		input_refuse(part, name, "must have at most %zu entries", count_max);
	else
		return array;
	return NULL;
}

static bool is_scope(const json_t *value)
{
	const char *scope = json_whole_string(value);

	return scope != NULL && *scope != '\0' && strlen(scope) <= SCOPE_BYTES_MAX &&
	       strpbrk(scope, " \t\r\n") == NULL;
}

static const char *read_scopes(struct input *part)
{
	json_t *array = get_array(part, "scopes", SCOPES_MAX), *value;
	const char *scopes = "";
	size_t i;

	json_array_foreach (array, i, value) {
		if (!is_scope(value)) {
			input_refuse(part, "scopes",
				     "must be an array of Zoom's names of scopes; write "
				     "[\"user:read:user\"] or so");
			return "";
		}
		scopes = arena_printf(part->arena, "%s%s%s", scopes, i > 0 ? " " : "",
				      json_string_value(value));
	}
	return scopes;
}

/* As a number or as its digits: Zoom itself sends either. */
static bool read_meeting_id(const json_t *value, int64_t *meeting_id)
{
	const char *digits = json_whole_string(value);

	*meeting_id = json_is_integer(value) ? json_integer_value(value) : 0;
	if (digits != NULL && strlen(digits) <= 15 &&
	    strspn(digits, "0123456789") == strlen(digits))
		*meeting_id = strtoll(digits, NULL, 10);
	return *meeting_id > 0 && *meeting_id <= meeting_id_max;
}

static void read_meetings(struct input *part, struct import_connection *connection)
{
	json_t *array = get_array(part, "meeting_ids", IMPORT_MEETINGS_MAX), *value;
	size_t i;

	connection->meeting_ids =
		arena_alloc(part->arena, json_array_size(array) * sizeof(*connection->meeting_ids));
	json_array_foreach (array, i, value) {
		if (!read_meeting_id(value, &connection->meeting_ids[i])) {
			input_refuse(
				part, "meeting_ids",
				"must be an array of Zoom's meeting ids; write [86084701483] or so");
			return;
		}
	}
	connection->meeting_count = json_array_size(array);
}

/* A token that has expired is as good as none. */
static void read_tokens(struct reading *reading, struct input *part,
			struct import_connection *connection)
{
	const instant expires_at = input_instant(part, "access_token_expires_at");
	const char *access_token =
		read_secret(part, "access_token", INPUT_OPTIONAL, TOKEN_BYTES_MAX);

	if (connection->is_connected && !input_has(part, "refresh_token"))
		input_refuse(part, "refresh_token",
			     "is required; write the newest that Zoom gave, or \"state\": "
			     "\"disconnected\" where none is known");
	connection->refresh_token =
		read_secret(part, "refresh_token",
			    connection->is_connected ? INPUT_REQUIRED : INPUT_OPTIONAL,
			    TOKEN_BYTES_MAX);
	if (input_has(part, "access_token") != input_has(part, "access_token_expires_at"))
		input_refuse(
			part,
			input_has(part, "access_token") ? "access_token_expires_at"
							: "access_token",
			"is required with the other of the two; leave both out where one is not "
			"known");
	if (expires_at > reading->now + DAY)
		input_refuse(
			part, "access_token_expires_at",
			"is more than a day away, but Zoom's access tokens live an hour; write "
			"when it really expires, or leave both out");
	if (access_token == NULL || expires_at <= reading->now)
		return;
	connection->access_token = access_token;
	connection->access_token_expires_at = expires_at;
}

static void read_failure(struct reading *reading, struct input *part, const char *place,
			 struct import_connection *connection)
{
	static const char *const codes[] = {FAILURE_INVALID_GRANT,
					    FAILURE_REFRESH_INTERRUPTED,
					    FAILURE_AUTHORIZATION_INTERRUPTED,
					    FAILURE_APP_DEAUTHORIZED,
					    FAILURE_USER_GONE,
					    NULL};
	json_t *object = input_object(part, "connection_failure_data", METADATA_BYTES_MAX);
	struct input failure = input_of_json(reading->arena, object);

	connection->failure_code = FAILURE_INVALID_GRANT;
	connection->failure_error = no_error;
	connection->failure_at = reading->file->exported_at;
	if (object == NULL)
		return;
	if (connection->is_connected)
		input_refuse(part, "connection_failure_data",
			     "must be null while the state is connected");
	connection->failure_error =
		input_string(&failure, "error", INPUT_REQUIRED, METADATA_BYTES_MAX);
	if (input_has(&failure, "code"))
		connection->failure_code = input_choice(&failure, "code", INPUT_OPTIONAL, codes);
	if (input_has(&failure, "timestamp"))
		connection->failure_at = input_instant(&failure, "timestamp");
	input_end_part(&failure, arena_printf(reading->arena, "%s.connection_failure_data", place),
		       &reading->whole);
}

static const char *read_metadata(struct input *part)
{
	const json_t *metadata = input_object(part, "metadata", METADATA_BYTES_MAX);

	return metadata != NULL ? json_text(part->arena, metadata) : "{}";
}

/* One Zoom user has one connection of an app, and so has a deduplication key. */
static void expect_unique(struct reading *reading, struct input *part,
			  const struct import_connection *connection)
{
	const char *app = connection->client_id;
	const char *key = connection->deduplication_key;

	expect_once(reading, part, connection->place, "id", "connection", connection->id);
	if (app != NULL && connection->user_id != NULL)
		expect_once(reading, part, connection->place, "user_id", "user",
			    arena_printf(reading->arena, "%s/%s", app, connection->user_id));
	if (app != NULL && key != NULL)
		expect_once(reading, part, connection->place, "deduplication_key", "key",
			    arena_printf(reading->arena, "%s/%s", app, key));
}

static void read_connection(struct reading *reading, struct input *part, const char *place,
			    struct import_connection *connection)
{
	static const char *const states[] = {"connected", "disconnected", NULL};
	const char *state = input_choice(part, "state", INPUT_OPTIONAL, states);

	*connection = (struct import_connection){
		.place = place,
		.id = read_id(part, INPUT_REQUIRED, "zoauth_", "zoc_"),
		.client_id = read_client_id(part),
		.user_id = input_string(part, "user_id", INPUT_REQUIRED, ZOOM_ID_BYTES_MAX),
		.account_id = input_string(part, "account_id", INPUT_OPTIONAL, ZOOM_ID_BYTES_MAX),
		.email = input_string(part, "email", INPUT_OPTIONAL, KEY_BYTES_MAX),
		.deduplication_key =
			input_string(part, "deduplication_key", INPUT_OPTIONAL, KEY_BYTES_MAX),
		.metadata = read_metadata(part),
		.scopes = read_scopes(part),
		.is_local_recording_token_supported =
			input_bool(part, "is_local_recording_token_supported", true),
		.is_onbehalf_token_supported =
			input_bool(part, "is_onbehalf_token_supported", false),
		.is_connected = state == NULL || strcmp(state, "connected") == 0,
	};
	read_failure(reading, part, place, connection);
	read_tokens(reading, part, connection);
	read_meetings(part, connection);
	expect_unique(reading, part, connection);
}

static void read_exported_at(struct reading *reading)
{
	instant *exported_at = &reading->file->exported_at;

	*exported_at = input_instant(&reading->whole, "exported_at");
	if (!input_has(&reading->whole, "exported_at"))
		input_refuse(
			&reading->whole, "exported_at",
			"is required; write when the file was made, like 2026-01-31T12:00:00Z");
	else if (*exported_at > reading->now + AHEAD_MAX)
		input_refuse(&reading->whole, "exported_at",
			     "is in the future; see to the clocks of both machines");
}

/* Whether it is an object; what is none is wrong as a whole. */
static bool is_entry(struct reading *reading, const json_t *entry, const char *place)
{
	if (json_is_object(entry))
		return true;
	input_refuse(&reading->whole, place, "must be a JSON object");
	return false;
}

static void read_apps(struct reading *reading, json_t *array)
{
	struct import_file *file = reading->file;
	json_t *entry;
	size_t i;

	file->app_count = json_array_size(array);
	file->apps = arena_alloc(reading->arena, file->app_count * sizeof(*file->apps));
	json_array_foreach (array, i, entry) {
		const char *place = arena_printf(reading->arena, "apps[%zu]", i);
		struct input part = input_of_json(reading->arena, entry);

		if (!is_entry(reading, entry, place))
			continue;
		read_app(reading, &part, place, &file->apps[i]);
		input_end_part(&part, place, &reading->whole);
	}
}

static void read_connections(struct reading *reading, json_t *array)
{
	struct import_file *file = reading->file;
	json_t *entry;
	size_t i;

	file->connection_count = json_array_size(array);
	file->connections =
		arena_alloc(reading->arena, file->connection_count * sizeof(*file->connections));
	json_array_foreach (array, i, entry) {
		const char *place = arena_printf(reading->arena, "connections[%zu]", i);
		struct input part = input_of_json(reading->arena, entry);

		if (!is_entry(reading, entry, place))
			continue;
		read_connection(reading, &part, place, &file->connections[i]);
		input_end_part(&part, place, &reading->whole);
	}
}

static bool read_all(struct reading *reading, json_t *text, struct error *err)
{
	if (!json_is_object(text))
		return error_set(err, ERROR_INVALID,
				 "must be a JSON object with exported_at, apps and connections");
	reading->whole = input_of_json(reading->arena, text);
	read_exported_at(reading);
	read_apps(reading, get_array(&reading->whole, "apps", IMPORT_APPS_MAX));
	if (!input_has(&reading->whole, "connections"))
		input_refuse(&reading->whole, "connections",
			     "is required; write [] where there are only apps");
	read_connections(reading, get_array(&reading->whole, "connections", IMPORT_BYTES_MAX));
	return input_end(&reading->whole, err);
}

bool import_file_read(struct arena *arena, const char *text, size_t size, instant now,
		      struct import_file *file, struct error *err)
{
	SCOPED(json_decrefp) json_t *json = NULL;
	SCOPED(json_decrefp) json_t *seen = json_object();
	struct reading reading = {.arena = arena, .now = now, .file = file, .seen = seen};

	*file = (struct import_file){0};
	return json_read(text, size, &json, err) && read_all(&reading, json, err);
}
