/*
 * Time. An `instant` is microseconds since 1970-01-01T00:00:00Z, everywhere: every `…_at` in a
 * struct and in the database is one. Durations carry their unit in their name.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

typedef int64_t instant;

#define MILLISECOND ((instant)1000)
#define SECOND      (1000 * MILLISECOND)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)

enum { INSTANT_TEXT_BYTES = 28 }; /* "2026-11-23T17:40:32.123456Z" and its NUL */

/* Where the present comes from: the system's clock, or a frozen one in tests. */
struct clock {
	instant frozen_at; /* 0: the system's clock */
};

instant clock_now(const struct clock *clock);

/* What only ever grows, for deadlines and durations; its zero means nothing. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

void clock_pause_ms(int64_t pause_ms);
void clock_pause_us(int64_t pause_us);

/* ISO 8601 UTC with microseconds and Z; instants of the years 1970 to 9999. */
void instant_format(instant at, char text[static INSTANT_TEXT_BYTES]);

/*
 * Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`; a space may stand for T, lower case is fine.
 * False where it is anything else or not a real date.
 */
bool instant_parse(const char *text, instant *at) MUST_CHECK;

/*
 * The three forms in which a Retry-After header comes (zoom-facts 2.5): seconds from now, an HTTP
 * date, an ISO 8601 instant. False where it is none of them.
 */
bool instant_parse_retry_after(const char *text, instant now, instant *at) MUST_CHECK;

#endif
