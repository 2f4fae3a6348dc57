/* What Prometheus reads is exactly this text. */
#include "base/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_gauge_has_its_value_escaped(void **state)
{
	SCOPED(exposition_release) struct exposition exposition = exposition_open(1 << 16);

	(void)state;
	exposition_family(&exposition, "x_open", "gauge", "Whether it is open.");
	exposition_gauge(&exposition, "x_open", "host", "a\\b\"c\nd", 1);
	exposition_gauge(&exposition, "x_open", NULL, NULL, -2);
	assert_false(exposition.is_over);
	assert_string_equal(exposition.text.bytes, "# HELP x_open Whether it is open.\n"
						   "# TYPE x_open gauge\n"
						   "x_open{host=\"a\\\\b\\\"c\\nd\"} 1\n"
						   "x_open -2\n");
}

static void counters_of_a_family_stand_together_and_others_are_left_out(void **state)
{
	static const struct tally tallies[] = {
		{.family = "a_total", .labels = "x=\"1\"", .count = 1},
		{.family = "b_total", .labels = "", .count = UINT64_MAX},
		{.family = "a_total", .labels = "x=\"2\"", .count = 2},
	};
	SCOPED(exposition_release) struct exposition exposition = exposition_open(1 << 16);

	(void)state;
	exposition_tallies(&exposition, "a_total", "First.", tallies, COUNT_OF(tallies));
	exposition_tallies(&exposition, "b_total", "Second.", tallies, COUNT_OF(tallies));
	exposition_tallies(&exposition, "c_total", "Third.", tallies, COUNT_OF(tallies));
	assert_string_equal(exposition.text.bytes,
			    "# HELP a_total First.\n# TYPE a_total counter\n"
			    "a_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n"
			    "# HELP b_total Second.\n# TYPE b_total counter\n"
			    "b_total 18446744073709551615\n"
			    "# HELP c_total Third.\n# TYPE c_total counter\n");
}

static void a_histogram_adds_its_buckets_up_and_says_seconds(void **state)
{
	static const struct tally tally = {.family = "a_seconds",
					   .labels = "x=\"1\"",
					   .count = 7,
					   .buckets = {1, 2, [TALLY_BUCKETS - 1] = 4},
					   .sum_us = 12000345};
	SCOPED(exposition_release) struct exposition exposition = exposition_open(1 << 16);
	const char *text;

	(void)state;
	exposition_tallies(&exposition, "a_seconds", "How long.", &tally, 1);
	text = exposition.text.bytes;
	assert_non_null(strstr(text, "# TYPE a_seconds histogram\n"));
	assert_non_null(strstr(text, "a_seconds_bucket{x=\"1\",le=\"0.001\"} 1\n"
				     "a_seconds_bucket{x=\"1\",le=\"0.0025\"} 3\n"));
	assert_non_null(strstr(text, "a_seconds_bucket{x=\"1\",le=\"10\"} 3\n"
				     "a_seconds_bucket{x=\"1\",le=\"+Inf\"} 7\n"
				     "a_seconds_sum{x=\"1\"} 12.000345\n"
				     "a_seconds_count{x=\"1\"} 7\n"));
}

static void a_text_that_grows_too_long_is_known_to_be(void **state)
{
	SCOPED(exposition_release) struct exposition exposition = exposition_open(64);

	(void)state;
	exposition_gauge(&exposition, "x", NULL, NULL, 1);
	assert_false(exposition.is_over);
	exposition_family(&exposition, "x", "gauge", "Longer than it all may be, and by far so.");
	assert_true(exposition.is_over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gauge_has_its_value_escaped),
		cmocka_unit_test(counters_of_a_family_stand_together_and_others_are_left_out),
		cmocka_unit_test(a_histogram_adds_its_buckets_up_and_says_seconds),
		cmocka_unit_test(a_text_that_grows_too_long_is_known_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
