#include "cli/command.h"

#include "http/json.h"
#include "store/db_gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char misuse_code[] = "wrong_usage";

struct option {
	const char *text;
	const char *value; /* what the usage calls it; NULL: it takes none */
	enum command_option option;
	bool is_required;
};

static const struct option options[] = {
	{"--from", "FILE", OPTION_FROM, true},  {"--project", "PROJECT", OPTION_PROJECT, true},
	{"--name", "NAME", OPTION_NAME, false}, {"--yes", NULL, OPTION_YES, false},
	{"--json", NULL, OPTION_JSON, false},   {"--dry-run", NULL, OPTION_DRY_RUN, false},
};

static const char *option_usage(const struct option *option, struct arena *arena)
{
	return option->value == NULL ? option->text
				     : arena_printf(arena, "%s %s", option->text, option->value);
}

const char *command_usage(const struct command *command, struct arena *arena)
{
	const char *usage = command->name;

	if (command->operand != NULL)
		usage = arena_printf(arena, "%s %s", usage, command->operand);
	for (size_t i = 0; i < COUNT_OF(options); i++)
		if ((command->options & options[i].option) != 0)
			usage = arena_printf(arena, options[i].is_required ? "%s %s" : "%s [%s]",
					     usage, option_usage(&options[i], arena));
	return usage;
}

bool command_misused(const struct command *command, struct error *err, const char *format, ...)
{
	SCOPED(arena_release) struct arena arena = {0};
	char mistake[ERROR_MESSAGE_BYTES / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(mistake, sizeof(mistake), format, args);
	va_end(args);
	if (command == NULL)
		return error_set_code(err, ERROR_INVALID, misuse_code, "%s; see: hallpass help",
				      mistake);
	return error_set_code(err, ERROR_INVALID, misuse_code, "%s; usage: hallpass %s", mistake,
			      command_usage(command, &arena));
}

bool command_is_misuse(const struct error *err)
{
	return strcmp(err->code, misuse_code) == 0;
}

/* How many of the words the command's name takes up; 0 where it is another command. */
static size_t words_matched(const struct command *command, char *const *words)
{
	const char *space = strchr(command->name, ' ');
	const size_t first =
		space != NULL ? (size_t)(space - command->name) : strlen(command->name);

	if (strlen(words[0]) != first || strncmp(words[0], command->name, first) != 0)
		return 0;
	if (space == NULL)
		return 1;
	return words[1] != NULL && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

/* "create, list, delete" for "project"; NULL where no command begins with that word. */
static const char *second_words(const struct command *commands, size_t count, const char *first,
				struct arena *arena)
{
	const size_t length = strlen(first);
	const char *list = NULL;

	for (size_t i = 0; i < count; i++) {
		const char *name = commands[i].name;

		if (strncmp(name, first, length) != 0 || name[length] != ' ')
			continue;
		list = list == NULL ? name + length + 1
				    : arena_printf(arena, "%s, %s", list, name + length + 1);
	}
	return list;
}

/* After the first half of a command: whether it is all of them that are asked for. */
static bool is_all_help(const struct call *call, char *const *words)
{
	if (words[0] != NULL && strcmp(words[0], "--help") == 0)
		words++;
	else if (!call->asks_for_usage)
		return false;
	return words[0] == NULL;
}

static bool find(struct call *call, const struct command *commands, size_t count,
		 char *const **words, struct error *err)
{
	const char *first = (*words)[0], *list;

	if (first == NULL)
		return command_misused(NULL, err, "no command is named");
	for (size_t i = 0; i < count; i++) {
		const size_t matched = words_matched(&commands[i], *words);

		if (matched > 0) {
			call->command = &commands[i];
			*words += matched;
			return true;
		}
	}
	list = second_words(commands, count, first, call->arena);
	if (list != NULL && is_all_help(call, *words + 1)) {
		call->asks_for_usage = true;
		call->group = first;
		return true;
	}
	if (list != NULL)
		return command_misused(NULL, err, "'%s' needs one of: %s", first, list);
	return command_misused(NULL, err, "unknown command '%s'", first);
}

static const char **value_of(struct call *call, enum command_option option)
{
	return option == OPTION_FROM      ? &call->from
	       : option == OPTION_PROJECT ? &call->project
					  : &call->name;
}

static bool *flag_of(struct call *call, enum command_option option)
{
	return option == OPTION_JSON  ? &call->is_json
	       : option == OPTION_YES ? &call->is_yes
				      : &call->is_dry_run;
}

/* The option that the word is, alone or as --option=value; NULL where the command has none of that name. */
static const struct option *find_option(const struct call *call, const char *word)
{
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		const size_t length = strlen(options[i].text);

		if ((call->command->options & options[i].option) != 0 &&
		    strncmp(word, options[i].text, length) == 0 &&
		    (word[length] == '\0' || (word[length] == '=' && options[i].value != NULL)))
			return &options[i];
	}
	return NULL;
}

/* *words stands at an option; where it takes a value from the next word it moves there. */
static bool read_option(struct call *call, char *const **words, struct error *err)
{
	const char *word = **words, *value;
	const struct option *option = find_option(call, word);

	if (strcmp(word, "--help") == 0) {
		call->asks_for_usage = true;
		return true;
	}
	if (option == NULL)
		return command_misused(call->command, err, "unknown option '%s'", word);
	if (option->value == NULL) {
		*flag_of(call, option->option) = true;
		return true;
	}
	value = strchr(word, '=');
	if (value != NULL)
		value++;
	else if ((value = (*words)[1]) != NULL)
		(*words)++;
	if (value == NULL || *value == '\0')
		return command_misused(call->command, err, "%s needs a %s", option->text,
				       option->value);
	*value_of(call, option->option) = value;
	return true;
}

static bool check_options(struct call *call, struct error *err)
{
	for (size_t i = 0; i < COUNT_OF(options); i++)
		if ((call->command->options & options[i].option) != 0 && options[i].is_required &&
		    *value_of(call, options[i].option) == NULL)
			return command_misused(call->command, err, "%s is missing",
					       options[i].text);
	return true;
}

static bool read_operand(struct call *call, const char *word, struct error *err)
{
	if (call->command->operand == NULL || call->operand != NULL)
		return command_misused(call->command, err, "'%s' is one argument too many", word);
	if (*word == '\0')
		return command_misused(call->command, err, "%s is empty", call->command->operand);
	call->operand = word;
	return true;
}

bool command_parse(struct call *call, const struct command *commands, size_t count,
		   char *const *words, struct error *err)
{
	bool takes_options = true;

	if (words[0] != NULL && words[1] != NULL && strcmp(words[0], "help") == 0 &&
	    *words[1] != '-') {
		call->asks_for_usage = true;
		words++;
	}
	if (!find(call, commands, count, &words, err))
		return false;
	if (call->group != NULL)
		return true;
	for (; *words != NULL; words++) {
		if (takes_options && strcmp(*words, "--") == 0) {
			takes_options = false;
		} else if (takes_options && (*words)[0] == '-' && (*words)[1] != '\0') {
			if (!read_option(call, &words, err))
				return false;
		} else if (!read_operand(call, *words, err)) {
			return false;
		}
	}
	if (call->asks_for_usage)
		return true;
	if (call->command->operand != NULL && *call->command->operand != '[' &&
	    call->operand == NULL)
		return command_misused(call->command, err, "%s is missing", call->command->operand);
	return check_options(call, err);
}

/*
 * The database is another's, who may have been taken over. What keeps a command from its sandbox is for
 * the doctor to say.
 */
static void enter_sandbox(struct call *call)
{
	const enum command_needs needs = call->command->needs;
	const struct sandbox_role role = {
		.calls_out = needs == NEEDS_ZOOM,
		.reads = needs == NEEDS_ZOOM ? call->from : NULL,
		.replaces_keys = needs == NEEDS_NEW_KEYS,
		.writes = needs == NEEDS_COPY ? call->operand : NULL,
	};
	struct error ignored;

	if (!sandbox_enter(&call->process.config, &role, sandbox_version(), &ignored))
		return;
}

bool command_open(struct call *call, struct error *err)
{
	struct process *process = &call->process;

	switch (call->command->needs) {
	case NEEDS_NOTHING:
		return true;
	case NEEDS_CONFIG:
		return config_read(&process->config, call->environment, err);
	case NEEDS_DATABASE_FILE:
	case NEEDS_COPY:
		process->gate = db_gate_open();
		if (!config_read(&process->config, call->environment, err))
			return false;
		enter_sandbox(call);
		return db_open(&call->db, process->config.database, process->gate, err);
	case NEEDS_DATABASE:
	case NEEDS_NEW_KEYS:
	case NEEDS_ZOOM:
		if (!process_open(process, "hallpass", call->environment, err))
			return false;
		enter_sandbox(call);
		return process_open_db(process, &call->db, err);
	}
	return error_set(err, ERROR_INTERNAL, "%s needs something unknown", call->command->name);
}

void command_close(struct call *call)
{
	db_close(&call->db);
	process_close(&call->process);
}

bool command_check_name(const struct call *call, const char *name, struct error *err)
{
	json_t *valid = json_string(name); /* NULL for what is not UTF-8 */

	json_decref(valid);
	if (valid == NULL)
		return command_misused(call->command, err, "the name is not UTF-8");
	if (strlen(name) > NAME_BYTES_MAX)
		return command_misused(call->command, err, "the name is longer than %d bytes",
				       NAME_BYTES_MAX);
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			return command_misused(call->command, err,
					       "the name holds a control character");
	return true;
}

void command_print_json(const struct call *call, json_t *value)
{
	puts(json_text(call->arena, value));
	json_decref(value);
}
