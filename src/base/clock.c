#include "base/clock.h"

#include "base/failpoint.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

instant clock_now(const struct clock *clock)
{
	struct timespec now;

	if (clock->frozen_at != 0)
		return clock->frozen_at;
	clock_gettime(CLOCK_REALTIME, &now);
	return (instant)now.tv_sec * SECOND + now.tv_nsec / 1000 + failpoint_clock_error();
}

int64_t clock_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

void clock_pause_us(int64_t pause_us)
{
	const struct timespec pause = {pause_us / 1000000, pause_us % 1000000 * 1000};

	nanosleep(&pause, NULL);
}

void clock_pause_ms(int64_t pause_ms)
{
	clock_pause_us(pause_ms * 1000);
}

void instant_format(instant at, char text[static INSTANT_TEXT_BYTES])
{
	const instant latest = (instant)253402300799 * SECOND + 999999;
	time_t seconds;
	struct tm date;
	char day[20];

	if (at < 0)
		at = 0;
	if (at > latest)
		at = latest;
	seconds = (time_t)(at / SECOND);
	gmtime_r(&seconds, &date);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &date);
	snprintf(text, INSTANT_TEXT_BYTES, "%s.%06dZ", day, (int)(at % SECOND));
}

/* Exactly `count` digits at *text, which moves past them. */
static bool take_digits(const char **text, int count, int *value)
{
	*value = 0;
	for (; count > 0; count--, (*text)++) {
		if (!isdigit((unsigned char)**text))
			return false;
		*value = *value * 10 + (**text - '0');
	}
	return true;
}

static bool take(const char **text, const char *one_of)
{
	if (**text == '\0' || strchr(one_of, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

/* Digits after the point; those beyond the sixth are dropped. */
static bool take_fraction(const char **text, int *microseconds)
{
	int scale = 100000;

	*microseconds = 0;
	if (!take(text, "."))
		return true;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++, scale /= 10)
		*microseconds += (**text - '0') * scale;
	return true;
}

static bool take_zone(const char **text, int *offset_s)
{
	int sign, hours, minutes;

	*offset_s = 0;
	if (take(text, "Zz"))
		return true;
	sign = **text == '-' ? -1 : 1;
	if (!take(text, "+-") || !take_digits(text, 2, &hours))
		return false;
	take(text, ":");
	if (!take_digits(text, 2, &minutes) || hours > 14 || minutes > 59)
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool date_to_seconds(const struct tm *date, time_t *seconds)
{
	struct tm copy = *date;

	*seconds = timegm(&copy);
	/* timegm() rolls the 30th of February over to March: not a real date. */
	return copy.tm_mday == date->tm_mday && copy.tm_mon == date->tm_mon && *seconds >= 0;
}

bool instant_parse(const char *text, instant *at)
{
	int year, month, day, hour, minute, second, microseconds, offset_s;
	struct tm date = {0};
	time_t seconds;

	if (!take_digits(&text, 4, &year) || !take(&text, "-") || !take_digits(&text, 2, &month) ||
	    !take(&text, "-") || !take_digits(&text, 2, &day) || !take(&text, "Tt ") ||
	    !take_digits(&text, 2, &hour) || !take(&text, ":") || !take_digits(&text, 2, &minute) ||
	    !take(&text, ":") || !take_digits(&text, 2, &second) ||
	    !take_fraction(&text, &microseconds) || !take_zone(&text, &offset_s) || *text != '\0')
		return false;
	if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60)
		return false;
	date.tm_year = year - 1900;
	date.tm_mon = month - 1;
	date.tm_mday = day;
	date.tm_hour = hour;
	date.tm_min = minute;
	date.tm_sec = second > 59 ? 59 : second;
	if (!date_to_seconds(&date, &seconds))
		return false;
	*at = ((instant)seconds - offset_s) * SECOND + microseconds;
	return *at >= 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", read without the locale's help. */
static bool parse_http_date(const char *text, instant *at)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm date = {0};
	char month[4];
	time_t seconds;
	int end = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the widths keep every number in range */
	sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &date.tm_mday, month,
	       &date.tm_year, &date.tm_hour, &date.tm_min, &date.tm_sec, &end);
	if (end == 0 || text[end] != '\0')
		return false;
	for (date.tm_mon = 0; date.tm_mon < 12; date.tm_mon++)
		if (strncasecmp(months + (ptrdiff_t)3 * date.tm_mon, month, 3) == 0)
			break;
	date.tm_year -= 1900;
	if (date.tm_mon == 12 || date.tm_hour < 0 || date.tm_hour > 23 || date.tm_min < 0 ||
	    date.tm_min > 59 || date.tm_sec < 0 || date.tm_sec > 60 ||
	    !date_to_seconds(&date, &seconds))
		return false;
	*at = (instant)seconds * SECOND;
	return true;
}

bool instant_parse_retry_after(const char *text, instant now, instant *at)
{
	char *end;
	long long seconds;

	while (*text == ' ')
		text++;
	if (!isdigit((unsigned char)*text))
		return parse_http_date(text, at);
	if (instant_parse(text, at))
		return true;
	errno = 0;
	seconds = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || seconds > INT64_C(366) * 86400)
		return false;
	*at = now + seconds * SECOND;
	return true;
}
