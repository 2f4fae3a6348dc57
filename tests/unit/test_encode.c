#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void hex_is_lower_case_and_two_digits_a_byte(void **state)
{
	char text[9];

	(void)state;
	hex_encode("\x00\x0f\xa0\xff", 4, text);
	assert_string_equal(text, "000fa0ff");
	hex_encode("", 0, text);
	assert_string_equal(text, "");
}

static void base64_is_as_in_rfc_4648(void **state)
{
	static const char *const vectors[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "+/+/"},
	};
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		size_t size;
		const char *decoded;

		assert_string_equal(base64_encode(&arena, vectors[i][0], strlen(vectors[i][0])),
				    vectors[i][1]);
		decoded = base64_decode(&arena, vectors[i][1], &size);
		assert_non_null(decoded);
		assert_int_equal(size, strlen(vectors[i][0]));
		assert_memory_equal(decoded, vectors[i][0], size);
	}
}

static void base64_goes_back_and_forth_for_every_size(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	unsigned char bytes[70];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 37);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		size_t decoded_size;
		const void *decoded =
			base64_decode(&arena, base64_encode(&arena, bytes, size), &decoded_size);

		assert_non_null(decoded);
		assert_int_equal(decoded_size, size);
		assert_memory_equal(decoded, bytes, size);
	}
}

static void base64_may_miss_its_padding(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	size_t size;

	(void)state;
	assert_memory_equal(base64_decode(&arena, "Zg", &size), "f", 1);
	assert_int_equal(size, 1);
	assert_memory_equal(base64_decode(&arena, "Zm8", &size), "fo", 2);
	assert_int_equal(size, 2);
}

static void what_is_not_base64_is_refused(void **state)
{
	static const char *const wrong[] = {
		"Z",     "Zm9vY",  "Zm 8=",     "Zm9v\n", "Zm-_", "Z=g=", "Zg=",
		"Zm9v=", "Zm9v==", "Zm9vYg===", "====",   "=",    "==",   "Zm9v\xc3\xa4",
	};
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		size_t size;

		if (base64_decode(&arena, wrong[i], &size) != NULL)
			fail_msg("'%s'", wrong[i]);
	}
}

static void all_but_unreserved_characters_are_percent_encoded(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	char all[256];

	(void)state;
	assert_string_equal(percent_encode(&arena, "AZaz09-._~"), "AZaz09-._~");
	assert_string_equal(percent_encode(&arena, "a b/c?d=e&f%+"), "a%20b%2Fc%3Fd%3De%26f%25%2B");
	assert_string_equal(percent_encode(&arena, "\xc3\xa4"), "%C3%A4");
	assert_string_equal(percent_encode(&arena, ""), "");
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	assert_string_equal(percent_decode(&arena, percent_encode(&arena, all),
					   strlen(percent_encode(&arena, all)), true),
			    all);
}

static void percent_encoding_is_undone(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	assert_string_equal(percent_decode(&arena, "a%20b%2fc%2Fd", 13, false), "a b/c/d");
	assert_string_equal(percent_decode(&arena, "a+b", 3, false), "a+b");
	assert_string_equal(percent_decode(&arena, "a+b%2B", 6, true), "a b+");
	assert_string_equal(percent_decode(&arena, "%41", 3, false), "A");
	assert_string_equal(percent_decode(&arena, "%2541", 5, false), "%41");
	assert_string_equal(percent_decode(&arena, "", 0, false), "");
	assert_string_equal(percent_decode(&arena, "abc%zz", 3, false), "abc");
}

static void a_broken_escape_is_refused(void **state)
{
	static const char *const wrong[] = {"%",   "a%",   "%4",   "a%4", "%4g",
					    "%g4", "%%41", "% 41", "%-1"};
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (percent_decode(&arena, wrong[i], strlen(wrong[i]), false) != NULL)
			fail_msg("'%s'", wrong[i]);
	/* The digits have to lie within the length. */
	assert_null(percent_decode(&arena, "%41", 2, false));
}

static void nothing_decodes_to_a_text_with_a_nul_in_it(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	assert_null(percent_decode(&arena, "a%00b", 5, false));
	assert_null(percent_decode(&arena, "a\0b", 3, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_is_lower_case_and_two_digits_a_byte),
		cmocka_unit_test(base64_is_as_in_rfc_4648),
		cmocka_unit_test(base64_goes_back_and_forth_for_every_size),
		cmocka_unit_test(base64_may_miss_its_padding),
		cmocka_unit_test(what_is_not_base64_is_refused),
		cmocka_unit_test(all_but_unreserved_characters_are_percent_encoded),
		cmocka_unit_test(percent_encoding_is_undone),
		cmocka_unit_test(a_broken_escape_is_refused),
		cmocka_unit_test(nothing_decodes_to_a_text_with_a_nul_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
