#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_codes[] = {
	[ERROR_NONE] = "none",
	[ERROR_INVALID] = "invalid_request",
	[ERROR_UNAUTHENTICATED] = "invalid_api_key",
	[ERROR_NOT_FOUND] = "not_found",
	[ERROR_METHOD] = "method_not_allowed",
	[ERROR_CONFLICT] = "conflict",
	[ERROR_TOO_LARGE] = "body_too_large",
	[ERROR_MEDIA_TYPE] = "unsupported_media_type",
	[ERROR_RATE_LIMITED] = "rate_limited",
	[ERROR_BUSY] = "database_busy",
	[ERROR_STORAGE] = "database_unavailable",
	[ERROR_ZOOM_REFUSED] = "zoom_error",
	[ERROR_ZOOM_TIMEOUT] = "zoom_timeout",
	[ERROR_ZOOM_UNAVAILABLE] = "zoom_unavailable",
	[ERROR_INTERNAL] = "internal_error",
};

const char *error_kind_code(enum error_kind kind)
{
	assert((size_t)kind < COUNT_OF(kind_codes));
	return kind_codes[kind];
}

/* A text that was cut may end in half a character, which is no UTF-8 and so cannot become JSON. */
static void drop_half_character(char *text)
{
	const size_t length = strlen(text);
	size_t lead = length;
	unsigned char first;

	while (lead > 0 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0)
		return;
	first = (unsigned char)text[--lead];
	if (first >= 0xc0 && length - lead < (first >= 0xf0 ? 4U : first >= 0xe0 ? 3U : 2U))
		text[lead] = '\0';
}

/* Code and arguments may be err's own, where a message is wrapped in another: they are read first. */
static void fill(struct error *err, enum error_kind kind, const char *code, const char *format,
		 va_list args)
{
	struct error filled = {.kind = kind};

	assert(kind != ERROR_NONE);
	snprintf(filled.code, sizeof(filled.code), "%s", code);
	if (vsnprintf(filled.message, sizeof(filled.message), format, args) >= ERROR_MESSAGE_BYTES)
		drop_half_character(filled.message);
	*err = filled;
	if (kind == ERROR_BUSY || kind == ERROR_STORAGE)
		err->retry_after_s = 1;
}

bool error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(err, kind, error_kind_code(kind), format, args);
	va_end(args);
	return false;
}

bool error_set_code(struct error *err, enum error_kind kind, const char *code, const char *format,
		    ...)
{
	va_list args;

	va_start(args, format);
	fill(err, kind, code, format, args);
	va_end(args);
	return false;
}

bool error_is_passing(const struct error *err)
{
	switch (err->kind) {
	case ERROR_BUSY:
	case ERROR_STORAGE:
	case ERROR_RATE_LIMITED:
	case ERROR_ZOOM_TIMEOUT:
	case ERROR_ZOOM_UNAVAILABLE:
		return true;
	default:
		return false;
	}
}
