#include "base/config.h"

#include "base/networks.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char default_file[] = "/etc/hallpass/hallpass.conf";
static const char variable_prefix[] = "HALLPASS_";

enum value_type { VALUE_PATH, VALUE_URL, VALUE_NUMBER, VALUE_FLAG, VALUE_CHOICE, VALUE_NETWORKS };

struct setting {
	const char *key;
	enum value_type type;
	size_t offset;
	const char *value_default;
	long min, max;              /* numbers, unit as in the key */
	const char *const *choices; /* in the order of their enum, NULL last */
};

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"json", "text", NULL};

#define FIELD(name) #name, .offset = offsetof(struct config, name)

static const struct setting settings[] = {
	{FIELD(database), .type = VALUE_PATH, .value_default = "/var/lib/hallpass/hallpass.db"},
	{FIELD(encryption_key_file), .type = VALUE_PATH,
	 .value_default = "/etc/hallpass/encryption.keys"},
	{FIELD(public_url), .type = VALUE_URL, .value_default = ""},
	{FIELD(zoom_oauth_url), .type = VALUE_URL, .value_default = "https://zoom.us/oauth"},
	{FIELD(zoom_api_url), .type = VALUE_URL, .value_default = "https://api.zoom.us/v2"},
	{FIELD(zoom_timeout_ms), .type = VALUE_NUMBER, .value_default = "10000", .min = 100,
	 .max = 120000},
	{FIELD(webhook_tolerance_s), .type = VALUE_NUMBER, .value_default = "600", .min = 1,
	 .max = 86400},
	{FIELD(allow_private_urls), .type = VALUE_FLAG, .value_default = "false"},
	{FIELD(metrics_from), .type = VALUE_NETWORKS, .value_default = ""},
	{FIELD(threads), .type = VALUE_NUMBER, .value_default = "64", .min = 1, .max = 1024},
	{FIELD(idle_exit_s), .type = VALUE_NUMBER, .value_default = "0", .min = 0, .max = 86400},
	{FIELD(log_level), .type = VALUE_CHOICE, .value_default = "info", .choices = log_levels},
	{FIELD(log_format), .type = VALUE_CHOICE, .value_default = "json", .choices = log_formats},
};

static const struct setting *find_setting(const char *key)
{
	for (size_t i = 0; i < COUNT_OF(settings); i++)
		if (strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

static bool set_text(char *field, const char *value, struct error *err)
{
	if (strlen(value) >= CONFIG_TEXT_BYTES)
		return error_set(err, ERROR_INVALID, "is longer than %d bytes",
				 CONFIG_TEXT_BYTES - 1);
	snprintf(field, CONFIG_TEXT_BYTES, "%s", value);
	return true;
}

static bool set_url(char *field, const char *value, struct error *err)
{
	size_t length;

	if (*value != '\0' &&
	    ((strncmp(value, "https://", 8) != 0 && strncmp(value, "http://", 7) != 0) ||
	     strpbrk(value, " \t?#@") != NULL || strchr("/", strstr(value, "://")[3]) != NULL))
		return error_set(err, ERROR_INVALID,
				 "expected a URL like https://bots.example.com, got '%s'", value);
	if (!set_text(field, value, err))
		return false;
	for (length = strlen(field); length > 0 && field[length - 1] == '/'; length--)
		field[length - 1] = '\0';
	return true;
}

static bool set_number(long *field, const struct setting *setting, const char *value,
		       struct error *err)
{
	char *end;

	errno = 0;
	*field = strtol(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0 || *field < setting->min ||
	    *field > setting->max)
		return error_set(err, ERROR_INVALID,
				 "expected a whole number from %ld to %ld, got '%s'", setting->min,
				 setting->max, value);
	return true;
}

static bool set_flag(bool *field, const char *value, struct error *err)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return error_set(err, ERROR_INVALID, "expected true or false, got '%s'", value);
	*field = strcmp(value, "true") == 0;
	return true;
}

static bool set_choice(long *field, const struct setting *setting, const char *value,
		       struct error *err)
{
	char known[128] = "";

	for (long i = 0; setting->choices[i] != NULL; i++) {
		const size_t used = strlen(known);

		if (strcmp(setting->choices[i], value) == 0) {
			*field = i;
			return true;
		}
		snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "",
			 setting->choices[i]);
	}
	return error_set(err, ERROR_INVALID, "expected one of %s, got '%s'", known, value);
}

/* On failure err says what would be right, for the caller to put the place in front of. */
static bool set_value(struct config *config, const struct setting *setting, const char *value,
		      struct error *err)
{
	void *field = (char *)config + setting->offset;

	switch (setting->type) {
	case VALUE_PATH:
		if (*value == '\0')
			return error_set(err, ERROR_INVALID, "expected a path, got nothing");
		return set_text(field, value, err);
	case VALUE_URL:
		if (*value == '\0' && *setting->value_default != '\0')
			return error_set(err, ERROR_INVALID, "expected a URL, got nothing");
		return set_url(field, value, err);
	case VALUE_NUMBER:
		return set_number(field, setting, value, err);
	case VALUE_FLAG:
		return set_flag(field, value, err);
	case VALUE_CHOICE:
		return set_choice(field, setting, value, err);
	case VALUE_NETWORKS:
		return networks_check(value, err) && set_text(field, value, err);
	}
	assert(false && "every type has its case");
	return false;
}

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t\r\n");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
		text[--length] = '\0';
	return text;
}

static bool read_line(struct config *config, char *line, int number, struct error *err)
{
	char *key = trim(line), *equals, *value;
	const struct setting *setting;
	struct error wrong = {0};

	if (*key == '\0' || *key == '#')
		return true;
	equals = strchr(key, '=');
	if (equals == NULL)
		return error_set(err, ERROR_INVALID, "%s line %d: expected `key = value`, got '%s'",
				 config->file, number, key);
	*equals = '\0';
	key = trim(key);
	value = trim(equals + 1);
	setting = find_setting(key);
	if (setting == NULL)
		return error_set(err, ERROR_INVALID, "%s line %d: unknown key '%s'", config->file,
				 number, key);
	if (!set_value(config, setting, value, &wrong))
		return error_set(err, ERROR_INVALID, "%s line %d: %s: %s", config->file, number,
				 key, wrong.message);
	return true;
}

static void file_close(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
}

static bool refuse_file(const struct config *config, struct error *err)
{
	const char *advice = errno == EACCES ? "run this as root or as the user of the services"
					     : "name it in HALLPASS_CONFIG";

	return error_set(err, ERROR_INVALID, "%s: cannot read the configuration: %s; %s",
			 config->file, strerror(errno), advice);
}

static bool read_file(struct config *config, struct error *err)
{
	SCOPED(file_close) FILE *file = fopen(config->file, "re");
	char line[2 * CONFIG_TEXT_BYTES];

	if (file == NULL)
		return refuse_file(config, err);
	for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
		if (strlen(line) + 1 == sizeof(line))
			return error_set(err, ERROR_INVALID, "%s line %d: longer than %zu bytes",
					 config->file, number, sizeof(line) - 2);
		if (!read_line(config, line, number, err))
			return false;
	}
	if (ferror(file))
		return refuse_file(config, err);
	return true;
}

/* "HALLPASS_LOG_LEVEL=debug" → "log_level"; false for any variable that is not ours. */
static bool variable_key(const char *variable, char *key, size_t key_bytes, const char **value)
{
	const size_t prefix = strlen(variable_prefix);
	const char *equals = strchr(variable, '=');
	size_t length;

	if (equals == NULL || strncmp(variable, variable_prefix, prefix) != 0)
		return false;
	length = (size_t)(equals - variable) - prefix;
	snprintf(key, key_bytes, "%.*s", (int)length, variable + prefix);
	for (char *c = key; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	*value = equals + 1;
	return true;
}

static bool read_environment(struct config *config, char *const *environment, struct error *err)
{
	for (; *environment != NULL; environment++) {
		const struct setting *setting;
		struct error wrong = {0};
		const char *value;
		char key[64];

		if (!variable_key(*environment, key, sizeof(key), &value) ||
		    strcmp(key, "config") == 0)
			continue;
		setting = find_setting(key);
		if (setting == NULL)
			return error_set(err, ERROR_INVALID, "environment: %.*s: unknown key '%s'",
					 (int)(strchr(*environment, '=') - *environment),
					 *environment, key);
		if (!set_value(config, setting, value, &wrong))
			return error_set(err, ERROR_INVALID, "environment: %.*s: %s",
					 (int)(strchr(*environment, '=') - *environment),
					 *environment, wrong.message);
	}
	return true;
}

static const char *named_file(char *const *environment)
{
	static const char variable[] = "HALLPASS_CONFIG=";

	for (; *environment != NULL; environment++)
		if (strncmp(*environment, variable, sizeof(variable) - 1) == 0)
			return *environment + sizeof(variable) - 1;
	return access(default_file, F_OK) == 0 ? default_file : "";
}

bool config_read(struct config *config, char *const *environment, struct error *err)
{
	const char *file = named_file(environment);

	*config = (struct config){0};
	for (size_t i = 0; i < COUNT_OF(settings); i++)
		if (!set_value(config, &settings[i], settings[i].value_default, err))
			return false;
	if (!set_text(config->file, file, err))
		return false;
	if (config->file[0] != '\0' && !read_file(config, err))
		return false;
	return read_environment(config, environment, err);
}
