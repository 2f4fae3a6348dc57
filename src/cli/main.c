/* The table of the commands, and the program around them. */
#include "base/secret_memory.h"
#include "base/version.h"
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_MISUSED = 2 };

static command_run run_help, run_version;

static const struct command commands[] = {
	{"init", NULL, OPTION_YES, NEEDS_CONFIG, run_init,
	 "make the database and a fresh key file, whichever is not there yet; --yes if keys are lost"},
	{"migrate", NULL, 0, NEEDS_DATABASE_FILE, run_migrate,
	 "bring the database to this program's schema version"},
	{"doctor", NULL, OPTION_JSON, NEEDS_NOTHING, run_doctor,
	 "check configuration, files, database, keys, Zoom, apps, users and the web server"},
	{"backup", "FILE", 0, NEEDS_COPY, run_backup,
	 "copy the database, consistently while it is in use; the key file is not in it"},
	{"restore", "FILE", OPTION_YES, NEEDS_CONFIG, run_restore,
	 "put such a copy in the place of the database, which is kept; --yes if keys are lost"},
	{"project create", "NAME", OPTION_JSON, NEEDS_DATABASE, run_project_create,
	 "make a project and its first API key, which is shown this once"},
	{"project list", NULL, OPTION_JSON, NEEDS_DATABASE, run_project_list, "list the projects"},
	{"project delete", "PROJECT_ID", OPTION_YES, NEEDS_DATABASE, run_project_delete,
	 "delete a project; --yes if apps, connections or bots go with it"},
	{"api-key create", "PROJECT_ID", OPTION_NAME | OPTION_JSON, NEEDS_DATABASE,
	 run_api_key_create, "make another API key, which is shown this once"},
	{"api-key list", "PROJECT_ID", OPTION_JSON, NEEDS_DATABASE, run_api_key_list,
	 "list a project's API keys by how they start"},
	{"api-key revoke", "KEY_ID", 0, NEEDS_DATABASE, run_api_key_revoke,
	 "refuse an API key from now on"},
	{"keys rotate", NULL, 0, NEEDS_NEW_KEYS, run_keys_rotate,
	 "make a new encryption key and seal every secret with it, while everything serves"},
	{"import", NULL, OPTION_FROM | OPTION_PROJECT | OPTION_DRY_RUN, NEEDS_ZOOM, run_import,
	 "take apps and connections over that were exported elsewhere; --dry-run only says which"},
	{"help", "[COMMAND]", 0, NEEDS_NOTHING, run_help, "show this, or how that command is used"},
	{"--help", NULL, 0, NEEDS_NOTHING, run_help, NULL},
	{"--version", NULL, 0, NEEDS_NOTHING, run_version, "show the version"},
};

/* Of those whose name begins so. */
static void print_usages(const struct call *call, const char *beginning)
{
	puts("usage: hallpass COMMAND\n");
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (commands[i].purpose != NULL &&
		    strncmp(commands[i].name, beginning, strlen(beginning)) == 0)
			printf("  %s\n        %s\n", command_usage(&commands[i], call->arena),
			       commands[i].purpose);
}

static bool run_help(struct call *call, struct error *err)
{
	(void)err;
	print_usages(call, "");
	puts("\nThe configuration is the file that HALLPASS_CONFIG names, else"
	     " /etc/hallpass/hallpass.conf.\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage.");
	return true;
}

static bool run_version(struct call *call, struct error *err)
{
	(void)call;
	(void)err;
	puts("hallpass " HALLPASS_VERSION);
	return true;
}

/* Whoever forgot to say which Hallpass is meant learns that no other is there. */
static bool open_for(struct call *call, struct error *err)
{
	const struct config *config = &call->process.config;
	struct error cause = {0};

	if (command_open(call, &cause))
		return true;
	if (config->file[0] == '\0' && config->database[0] != '\0' &&
	    (access(config->encryption_key_file, F_OK) != 0 || access(config->database, F_OK) != 0))
		return error_set_code(err, cause.kind, cause.code,
				      "%s; or name your configuration in HALLPASS_CONFIG",
				      cause.message);
	*err = cause;
	return false;
}

static bool run(struct call *call, struct error *err)
{
	if (call->group != NULL) {
		print_usages(call, arena_printf(call->arena, "%s ", call->group));
		return true;
	}
	if (call->asks_for_usage) {
		printf("usage: hallpass %s\n%s\n", command_usage(call->command, call->arena),
		       call->command->purpose);
		return true;
	}
	return open_for(call, err) && call->command->run(call, err);
}

/* An answer that nobody could read was not given: of an API key it was the only copy. */
static bool flush_output(struct error *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	return error_set(err, ERROR_STORAGE, "cannot write to standard output: %s",
			 strerror(errno));
}

/* One line, whatever the words of the call were. */
static int refuse(struct error *err)
{
	for (char *c = err->message; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			*c = '?';
	process_refuse("hallpass", err);
	return command_is_misuse(err) ? EXIT_MISUSED : EXIT_FAILED;
}

/*
 * A file that got the number of a stream which was closed when we were called would be taken for that
 * stream. What is opened instead can only be read, so that an answer into it fails as it should.
 */
static bool open_streams(struct error *err)
{
	int file;

	do
		file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (file >= 0 && file <= STDERR_FILENO);
	if (file < 0)
		return error_set(err, ERROR_INTERNAL, "/dev/null: %s", strerror(errno));
	close(file);
	return true;
}

int main(int argc, char **argv)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct call call = {.environment = environ, .arena = &arena};
	struct error err = {0};
	bool is_done, is_told;

	umask(077); /* whatever is made here holds secrets */
	secret_memory_forbid_core_dumps();
	is_done = open_streams(&err) &&
		  command_parse(&call, commands, COUNT_OF(commands), argv + (argc > 0), &err) &&
		  run(&call, &err);
	command_close(&call);
	is_told = flush_output(is_done ? &err : &(struct error){0});
	return is_done && is_told ? EXIT_DONE : refuse(&err);
}
