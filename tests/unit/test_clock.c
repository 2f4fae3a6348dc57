#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <time.h>

#include <cmocka.h>

struct parsed {
	const char *text;
	instant at;
};

static void a_frozen_clock_stands_still(void **state)
{
	const struct clock frozen = {.frozen_at = 42 * SECOND};

	(void)state;
	assert_true(clock_now(&frozen) == 42 * SECOND);
	assert_true(clock_now(&frozen) == 42 * SECOND);
}

static void a_clock_that_is_not_frozen_is_the_systems(void **state)
{
	const struct clock running = {0};
	const instant before = (instant)time(NULL) * SECOND, now = clock_now(&running);

	(void)state;
	/* time() may be some milliseconds late. */
	assert_true(now >= before && now <= ((instant)time(NULL) + 2) * SECOND);
}

static void monotonic_time_never_goes_back(void **state)
{
	int64_t last = clock_monotonic_ms();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		const int64_t now = clock_monotonic_ms();

		assert_true(now >= last);
		last = now;
	}
}

static void an_instant_is_written_with_microseconds_and_z(void **state)
{
	static const struct parsed cases[] = {
		{"1970-01-01T00:00:00.000000Z", 0},
		{"1970-01-01T00:00:00.000001Z", 1},
		{"1999-12-31T23:59:59.999999Z", INT64_C(946684800) * SECOND - 1},
		{"2024-02-29T12:00:00.000000Z", INT64_C(1709208000) * SECOND},
		{"2026-11-23T17:40:32.123456Z", INT64_C(1795455632) * SECOND + 123456},
		{"9999-12-31T23:59:59.999999Z", INT64_C(253402300799) * SECOND + 999999},
	};
	char text[INSTANT_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		instant at;

		instant_format(cases[i].at, text);
		assert_string_equal(text, cases[i].text);
		assert_true(instant_parse(text, &at));
		assert_true(at == cases[i].at);
	}
}

static void an_instant_beyond_the_years_1970_to_9999_is_brought_back(void **state)
{
	char text[INSTANT_TEXT_BYTES];

	(void)state;
	instant_format(-1, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	instant_format(INT64_MIN, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	instant_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void every_form_of_iso_8601_that_apis_send_is_read(void **state)
{
	static const struct parsed cases[] = {
		{"2026-11-23T17:40:32Z", INT64_C(1795455632) * SECOND},
		{"2026-11-23t17:40:32z", INT64_C(1795455632) * SECOND},
		{"2026-11-23 17:40:32Z", INT64_C(1795455632) * SECOND},
		{"2026-11-23T18:40:32+01:00", INT64_C(1795455632) * SECOND},
		{"2026-11-23T18:40:32+0100", INT64_C(1795455632) * SECOND},
		{"2026-11-23T12:10:32-05:30", INT64_C(1795455632) * SECOND},
		{"2026-11-23T17:40:32-00:00", INT64_C(1795455632) * SECOND},
		{"2026-11-24T07:40:32+14:00", INT64_C(1795455632) * SECOND},
		{"2026-11-23T17:40:32.1Z", INT64_C(1795455632) * SECOND + 100000},
		{"2026-11-23T17:40:32.123456789Z", INT64_C(1795455632) * SECOND + 123456},
		{"2026-11-23T17:40:32.000000999Z", INT64_C(1795455632) * SECOND},
		/* A leap second is the second before it. */
		{"2016-12-31T23:59:60Z", INT64_C(1483228799) * SECOND},
		{"1970-01-01T01:00:00+01:00", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		instant at;

		if (!instant_parse(cases[i].text, &at) || at != cases[i].at)
			fail_msg("%s", cases[i].text);
	}
}

static void what_is_no_real_date_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"now",
		"2026",
		"2026-11-23",
		"2026-11-23T17:40Z",
		"2026-11-23T17:40:32",
		"2026-11-23T17:40:32 Z",
		"2026-11-23T17:40:32Zx",
		" 2026-11-23T17:40:32Z",
		"2026-11-23T17:40:32.Z",
		"2026-11-23T17:40:32,5Z",
		"2026-11-23T17:40:32+1:00",
		"2026-11-23T17:40:32+15:00",
		"2026-11-23T17:40:32+01:60",
		"2026-11-23T17:40:32+01",
		"2026-1-23T17:40:32Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-11-23T24:00:00Z",
		"2026-11-23T17:60:00Z",
		"2026-11-23T17:40:61Z",
		"-026-11-23T17:40:32Z",
		"1969-12-31T23:59:59Z",
		"0000-01-01T00:00:00Z",
		"1970-01-01T00:59:59+01:00",
		"1795455632",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		instant at;

		if (instant_parse(wrong[i], &at))
			fail_msg("%s", wrong[i]);
	}
}

static void retry_after_is_read_in_its_three_forms(void **state)
{
	const instant now = INT64_C(1795455632) * SECOND;
	const struct parsed cases[] = {
		{"0", now},
		{"120", now + 120 * SECOND},
		{" 120", now + 120 * SECOND},
		{"31622400", now + 366 * DAY},
		{"Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111777) * SECOND},
		{"sun, 06 nov 1994 08:49:37 GMT", INT64_C(784111777) * SECOND},
		{"2025-01-20T00:00:00Z", INT64_C(1737331200) * SECOND},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		instant at;

		if (!instant_parse_retry_after(cases[i].text, now, &at) || at != cases[i].at)
			fail_msg("%s", cases[i].text);
	}
}

static void a_retry_after_of_no_known_form_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"soon",
		"-1",
		"+5",
		"1.5",
		"120s",
		"31622401",
		"99999999999999999999",
		"2025-01-20",
		"Sun, 06 Nov 1994 08:49:37 PST",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT+1",
		"Sun, 06 Nov 1994 08:-1:37 GMT",
		"Sun, 06 Nov 1994 08:49:-7 GMT",
		"Sun, 06 Nov 1994 -1:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nox 1994 08:49:37 GMT",
		"Sun, 06 No 1994 08:49:37 GMT",
		"Sun, 06 ovD 1994 08:49:37 GMT",
		"Sun, 06 Nov 1960 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		instant at;

		if (instant_parse_retry_after(wrong[i], SECOND, &at))
			fail_msg("%s", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frozen_clock_stands_still),
		cmocka_unit_test(a_clock_that_is_not_frozen_is_the_systems),
		cmocka_unit_test(monotonic_time_never_goes_back),
		cmocka_unit_test(an_instant_is_written_with_microseconds_and_z),
		cmocka_unit_test(an_instant_beyond_the_years_1970_to_9999_is_brought_back),
		cmocka_unit_test(every_form_of_iso_8601_that_apis_send_is_read),
		cmocka_unit_test(what_is_no_real_date_is_refused),
		cmocka_unit_test(retry_after_is_read_in_its_three_forms),
		cmocka_unit_test(a_retry_after_of_no_known_form_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
