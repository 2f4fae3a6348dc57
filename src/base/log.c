#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_BYTES = 4096, /* what a pipe takes in one piece */
	/* Of one text, escaped, so that one long text leaves room for the others. */
	VALUE_BYTES = 2048,
};

struct line {
	char text[LINE_BYTES];
	size_t length;
};

/* Two bytes stay free, for the closing brace and the newline. */
static bool is_full(const struct line *line)
{
	return line->length == LINE_BYTES - 2;
}

static void add_char(struct line *line, char c)
{
	if (!is_full(line))
		line->text[line->length++] = c;
}

static void add(struct line *line, const char *text)
{
	for (; *text != '\0'; text++)
		add_char(line, *text);
}

/* The bytes of the UTF-8 character that begins here; 0 where none does (RFC 3629). */
static size_t character_size(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	const size_t size = c[0] < 0x80   ? 1
			    : c[0] < 0xc2 ? 0
			    : c[0] < 0xe0 ? 2
			    : c[0] < 0xf0 ? 3
					  : 4;

	for (size_t i = 1; i < size; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f) || c[0] > 0xf4)
		return 0;
	return size;
}

/* One character as both formats have it, in `escaped`; returns how many bytes of the text it took. */
static size_t escape(const char *text, char escaped[static 8])
{
	const size_t size = character_size(text);
	const unsigned char c = (unsigned char)*text;

	if (size == 0) /* the replacement character: JSON takes nothing but UTF-8 */
		snprintf(escaped, 8, "\xef\xbf\xbd");
	else if (c == '"' || c == '\\')
		snprintf(escaped, 8, "\\%c", c);
	else if (c < 0x20 || c == 0x7f)
		snprintf(escaped, 8, "\\u%04x", c);
	else if (c == 0xc2 && (unsigned char)text[1] < 0xa0) /* U+0080 to U+009F */
		snprintf(escaped, 8, "\\u%04x", (unsigned char)text[1]);
	else
		snprintf(escaped, 8, "%.*s", (int)size, text);
	return size > 0 ? size : 1;
}

/* Control characters and quotes are escaped in both formats: no input can start a line of its own. */
static void add_escaped(struct line *line, const char *text)
{
	const size_t start = line->length;
	char escaped[8];

	while (*text != '\0') {
		text += escape(text, escaped);
		if (line->length - start + strlen(escaped) > VALUE_BYTES)
			return;
		add(line, escaped);
	}
}

static void add_json(struct line *line, const struct log_field *field)
{
	char number[24];

	add(line, ",\"");
	add(line, field->name);
	add(line, "\":");
	if (field->text == NULL) {
		snprintf(number, sizeof(number), "%" PRId64, field->number);
		add(line, number);
		return;
	}
	add(line, "\"");
	add_escaped(line, field->text);
	add(line, "\"");
}

static void add_text(struct line *line, const struct log_field *field)
{
	char number[24];

	add(line, " ");
	add(line, field->name);
	add(line, "=");
	snprintf(number, sizeof(number), "%" PRId64, field->number);
	if (field->text == NULL)
		add(line, number);
	else
		add_escaped(line, field->text);
}

/* A field for which there is no room is left out whole, so that the line stays what it is. */
static void add_field(struct line *line, enum log_format format, const struct log_field *field)
{
	const size_t before = line->length;

	if (format == LOG_JSON)
		add_json(line, field);
	else
		add_text(line, field);
	if (is_full(line))
		line->length = before;
}

static void write_line(const struct line *line)
{
	size_t done = 0;

	while (done < line->length) {
		const ssize_t written =
			write(STDERR_FILENO, line->text + done, line->length - done);

		if (written < 0 && errno != EINTR)
			return; /* nobody is left to be told that the log cannot be written */
		if (written > 0)
			done += (size_t)written;
	}
}

void log_write(const struct log *log, enum log_level level, const char *message,
	       const struct log_field *fields)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	char now[INSTANT_TEXT_BYTES];
	struct line line;

	if (level < log->level)
		return;
	line.length = 0;
	instant_format(clock_now(log->clock), now);
	if (log->format == LOG_JSON) {
		const struct log_field head[] = {{"level", names[level], 0},
						 {"program", log->program, 0},
						 {"message", message, 0}};

		add(&line, "{\"time\":\"");
		add(&line, now);
		add(&line, "\"");
		for (size_t i = 0; i < COUNT_OF(head); i++)
			add_json(&line, &head[i]);
	} else {
		add(&line, now);
		add(&line, " ");
		add(&line, names[level]);
		add(&line, " ");
		add(&line, log->program);
		add(&line, ": ");
		add_escaped(&line, message);
	}
	for (; fields != NULL && fields->name != NULL; fields++)
		add_field(&line, log->format, fields);
	if (log->format == LOG_JSON)
		line.text[line.length++] = '}';
	line.text[line.length++] = '\n';
	write_line(&line);
}
