#include "base/exposition.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 512 };

struct exposition exposition_open(size_t bytes_max)
{
	return (struct exposition){.text = buffer_of(bytes_max)};
}

void exposition_release(struct exposition *exposition)
{
	buffer_release(&exposition->text);
}

static void append(struct exposition *exposition, const char *text, size_t size)
{
	if (!exposition->is_over && !buffer_append(&exposition->text, text, size))
		exposition->is_over = true;
}

static void PRINTF_LIKE(2, 3) write(struct exposition *exposition, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (size < (int)sizeof(line))
		append(exposition, line, (size_t)size);
	else
		exposition->is_over = true;
}

void exposition_family(struct exposition *exposition, const char *name, const char *type,
		       const char *help)
{
	write(exposition, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Between quotes \, " and the end of a line are written with a backslash. */
static void write_value(struct exposition *exposition, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			append(exposition, "\\", 1);
		append(exposition, *value == '\n' ? "n" : value, 1);
	}
}

void exposition_gauge(struct exposition *exposition, const char *name, const char *label,
		      const char *value, int64_t number)
{
	write(exposition, "%s", name);
	if (label != NULL && value != NULL) {
		write(exposition, "{%s=\"", label);
		write_value(exposition, value);
		write(exposition, "\"}");
	}
	write(exposition, " %" PRId64 "\n", number);
}

static bool is_histogram(const char *family)
{
	static const char ending[] = "_seconds";
	const size_t size = strlen(family);

	return size > strlen(ending) && strcmp(family + size - strlen(ending), ending) == 0;
}

static void write_bound(struct exposition *exposition, const struct tally *tally, const char *bound,
			uint64_t count)
{
	write(exposition, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", tally->family, tally->labels,
	      *tally->labels != '\0' ? "," : "", bound, count);
}

/* Each bucket holds those below it, too. */
static void write_histogram(struct exposition *exposition, const struct tally *tally)
{
	const char *open = *tally->labels != '\0' ? "{" : "";
	const char *close = *tally->labels != '\0' ? "}" : "";
	uint64_t sum = 0;

	for (size_t i = 0; i < TALLY_BUCKETS - 1; i++) {
		char bound[32];

		snprintf(bound, sizeof(bound), "%g", (double)tally_bounds_us[i] / 1e6);
		sum += tally->buckets[i];
		write_bound(exposition, tally, bound, sum);
	}
	write_bound(exposition, tally, "+Inf", tally->count);
	write(exposition, "%s_sum%s%s%s %" PRIu64 ".%06" PRIu64 "\n", tally->family, open,
	      tally->labels, close, tally->sum_us / 1000000, tally->sum_us % 1000000);
	write(exposition, "%s_count%s%s%s %" PRIu64 "\n", tally->family, open, tally->labels, close,
	      tally->count);
}

static void write_counter(struct exposition *exposition, const struct tally *tally)
{
	if (*tally->labels != '\0')
		write(exposition, "%s{%s} %" PRIu64 "\n", tally->family, tally->labels,
		      tally->count);
	else
		write(exposition, "%s %" PRIu64 "\n", tally->family, tally->count);
}

void exposition_tallies(struct exposition *exposition, const char *family, const char *help,
			const struct tally *tallies, size_t count)
{
	const bool has_buckets = is_histogram(family);

	exposition_family(exposition, family, has_buckets ? "histogram" : "counter", help);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(tallies[i].family, family) != 0)
			continue;
		if (has_buckets)
			write_histogram(exposition, &tallies[i]);
		else
			write_counter(exposition, &tallies[i]);
	}
}
