/*
 * `hallpass doctor`: one line for each finding, and what to do where it is not well. Checks go on
 * past what is wrong as far as they can.
 */
#include "cli/command.h"
#include "store/app.h"
#include "store/connection.h"
#include "store/db_gate.h"
#include "store/db_integrity.h"

#include "store/migrate.h"
#include "store/sealed_value.h"
#include "store/zoom_circuit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	FREE_MB_NEEDED = 50,
	FREE_MB_WANTED = 500,      /* as packaging/monitoring has it */
	URL_VALIDATION_H = 72 + 1, /* how often Zoom asks, and a little for it to be late */
	LOST_PERCENT_USUAL = 5,    /* of all users: some always leave */
};

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

struct examination {
	struct call *call;
	json_t *findings; /* for --json */
	int finding_count, failed_count;
	bool has_config, has_keyring, has_schema;
	bool has_zoom_date;
	instant zoom_ahead; /* how far Zoom's clock is ahead of ours */
};

/* advice: what to do; NULL where all is well. */
static void PRINTF_LIKE(5, 6) note(struct examination *examination, enum level level,
				   const char *check, const char *advice, const char *format, ...)
{
	static const char *const words[] = {"ok  ", "WARN", "FAIL"};
	static const char *const codes[] = {"ok", "warn", "fail"};
	char finding[2 * ERROR_MESSAGE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(finding, sizeof(finding), format, args);
	va_end(args);
	for (char *c = finding; *c != '\0'; c++)
		if ((unsigned char)*c < ' ') /* SQLite tells of damage in several lines */
			*c = ' ';
	examination->finding_count++;
	examination->failed_count += level == LEVEL_FAIL;
	json_array_append_new(examination->findings,
			      json_pack("{s:s, s:s, s:s, s:s?}", "level", codes[level], "check",
					check, "finding", finding, "advice", advice));
	if (!examination->call->is_json)
		printf("%s %s: %s%s%s\n", words[level], check, finding, advice != NULL ? ": " : "",
		       advice != NULL ? advice : "");
}

static void check_config(struct examination *examination)
{
	struct config *config = &examination->call->process.config;
	struct error err = {0};

	if (!config_read(config, examination->call->environment, &err)) {
		note(examination, LEVEL_FAIL, "config", "correct it, then run doctor again", "%s",
		     err.message);
		return;
	}
	examination->has_config = true;
	if (config->file[0] != '\0')
		note(examination, LEVEL_OK, "config", NULL, "read from %s", config->file);
	else
		note(examination, LEVEL_OK, "config", NULL,
		     "no file, defaults and HALLPASS_ variables alone");
}

/* The keyring itself refuses a file that others may read. */
static void check_key_file(struct examination *examination)
{
	struct process *process = &examination->call->process;
	const char *path = process->config.encryption_key_file;
	struct error err = {0};
	struct stat status;

	if (!examination->has_config)
		return;
	if (!keyring_open(&process->keyring, path, &err)) {
		note(examination, LEVEL_FAIL, "key file",
		     "put back your copy of it, with mode 0600 and owned by who runs Hallpass",
		     "%s", err.message);
		return;
	}
	examination->has_keyring = true;
	if (stat(path, &status) == 0)
		note(examination, LEVEL_OK, "key file", NULL, "%s, mode %04o", path,
		     (unsigned)status.st_mode & 07777);
}

static const char *folder_of(const char *file, struct arena *arena)
{
	const char *slash = strrchr(file, '/');

	return slash == NULL   ? "."
	       : slash == file ? "/"
			       : arena_strndup(arena, file, (size_t)(slash - file));
}

static void check_folder(struct examination *examination, const char *check, const char *file,
			 int access_needed)
{
	struct arena *arena = examination->call->arena;
	const char *folder = folder_of(file, arena);
	struct stat status;

	if (stat(folder, &status) != 0 || access(folder, access_needed) != 0)
		note(examination, LEVEL_FAIL, check,
		     "make it, or give it to who runs Hallpass; SQLite writes files beside its own",
		     "%s: %s", folder, strerror(errno));
	else if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
		note(examination, LEVEL_FAIL, check,
		     arena_printf(arena, "run: chmod o-w %s", folder),
		     "%s: mode %04o lets anybody replace the files in it", folder,
		     (unsigned)status.st_mode & 07777);
	else
		note(examination, LEVEL_OK, check, NULL, "%s, mode %04o", folder,
		     (unsigned)status.st_mode & 07777);
}

static void check_folders(struct examination *examination)
{
	const struct config *config = &examination->call->process.config;

	if (!examination->has_config)
		return;
	check_folder(examination, "key folder", config->encryption_key_file, X_OK);
	check_folder(examination, "database folder", config->database, W_OK | X_OK);
}

static void check_disk(struct examination *examination)
{
	struct call *call = examination->call;
	static const char advice[] =
		"make room: what cannot be written is lost, refreshed tokens first";
	const char *folder;
	struct statvfs disk;
	int64_t free_mb;

	if (!examination->has_config)
		return;
	folder = folder_of(call->process.config.database, call->arena);
	if (statvfs(folder, &disk) != 0) {
		note(examination, LEVEL_FAIL, "disk", "see what is said of the folder", "%s: %s",
		     folder, strerror(errno));
		return;
	}
	free_mb = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize / 1000000;
	note(examination,
	     free_mb < FREE_MB_NEEDED   ? LEVEL_FAIL
	     : free_mb < FREE_MB_WANTED ? LEVEL_WARN
					: LEVEL_OK,
	     "disk", free_mb < FREE_MB_WANTED ? advice : NULL,
	     "%" PRId64 " MB are free where the database lies", free_mb);
}

/* The database and what SQLite keeps beside it, which has the same content. */
static void check_database_modes(struct examination *examination)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	const char *database = examination->call->process.config.database;
	struct arena *arena = examination->call->arena;
	bool is_well = true;

	if (!examination->has_config)
		return;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		const char *path = arena_printf(arena, "%s%s", database, suffixes[i]);
		struct stat status;

		if (stat(path, &status) != 0)
			continue; /* check_database() says so where the database is missing */
		if ((status.st_mode & S_IRWXO) != 0)
			note(examination, LEVEL_FAIL, "database file",
			     arena_printf(arena, "run: chmod o= %s", path),
			     "%s: mode %04o lets anybody in", path,
			     (unsigned)status.st_mode & 07777);
		else if (access(path, R_OK | W_OK) != 0)
			note(examination, LEVEL_FAIL, "database file",
			     "give it to who runs Hallpass", "%s: %s", path, strerror(errno));
		else
			continue;
		is_well = false;
	}
	if (is_well && access(database, F_OK) == 0)
		note(examination, LEVEL_OK, "database file", NULL, "%s", database);
}

static void check_schema(struct examination *examination)
{
	struct error err = {0};

	if (!migrate_check(examination->call->db, &err)) {
		note(examination, LEVEL_FAIL, "schema",
		     "do that, or name another database in the configuration", "%s", err.message);
		return;
	}
	examination->has_schema = true;
	note(examination, LEVEL_OK, "schema", NULL, "version %d", SCHEMA_VERSION);
}

static void check_database(struct examination *examination)
{
	struct call *call = examination->call;
	const char *finding = NULL;
	struct error err = {0};

	if (!examination->has_config)
		return;
	call->process.gate = db_gate_open();
	if (!db_open(&call->db, call->process.config.database, call->process.gate, &err)) {
		note(examination, LEVEL_FAIL, "database",
		     "name the right file in the configuration, or run: hallpass init", "%s",
		     err.message);
		return;
	}
	if (!db_integrity_check(call->db, call->arena, &finding, &err))
		finding = err.message;
	if (finding != NULL)
		note(examination, LEVEL_FAIL, "database",
		     "stop Hallpass and put back a backup, if this is not passing", "%s: %s",
		     call->process.config.database, finding);
	else
		note(examination, LEVEL_OK, "database", NULL, "intact");
	check_schema(examination);
}

static const char *names_of(const struct sealed_value_tally *tally, struct arena *arena)
{
	const char *names = "";

	for (int i = 0; i < UNREADABLE_NAMED_MAX && i < tally->unreadable_count; i++)
		names = arena_printf(arena, "%s%s%s.%s of %s", names, i > 0 ? ", " : "",
				     tally->unreadable[i].table, tally->unreadable[i].column,
				     tally->unreadable[i].row);
	if (tally->unreadable_count > UNREADABLE_NAMED_MAX)
		names = arena_printf(arena, "%s, …", names);
	return names;
}

static void check_secrets(struct examination *examination)
{
	struct call *call = examination->call;
	struct sealed_value_tally tally;
	struct error err = {0};

	if (!examination->has_keyring || !examination->has_schema)
		return;
	if (!sealed_value_check(call->db, call->arena, call->process.keyring, &tally, &err))
		note(examination, LEVEL_FAIL, "secrets", "see what is said of the database", "%s",
		     err.message);
	else if (tally.unreadable_count > 0)
		note(examination, LEVEL_FAIL, "secrets",
		     "add the key that sealed them to the key file, or let these users and apps be "
		     "authorized again",
		     "no key opens %" PRId64 " of %" PRId64 " (%s)", tally.unreadable_count,
		     tally.count, names_of(&tally, call->arena));
	else
		note(examination, LEVEL_OK, "secrets", NULL, "the keys open all %" PRId64,
		     tally.count);
}

static void note_zoom_date(struct examination *examination, const struct http_answer *answer)
{
	const char *date = http_answer_header(answer, "date");
	const instant now = clock_now(&examination->call->process.clock);
	instant zoom;

	if (examination->has_zoom_date || date == NULL ||
	    !instant_parse_retry_after(date, now, &zoom))
		return;
	examination->has_zoom_date = true;
	examination->zoom_ahead = zoom - now;
}

static bool get_url(struct call *call, const char *url, struct http_answer *answer,
		    struct error *err)
{
	const struct http_call get = {.method = "GET",
				      .url = url,
				      .timeout_ms = call->process.config.zoom_timeout_ms};
	bool was_sent;

	return http_client_call(call->process.http_client, call->arena, &get, answer, &was_sent,
				err);
}

/* Whatever answers, with whatever status, is there. */
static void check_zoom_url(struct examination *examination, const char *key, const char *url)
{
	struct http_answer answer;
	struct error err = {0};

	if (!get_url(examination->call, url, &answer, &err)) {
		note(examination, LEVEL_FAIL, key,
		     "check this machine's network, name servers, proxy variables and this setting",
		     "%s cannot be reached: %s", url, err.message);
		return;
	}
	note(examination, LEVEL_OK, key, NULL, "%s answers (HTTP %d in %ld ms)", url, answer.status,
	     answer.duration_ms);
	note_zoom_date(examination, &answer);
}

static void check_zoom(struct examination *examination)
{
	struct process *process = &examination->call->process;

	if (!examination->has_config)
		return;
	process->http_client = http_client_open();
	check_zoom_url(examination, "zoom_oauth_url", process->config.zoom_oauth_url);
	check_zoom_url(examination, "zoom_api_url", process->config.zoom_api_url);
}

/* Zoom's events are refused when their timestamp is further from our clock than the tolerance. */
static void check_clock(struct examination *examination)
{
	const instant tolerance = examination->call->process.config.webhook_tolerance_s * SECOND;
	const instant apart = llabs(examination->zoom_ahead);
	const char *side = examination->zoom_ahead > 0 ? "behind" : "ahead of";
	const char *advice = "set this machine's clock, e.g. with systemd-timesyncd or chrony";

	if (!examination->has_config)
		return;
	if (!examination->has_zoom_date)
		note(examination, LEVEL_WARN, "clock", "run doctor again once Zoom answers",
		     "not compared, for Zoom told no time");
	else if (apart > tolerance / 2)
		note(examination, apart > tolerance ? LEVEL_FAIL : LEVEL_WARN, "clock", advice,
		     "%lld s %s Zoom's, with events accepted up to %lld s",
		     (long long)(apart / SECOND), side, (long long)(tolerance / SECOND));
	else
		note(examination, LEVEL_OK, "clock", NULL, "%lld s from Zoom's",
		     (long long)(apart / SECOND));
}

/* What the processes that serve have found out about Zoom, which may be more than one call now does. */
static void check_zoom_circuits(struct examination *examination)
{
	struct call *call = examination->call;
	struct zoom_circuit open[ZOOM_CIRCUITS_MAX];
	struct error err = {0};
	size_t count;

	if (!examination->has_schema)
		return;
	if (!zoom_circuit_list(call->db, call->arena, clock_now(&call->process.clock), open, &count,
			       &err)) {
		note(examination, LEVEL_FAIL, "zoom circuits", "see what is said of the database",
		     "%s", err.message);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char since[INSTANT_TEXT_BYTES];

		instant_format(open[i].failing_since, since);
		note(examination, LEVEL_WARN, "zoom circuits",
		     "bots join without tokens until it answers, which is noticed within half a minute; "
		     "see https://status.zoom.us and this machine's network",
		     "%s has given no good answer since %s (%s)", open[i].host, since,
		     open[i].last_error);
	}
	if (count == 0)
		note(examination, LEVEL_OK, "zoom circuits", NULL, "none is open: Zoom is called");
}

static const char *joined(const char *const *ids, size_t count, struct arena *arena)
{
	const char *names = "";

	for (size_t i = 0; i < count && i < APPS_LISTED_MAX - 1; i++)
		names = arena_printf(arena, "%s%s%s", names, i > 0 ? ", " : "", ids[i]);
	return count < APPS_LISTED_MAX ? names : arena_printf(arena, "%s, …", names);
}

static void check_app_credentials(struct examination *examination)
{
	struct call *call = examination->call;
	const char *ids[APPS_LISTED_MAX];
	struct error err = {0};
	size_t count;

	if (!examination->has_schema)
		return;
	if (!app_list_refused(call->db, call->arena, ids, &count, &err))
		note(examination, LEVEL_FAIL, "app credentials", "see what is said of the database",
		     "%s", err.message);
	else if (count > 0)
		note(examination, LEVEL_WARN, "app credentials",
		     "PATCH each with the client_secret that the Zoom app has now",
		     "Zoom refuses the client secret of %s", joined(ids, count, call->arena));
	else
		note(examination, LEVEL_OK, "app credentials", NULL,
		     "Zoom refuses those of no app");
}

static void check_events(struct examination *examination)
{
	struct call *call = examination->call;
	const instant since = clock_now(&call->process.clock) - URL_VALIDATION_H * HOUR;
	const char *ids[APPS_LISTED_MAX];
	struct error err = {0};
	size_t count;

	if (!examination->has_schema)
		return;
	if (!app_list_unvalidated(call->db, call->arena, since, ids, &count, &err))
		note(examination, LEVEL_FAIL, "events", "see what is said of the database", "%s",
		     err.message);
	else if (count > 0)
		note(examination, LEVEL_WARN, "events",
		     "see that Zoom reaches the app's webhook_url (TLS, DNS, firewall), and validate it "
		     "in the Zoom app",
		     "Zoom has not validated the address of %s for 72 hours",
		     joined(ids, count, call->arena));
	else
		note(examination, LEVEL_OK, "events", NULL,
		     "Zoom has validated the address of each app with a webhook secret");
}

static const char *codes_of(const struct connection_failure *failures, size_t count,
			    struct arena *arena)
{
	const char *codes = "";

	for (size_t i = 0; i < count; i++)
		codes = arena_printf(arena, "%s%s%" PRId64 " %s", codes, i > 0 ? ", " : ": ",
				     failures[i].count, failures[i].code);
	return codes;
}

static void check_connections(struct examination *examination)
{
	struct call *call = examination->call;
	struct connection_failure failures[CONNECTION_FAILURES_MAX];
	int64_t connected, disconnected;
	struct error err = {0};
	size_t count;
	bool is_usual;

	if (!examination->has_schema)
		return;
	if (!connection_count(call->db, &connected, &disconnected, &err) ||
	    !connection_count_failures(call->db, call->arena, failures, &count, &err)) {
		note(examination, LEVEL_FAIL, "connections", "see what is said of the database",
		     "%s", err.message);
		return;
	}
	is_usual = disconnected * 100 <= (connected + disconnected) * LOST_PERCENT_USUAL;
	note(examination, is_usual ? LEVEL_OK : LEVEL_WARN, "connections",
	     is_usual
		     ? NULL
		     : "let these users authorize again; each one's connection_failure_data and log "
		       "say why",
	     "%" PRId64 " connected, %" PRId64 " disconnected%s", connected, disconnected,
	     codes_of(failures, count, call->arena));
}

/* What each program answers to somebody without a key, if it is there. */
static const struct {
	const char *path;
	int status;
} doors[] = {
	{"/ready", 200},
	{"/api/v1/zoom_oauth_apps", 401},
	{"/api/v1/zoom_oauth_connections", 401},
	{"/api/v1/zoom_oauth/webhooks", 405},
	{"/api/v1/bots", 401},
	{"/api/v1/token_callbacks", 401},
	{"/api/v1/webhooks", 401},
};

static bool is_door_open(struct examination *examination, const char *url, int status)
{
	struct http_answer answer;
	struct error err = {0};

	if (!get_url(examination->call, url, &answer, &err)) {
		note(examination, LEVEL_WARN, "public_url",
		     "see name server, certificate and web server, unless it is only from this "
		     "machine that it cannot be reached",
		     "%s cannot be reached: %s", url, err.message);
		return false;
	}
	if (answer.status == status)
		return true;
	note(examination, LEVEL_FAIL, "public_url",
	     answer.status >= 500 ? "see that this program runs, and what its log says"
				  : "see that the web server passes this path to Hallpass",
	     "%s answers HTTP %d instead of %d", url, answer.status, status);
	return false;
}

/* The first door that is closed is told: most often they all are. */
static void check_public_url(struct examination *examination)
{
	const struct call *call = examination->call;
	const char *public_url = call->process.config.public_url;

	if (!examination->has_config || *public_url == '\0')
		return;
	for (size_t i = 0; i < COUNT_OF(doors); i++)
		if (!is_door_open(examination,
				  arena_printf(call->arena, "%s%s", public_url, doors[i].path),
				  doors[i].status))
			return;
	note(examination, LEVEL_OK, "public_url", NULL, "all programs answer at %s", public_url);
}

static void (*const checks[])(struct examination *) = {
	check_config,         check_key_file,   check_folders,         check_disk,
	check_database_modes, check_database,   check_secrets,         check_zoom,
	check_zoom_circuits,  check_clock,      check_app_credentials, check_events,
	check_connections,    check_public_url,
};

bool run_doctor(struct call *call, struct error *err)
{
	struct examination examination = {.call = call, .findings = json_array()};

	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		checks[i](&examination);
		fflush(stdout); /* the next one may take its time */
	}
	if (call->is_json)
		command_print_json(call,
				   json_pack("{s:b, s:O}", "ok", examination.failed_count == 0,
					     "findings", examination.findings));
	json_decref(examination.findings);
	if (examination.failed_count == 0)
		return true;
	return error_set(err, ERROR_INVALID, "%d of %d findings FAILed; they say what to do",
			 examination.failed_count, examination.finding_count);
}
