/*
 * What `hallpass import` reads: apps and connections that were exported elsewhere, as JSON. docs/import.md
 * describes it; here it is checked strictly, before anything is done with it.
 */
#ifndef CLI_IMPORT_FILE_H
#define CLI_IMPORT_FILE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IMPORT_BYTES_MAX = 256 << 20,
	IMPORT_APPS_MAX = 1000,
	IMPORT_MEETINGS_MAX = 100000, /* of one connection */
};

/* What is optional is NULL where it is not there. */
struct import_app {
	const char *place; /* where it stands, for messages: "apps[0]" */
	const char *id;
	const char *client_id, *client_secret;
	const char *webhook_secret, *name; /* optional, as id is */
};

struct import_connection {
	const char *place; /* "connections[3]" */
	const char *id, *client_id, *user_id;
	const char *account_id, *email, *deduplication_key; /* optional */
	const char *metadata;                               /* JSON object */
	const char *scopes;                                 /* space separated; "": not known */
	bool is_local_recording_token_supported, is_onbehalf_token_supported;
	bool is_connected;
	const char *failure_code, *failure_error; /* where it is not connected */
	instant failure_at;
	const char *refresh_token; /* NULL only where it is not connected */
	const char *access_token;  /* optional */
	instant access_token_expires_at;
	int64_t *meeting_ids;
	size_t meeting_count;
};

struct import_file {
	instant exported_at;
	struct import_app *apps;
	size_t app_count;
	struct import_connection *connections;
	size_t connection_count;
};

/*
 * All of it in the arena. ERROR_INVALID names the place of the first thing that is wrong, what is wrong
 * and what would be right, and says how many more there are.
 */
bool import_file_read(struct arena *arena, const char *text, size_t size, instant now,
		      struct import_file *file, struct error *err) MUST_CHECK;

#endif
