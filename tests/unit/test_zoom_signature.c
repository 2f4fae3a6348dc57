#include "base/attr.h"
#include "zoom/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The vectors of zoom-facts 3.2 and 3.3; the body is a capture of live traffic. */
static const char secret[] = "fixture-secret-token-not-a-real-secret";
static const char timestamp[] = "1785368934";
static const char body[] =
	"{\"event\":\"meeting.started\",\"payload\":{\"account_id\":\"AcctYmLQWo2ZfC9U8mKGD4\","
	"\"object\":{\"duration\":30,\"start_time\":\"2026-07-29T23:55:56Z\",\"timezone\":"
	"\"America/Santiago\",\"topic\":\"PRUEBA SPIKE — no unirse\",\"id\":\"86084701483\","
	"\"type\":2,\"uuid\":\"de+IDqR9f3hhT9D8/NA/J1==\",\"host_id\":\"UsermSB-FIHyajLpZE6nd3\","
	"\"host_email\":\"host-1213@example-synthetic.test\"}},\"event_ts\":1785369356750}";
static const char signature[] =
	"v0=a3a35ac2373123007f8b5d7c790e65d93217f00d7c419f63a49e303d3eb7c178";

static bool is_valid(const char *with_secret, const char *with_timestamp, const char *with_body,
		     const char *with_signature)
{
	return zoom_signature_is_valid(with_secret, with_timestamp, with_body, strlen(with_body),
				       with_signature);
}

static void zooms_own_signature_is_valid(void **state)
{
	(void)state;
	assert_true(is_valid(secret, timestamp, body, signature));
}

static void every_altered_digit_of_a_signature_is_refused(void **state)
{
	char altered[sizeof(signature)];

	(void)state;
	for (size_t i = 0; i < sizeof(signature) - 1; i++) {
		memcpy(altered, signature, sizeof(signature));
		altered[i] = altered[i] == '5' ? '6' : '5';
		assert_false(is_valid(secret, timestamp, body, altered));
	}
}

static void a_signature_of_another_form_is_refused(void **state)
{
	static const char *const others[] = {
		NULL,
		"",
		"v0",
		"v0=",
		"v1=a3a35ac2373123007f8b5d7c790e65d93217f00d7c419f63a49e303d3eb7c178",
		"a3a35ac2373123007f8b5d7c790e65d93217f00d7c419f63a49e303d3eb7c178",
		"v0=a3a35ac2373123007f8b5d7c790e65d93217f00d7c419f63a49e303d3eb7c17",
		"v0=a3a35ac2373123007f8b5d7c790e65d93217f00d7c419f63a49e303d3eb7c1788",
		"v0=A3A35AC2373123007F8B5D7C790E65D93217F00D7C419F63A49E303D3EB7C178",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(is_valid(secret, timestamp, body, others[i]));
}

static void another_secret_body_or_timestamp_is_refused(void **state)
{
	(void)state;
	assert_false(
		is_valid("fixture-secret-token-not-a-real-secreT", timestamp, body, signature));
	assert_false(is_valid(secret, "1785368935", body, signature));
	assert_false(is_valid(secret, "01785368934", body, signature));
	assert_false(is_valid(secret, NULL, body, signature));
	assert_false(is_valid(secret, timestamp, body + 1, signature));
	assert_false(zoom_signature_is_valid(secret, timestamp, body, strlen(body) - 1, signature));
}

static void nothing_is_proved_by_an_empty_secret(void **state)
{
	/* HMAC-SHA256 of "v0:1:" with an empty key, as anybody can compute it. */
	static const char forged[] =
		"v0=b7920c764ff683fc9b6a237b193b04990d447a505490bc258949e1ee16128be3";

	(void)state;
	assert_false(is_valid("", "1", "", forged));
	assert_false(is_valid(NULL, "1", "", forged));
}

static void a_body_is_signed_with_its_nul_bytes(void **state)
{
	/* HMAC-SHA256 over "v0:1:a\0b" with the key "k". */
	static const char of_three_bytes[] =
		"v0=d3268a75e3ba6ec0b39c26124e11ed03ac81bf3f7d9630c525af520a7005d64e";

	(void)state;
	assert_true(zoom_signature_is_valid("k", "1", "a\0b", 3, of_three_bytes));
	assert_false(zoom_signature_is_valid("k", "1", "a\0c", 3, of_three_bytes));
}

static void a_timestamp_is_fresh_up_to_the_tolerance_either_way(void **state)
{
	const instant at = INT64_C(1785368934) * SECOND;

	(void)state;
	assert_true(zoom_timestamp_is_fresh(timestamp, at, 600));
	assert_true(zoom_timestamp_is_fresh(timestamp, at + 600 * SECOND, 600));
	assert_true(zoom_timestamp_is_fresh(timestamp, at - 600 * SECOND, 600));
	assert_false(zoom_timestamp_is_fresh(timestamp, at + 600 * SECOND + 1, 600));
	assert_false(zoom_timestamp_is_fresh(timestamp, at - 600 * SECOND - 1, 600));
	/* Measured: Zoom's clock may run a second ahead. */
	assert_true(zoom_timestamp_is_fresh(timestamp, at - 1004 * MILLISECOND, 600));
}

static void a_timestamp_that_is_no_number_of_seconds_is_never_fresh(void **state)
{
	static const char *const others[] = {
		NULL,
		"",
		" 1785368934",
		"1785368934 ",
		"+1785368934",
		"-1785368934",
		"1785368934.0",
		"1785368934x",
		"0x6a6a6a6a",
		"1785368934000",
		"9999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(
			zoom_timestamp_is_fresh(others[i], INT64_C(1785368934) * SECOND, 86400));
}

static void a_plain_token_is_encrypted_as_zoom_expects_it(void **state)
{
	char encrypted[ZOOM_HEX_MAC_BYTES];

	(void)state;
	zoom_encrypt_plain_token(secret, "qgg8vlvZRS6UYooatFL8Aw", encrypted);
	assert_string_equal(encrypted,
			    "501d03bbef2249b81044802aa44ca9da0790e696d7751b5256a1caf211ce9e82");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zooms_own_signature_is_valid),
		cmocka_unit_test(every_altered_digit_of_a_signature_is_refused),
		cmocka_unit_test(a_signature_of_another_form_is_refused),
		cmocka_unit_test(another_secret_body_or_timestamp_is_refused),
		cmocka_unit_test(nothing_is_proved_by_an_empty_secret),
		cmocka_unit_test(a_body_is_signed_with_its_nul_bytes),
		cmocka_unit_test(a_timestamp_is_fresh_up_to_the_tolerance_either_way),
		cmocka_unit_test(a_timestamp_that_is_no_number_of_seconds_is_never_fresh),
		cmocka_unit_test(a_plain_token_is_encrypted_as_zoom_expects_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
