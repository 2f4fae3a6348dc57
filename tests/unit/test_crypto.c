#include "base/crypto.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void sha256_is_as_in_fips_180(void **state)
{
	unsigned char digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	(void)state;
	sha256("abc", 3, digest);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256("", 0, digest);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex,
			    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* HMAC as RFC 2104 makes it of the hash, with a key of one block. */
static void hmac_by_hand(const unsigned char key[static 64], const unsigned char *text, size_t size,
			 unsigned char mac[static SHA256_BYTES])
{
	unsigned char inner[64 + 1024], outer[64 + SHA256_BYTES];

	assert_true(size <= 1024);
	for (int i = 0; i < 64; i++) {
		inner[i] = key[i] ^ 0x36;
		outer[i] = key[i] ^ 0x5c;
	}
	memcpy(inner + 64, text, size);
	sha256(inner, 64 + size, outer + 64);
	sha256(outer, sizeof(outer), mac);
}

static void sha256_is_what_openssl_takes_it_for_at_every_length(void **state)
{
	unsigned char key[64], text[1024], ours[SHA256_BYTES], theirs[SHA256_BYTES];

	(void)state;
	random_bytes(key, sizeof(key));
	random_bytes(text, sizeof(text));
	for (size_t size = 0; size <= sizeof(text); size++) {
		sha256(text, size, ours);
		sha256_of_long(text, size, theirs);
		assert_memory_equal(ours, theirs, SHA256_BYTES);
		hmac_by_hand(key, text, size, ours);
		hmac_sha256(key, sizeof(key), &(struct span){text, size}, 1, theirs);
		assert_memory_equal(ours, theirs, SHA256_BYTES);
	}
}

static void hmac_sha256_is_as_in_rfc_4231(void **state)
{
	const struct span parts[] = {{"what do ya want ", 16}, {NULL, 0}, {"for nothing?", 12}};
	unsigned char mac[SHA256_BYTES], long_key[131];
	char hex[2 * SHA256_BYTES + 1];

	(void)state;
	hmac_sha256("Jefe", 4, parts, COUNT_OF(parts), mac);
	hex_encode(mac, sizeof(mac), hex);
	assert_string_equal(hex,
			    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(long_key, 0xaa, sizeof(long_key));
	hmac_sha256(long_key, sizeof(long_key),
		    &(struct span){"Test Using Larger Than Block-Size Key - Hash Key First", 54}, 1,
		    mac);
	hex_encode(mac, sizeof(mac), hex);
	assert_string_equal(hex,
			    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_takes_an_empty_key_and_an_empty_message(void **state)
{
	unsigned char mac[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	(void)state;
	hmac_sha256("", 0, NULL, 0, mac);
	hex_encode(mac, sizeof(mac), hex);
	assert_string_equal(hex,
			    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void base62_text_has_its_length_and_all_its_digits(void **state)
{
	static const char digits[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	char text[6201];

	(void)state;
	random_base62(text, 6200);
	assert_int_equal(strlen(text), 6200);
	assert_int_equal(strspn(text, digits), 6200);
	/* Each comes up 100 times on average; that one stays away has odds of 1 in 10^41. */
	for (const char *digit = digits; *digit != '\0'; digit++)
		assert_non_null(strchr(text, *digit));
	random_base62(text, 0);
	assert_string_equal(text, "");
}

static void random_numbers_stay_below_their_limit_and_reach_all_below_it(void **state)
{
	bool seen[7] = {false};

	(void)state;
	for (int i = 0; i < 2000; i++) {
		const uint32_t number = random_below(COUNT_OF(seen));

		assert_true(number < COUNT_OF(seen));
		seen[number] = true;
	}
	for (size_t i = 0; i < COUNT_OF(seen); i++)
		assert_true(seen[i]);
	assert_int_equal(random_below(1), 0);
}

static void random_bytes_differ(void **state)
{
	unsigned char a[32] = {0}, b[32] = {0};

	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void bytes_are_compared_to_the_last(void **state)
{
	(void)state;
	assert_true(equal_in_constant_time("abc", "abc", 3));
	assert_false(equal_in_constant_time("abc", "abd", 3));
	assert_false(equal_in_constant_time("abc", "bbc", 3));
	assert_true(equal_in_constant_time("abc", "abd", 2));
	assert_true(equal_in_constant_time("a", "b", 0));
}

static const unsigned char key[AEAD_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const struct span place = {"table|row", 9};

static void what_was_sealed_opens(void **state)
{
	static const char text[] = "a refresh token of some length, over a block of the cipher";

	(void)state;
	for (size_t size = 0; size <= sizeof(text); size++) {
		unsigned char sealed[AEAD_NONCE_BYTES + sizeof(text) + AEAD_TAG_BYTES];
		char plain[sizeof(text)];

		aead_seal(key, &place, text, size, sealed);
		assert_true(aead_open(key, &place, sealed, AEAD_NONCE_BYTES + size + AEAD_TAG_BYTES,
				      plain));
		assert_memory_equal(plain, text, size);
	}
}

static void no_two_seals_are_alike(void **state)
{
	unsigned char a[AEAD_NONCE_BYTES + 4 + AEAD_TAG_BYTES], b[sizeof(a)];

	(void)state;
	aead_seal(key, &place, "text", 4, a);
	aead_seal(key, &place, "text", 4, b);
	assert_memory_not_equal(a, b, AEAD_NONCE_BYTES);
	assert_memory_not_equal(a + AEAD_NONCE_BYTES, b + AEAD_NONCE_BYTES, 4);
}

static void every_altered_bit_keeps_a_seal_shut(void **state)
{
	unsigned char sealed[AEAD_NONCE_BYTES + 4 + AEAD_TAG_BYTES];
	char plain[4];

	(void)state;
	aead_seal(key, &place, "text", 4, sealed);
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(aead_open(key, &place, sealed, sizeof(sealed), plain));
		sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_true(aead_open(key, &place, sealed, sizeof(sealed), plain));
}

static void another_key_or_place_or_length_keeps_a_seal_shut(void **state)
{
	static const unsigned char other[AEAD_KEY_BYTES] = "0123456789abcdef0123456789abcdf";
	unsigned char sealed[AEAD_NONCE_BYTES + 4 + AEAD_TAG_BYTES];
	char plain[4];

	(void)state;
	aead_seal(key, &place, "text", 4, sealed);
	assert_false(aead_open(other, &place, sealed, sizeof(sealed), plain));
	assert_false(aead_open(key, &(struct span){"table|roW", 9}, sealed, sizeof(sealed), plain));
	assert_false(aead_open(key, &(struct span){"table|row", 8}, sealed, sizeof(sealed), plain));
	assert_false(aead_open(key, &(struct span){"", 0}, sealed, sizeof(sealed), plain));
	for (size_t size = 0; size < sizeof(sealed); size++)
		assert_false(aead_open(key, &place, sealed, size, plain));
}

static void associated_data_may_be_empty(void **state)
{
	unsigned char sealed[AEAD_NONCE_BYTES + 4 + AEAD_TAG_BYTES];
	char plain[4];

	(void)state;
	aead_seal(key, &(struct span){"", 0}, "text", 4, sealed);
	assert_true(aead_open(key, &(struct span){"", 0}, sealed, sizeof(sealed), plain));
	assert_memory_equal(plain, "text", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_as_in_fips_180),
		cmocka_unit_test(sha256_is_what_openssl_takes_it_for_at_every_length),
		cmocka_unit_test(hmac_sha256_is_as_in_rfc_4231),
		cmocka_unit_test(hmac_takes_an_empty_key_and_an_empty_message),
		cmocka_unit_test(base62_text_has_its_length_and_all_its_digits),
		cmocka_unit_test(random_numbers_stay_below_their_limit_and_reach_all_below_it),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(bytes_are_compared_to_the_last),
		cmocka_unit_test(what_was_sealed_opens),
		cmocka_unit_test(no_two_seals_are_alike),
		cmocka_unit_test(every_altered_bit_keeps_a_seal_shut),
		cmocka_unit_test(another_key_or_place_or_length_keeps_a_seal_shut),
		cmocka_unit_test(associated_data_may_be_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
