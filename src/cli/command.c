#include "cli/command.h"

#include "http/json.h"
#include "store/db_gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char misuse_code[] = "wrong_usage";

static const struct {
	enum command_option option;
	const char *text, *usage;
} options[] = {
	{OPTION_NAME, "--name", " [--name NAME]"},
	{OPTION_YES, "--yes", " [--yes]"},
	{OPTION_JSON, "--json", " [--json]"},
};

const char *command_usage(const struct command *command, struct arena *arena)
{
	const char *usage = command->name;

	if (command->operand != NULL)
		usage = arena_printf(arena, "%s %s", usage, command->operand);
	for (size_t i = 0; i < COUNT_OF(options); i++)
		if ((command->options & options[i].option) != 0)
			usage = arena_printf(arena, "%s%s", usage, options[i].usage);
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
	if (list != NULL)
		return command_misused(NULL, err, "'%s' needs one of: %s", first, list);
	return command_misused(NULL, err, "unknown command '%s'", first);
}

/* *words stands at an option; where it takes a value from the next word it moves there. */
static bool read_option(struct call *call, char *const **words, struct error *err)
{
	const char *word = **words, *value = NULL;

	if (strcmp(word, "--help") == 0) {
		call->asks_for_usage = true;
		return true;
	}
	if (strcmp(word, "--json") == 0 && (call->command->options & OPTION_JSON) != 0) {
		call->is_json = true;
		return true;
	}
	if (strcmp(word, "--yes") == 0 && (call->command->options & OPTION_YES) != 0) {
		call->is_yes = true;
		return true;
	}
	if (strcmp(word, "--name") == 0 && (call->command->options & OPTION_NAME) != 0) {
		value = (*words)[1];
		if (value != NULL)
			(*words)++;
	} else if (strncmp(word, "--name=", 7) == 0 &&
		   (call->command->options & OPTION_NAME) != 0) {
		value = word + 7;
	} else {
		return command_misused(call->command, err, "unknown option '%s'", word);
	}
	if (value == NULL || *value == '\0')
		return command_misused(call->command, err, "--name needs a name");
	call->name = value;
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

	if (!find(call, commands, count, &words, err))
		return false;
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
	if (call->command->operand != NULL && call->operand == NULL && !call->asks_for_usage)
		return command_misused(call->command, err, "%s is missing", call->command->operand);
	return true;
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
		process->gate = db_gate_open();
		return config_read(&process->config, call->environment, err) &&
		       db_open(&call->db, process->config.database, process->gate, err);
	case NEEDS_DATABASE:
		return process_open(process, "hallpass", call->environment, err) &&
		       process_open_db(process, &call->db, err);
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
