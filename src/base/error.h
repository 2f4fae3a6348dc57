/*
 * What went wrong, as a value: a kind from a small closed set, a code for programs and a sentence
 * for the person who reads it. A function that can fail takes `struct error *err` last, returns
 * false through error_set() and leaves its other outputs unset.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/attr.h"

#include <stdbool.h>

enum error_kind {
	ERROR_NONE,
	ERROR_INVALID,         /* the caller's input cannot be served as sent */
	ERROR_UNAUTHENTICATED, /* no valid key or signature */
	ERROR_NOT_FOUND,
	ERROR_METHOD,   /* the path is known, the method is not */
	ERROR_CONFLICT, /* it clashes with what is there */
	ERROR_TOO_LARGE,
	ERROR_MEDIA_TYPE,
	ERROR_RATE_LIMITED,
	ERROR_BUSY,    /* the database is held by another writer: passing */
	ERROR_STORAGE, /* the database cannot be read or written: disk, permissions, corruption */
	ERROR_ZOOM_REFUSED, /* Zoom answered, and said no */
	ERROR_ZOOM_TIMEOUT, /* Zoom did not answer in time */
	ERROR_ZOOM_UNAVAILABLE, /* Zoom could not be reached, or answered 429, 5xx or nonsense: passing */
	ERROR_INTERNAL,         /* ours */
};

enum { ERROR_CODE_BYTES = 48, ERROR_MESSAGE_BYTES = 512 };

struct error {
	enum error_kind kind;
	char code[ERROR_CODE_BYTES];       /* snake_case, part of the API */
	char message[ERROR_MESSAGE_BYTES]; /* one sentence; never a secret */
	const char *details;               /* JSON object text in the request's arena, or NULL */
	int retry_after_s;                 /* 0: say nothing of when to try again */
};

/* Fills err with the kind's own code and the message; always returns false. */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same with a code of its own, e.g. "invalid_meeting_url". */
bool error_set_code(struct error *err, enum error_kind kind, const char *code, const char *format,
		    ...) PRINTF_LIKE(4, 5);

/* The code that error_set() gives to a kind, e.g. "not_found". */
const char *error_kind_code(enum error_kind kind);

/* True for what may well work on a later try without anybody changing anything. */
bool error_is_passing(const struct error *err);

#endif
