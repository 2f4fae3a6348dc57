/*
 * The operator's command line: `hallpass COMMAND [OPERAND] [OPTIONS]`. A command is a row of the
 * table in main.c: what it takes and what it needs stands there, so that its function only acts.
 * A command prints what it did to standard output; why it failed is one line on standard error.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/arena.h"
#include "base/error.h"
#include "serve/process.h"
#include "store/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { NAME_BYTES_MAX = 255 }; /* of a project or API key */

enum command_option {
	OPTION_JSON = 1 << 0,
	OPTION_YES = 1 << 1,
	OPTION_NAME = 1 << 2,
	OPTION_FROM = 1 << 3, /* required, where it is taken at all; the next one, too */
	OPTION_PROJECT = 1 << 4,
	OPTION_DRY_RUN = 1 << 5,
};

/* What is opened before a command runs, and closed after it. */
enum command_needs {
	NEEDS_NOTHING,
	NEEDS_CONFIG,        /* process.config */
	NEEDS_DATABASE_FILE, /* and the database, whatever its schema version */
	NEEDS_COPY,          /* the same, and to make the file that the operand names */
	NEEDS_DATABASE, /* the whole process, and a database of this program's schema version */
	NEEDS_NEW_KEYS, /* the same, and to replace the key file */
	NEEDS_ZOOM,     /* the same as NEEDS_DATABASE, and to call Zoom; and the file of --from */
};

struct call;
typedef bool command_run(struct call *call, struct error *err);

struct command {
	const char *name;    /* one word or two: "api-key create" */
	const char *operand; /* for the usage, in [] if it may lack; NULL: none is taken */
	unsigned options;    /* of enum command_option */
	enum command_needs needs;
	command_run *run;
	const char *purpose; /* for the usage */
};

/* A command as it was called. */
struct call {
	const struct command *command;
	char *const *environment;
	const char *operand; /* not empty; NULL where the command takes none */
	const char *name;    /* --name; NULL: not given, as the next ones */
	const char *from, *project;
	bool is_json, is_yes, is_dry_run;
	bool asks_for_usage; /* --help, or help before it */
	const char *group;   /* of all commands that begin with this word; NULL: of the one */
	struct arena *arena;
	struct process process;
	struct db *db; /* NULL unless needed */
};

/*
 * Finds the command and reads its operand and options from `words` (NULL-terminated, without the
 * program's name). Failing, here and in a command, with command_misused() is wrong usage.
 */
bool command_parse(struct call *call, const struct command *commands, size_t count,
		   char *const *words, struct error *err) MUST_CHECK;

bool command_open(struct call *call, struct error *err) MUST_CHECK;
void command_close(struct call *call);

/* Always false: the caller's mistake, and how the command is called. command may be NULL. */
bool command_misused(const struct command *command, struct error *err, const char *format, ...)
	PRINTF_LIKE(3, 4);
bool command_is_misuse(const struct error *err);

/* "api-key create PROJECT_ID [--name NAME] [--json]" */
const char *command_usage(const struct command *command, struct arena *arena);

/* Refuses what could not be shown or sent later: over NAME_BYTES_MAX, control characters, not UTF-8. */
bool command_check_name(const struct call *call, const char *name, struct error *err) MUST_CHECK;

/* Prints the value on a line of its own, and takes it over. */
void command_print_json(const struct call *call, json_t *value);

command_run run_init, run_migrate, run_backup, run_restore, run_doctor;
command_run run_project_create, run_project_list, run_project_delete;
command_run run_api_key_create, run_api_key_list, run_api_key_revoke;
command_run run_keys_rotate, run_import;

#endif
