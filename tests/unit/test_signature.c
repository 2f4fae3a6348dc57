#include "http/json.h"
#include "notify/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The vector of zoom-facts 8. */
static const char standard_secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char standard_id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char standard_body[] = "{\"test\": 2432232314}";
static const char standard_signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

/* The vector of zoom-facts 5.1: the wire's spelling is not the one that is signed. */
static const char attendee_secret[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char attendee_body[] =
	"{\"bot_id\": \"bot_weIAju4OXNZkDTpZ\", \"bot_metadata\": {\"user\": \"Zo\\u00eb\", \"n\": 1},"
	" \"callback_type\": \"zoom_tokens\", \"meeting_url\": \"https://zoom.us/j/123456789?pwd=abc.1\"}";
static const char attendee_signature[] = "zuZS2ipg18H2Z9OuYDqOuLwPf5Vx/1i4LW+DvPs/o3I=";

static struct span key_of(struct arena *arena, const char *secret)
{
	struct span key = {0};

	assert_true(signature_read_secret(arena, secret, &key));
	return key;
}

static json_t *read_body(const char *text)
{
	struct error err = {0};
	json_t *value = NULL;

	assert_true(json_read(text, strlen(text), &value, &err));
	return value;
}

static void the_vector_of_standard_webhooks_comes_out(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct span key = key_of(&arena, standard_secret);

	(void)state;
	assert_int_equal(key.size, 24);
	assert_string_equal(signature_standard(&arena, &key, 1, standard_id, 1614265330,
					       standard_body, strlen(standard_body)),
			    standard_signature);
}

static void with_two_secrets_both_sign_the_newer_one_first(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct span keys[] = {key_of(&arena, attendee_secret),
				    key_of(&arena, standard_secret)};
	const char *newer = signature_standard(&arena, &keys[0], 1, standard_id, 1614265330,
					       standard_body, strlen(standard_body));

	(void)state;
	assert_string_equal(signature_standard(&arena, keys, 2, standard_id, 1614265330,
					       standard_body, strlen(standard_body)),
			    arena_printf(&arena, "%s %s", newer, standard_signature));
}

static void id_time_and_body_are_all_signed(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct span key = key_of(&arena, standard_secret);
	const size_t size = strlen(standard_body);

	(void)state;
	assert_string_not_equal(signature_standard(&arena, &key, 1, "msg_2", 1614265330,
						   standard_body, size),
				standard_signature);
	assert_string_not_equal(signature_standard(&arena, &key, 1, standard_id, 1614265331,
						   standard_body, size),
				standard_signature);
	assert_string_not_equal(signature_standard(&arena, &key, 1, standard_id, 1614265330,
						   standard_body, size - 1),
				standard_signature);
}

static void the_vector_of_attendee_comes_out(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(json_decrefp) json_t *body = read_body(attendee_body);
	const struct span key = key_of(&arena, attendee_secret);

	(void)state;
	assert_string_equal(signature_attendee(&arena, &key, body), attendee_signature);
	assert_true(signature_attendee_is_valid(&arena, &key, body, attendee_signature));
}

static void another_body_key_or_signature_is_not_valid(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(json_decrefp) json_t *body = read_body(attendee_body);
	SCOPED(json_decrefp)
	json_t *other_body = read_body("{\"bot_id\":\"bot_weIAju4OXNZkDTpY\"}");
	const struct span key = key_of(&arena, attendee_secret);
	const struct span other_key = key_of(&arena, standard_secret);
	static const char *const others[] = {
		NULL,
		"",
		"zuZS2ipg18H2Z9OuYDqOuLwPf5Vx/1i4LW+DvPs/o3I",
		"zuZS2ipg18H2Z9OuYDqOuLwPf5Vx/1i4LW+DvPs/o3J=",
		"zuZS2ipg18H2Z9OuYDqOuLwPf5Vx/1i4LW+DvPs/o3I= ",
	};

	(void)state;
	assert_false(signature_attendee_is_valid(&arena, &key, other_body, attendee_signature));
	assert_false(signature_attendee_is_valid(&arena, &other_key, body, attendee_signature));
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(signature_attendee_is_valid(&arena, &key, body, others[i]));
}

static void a_new_secret_has_32_bytes_and_is_not_the_last_one(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *one = signature_make_secret(&arena), *other = signature_make_secret(&arena);

	(void)state;
	assert_memory_equal(one, "whsec_", 6);
	assert_int_equal(key_of(&arena, one).size, 32);
	assert_string_not_equal(one, other);
}

static void what_is_no_base64_is_no_secret(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	static const char *const others[] = {"", "whsec_", "whsec_*", "A", "whsec_whsec_AAAA"};
	struct span key;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(signature_read_secret(&arena, others[i], &key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_of_standard_webhooks_comes_out),
		cmocka_unit_test(with_two_secrets_both_sign_the_newer_one_first),
		cmocka_unit_test(id_time_and_body_are_all_signed),
		cmocka_unit_test(the_vector_of_attendee_comes_out),
		cmocka_unit_test(another_body_key_or_signature_is_not_valid),
		cmocka_unit_test(a_new_secret_has_32_bytes_and_is_not_the_last_one),
		cmocka_unit_test(what_is_no_base64_is_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
