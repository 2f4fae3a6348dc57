#include "base/encode.h"
#include "base/key_file.h"
#include "base/keyring.h"
#include "support/test_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64], file[128];
static const struct seal_place place = {"zoom_oauth_connections", "refresh_token", "zoauth_1", 7};

/* 32 bytes of 'a', 'b' and 'c' in base64. */
static const char key_a[] = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
static const char key_b[] = "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=";

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/hallpass-test-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/encryption.keys", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static void write_file(const char *text, mode_t mode)
{
	FILE *out;

	unlink(file);
	out = fopen(file, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(file, mode), 0);
}

static struct keyring *open_keys(const char *text)
{
	struct keyring *keyring;
	struct error err = {0};

	write_file(text, 0600);
	if (!keyring_open(&keyring, file, &err))
		fail_msg("%s", err.message);
	return keyring;
}

static void expect_refused(const char *text, mode_t mode, const char *why)
{
	struct keyring *keyring;
	struct error err = {0};

	write_file(text, mode);
	if (keyring_open(&keyring, file, &err))
		fail_msg("was opened: %s", text);
	assert_int_equal(err.kind, ERROR_INVALID);
	if (strstr(err.message, why) == NULL || strstr(err.message, file) == NULL)
		fail_msg("'%s' does not name the file and '%s'", err.message, why);
	assert_null(strstr(err.message, "YWFh"));
}

static void expect_shut(struct keyring *keyring, const struct seal_place *at, struct sealed sealed)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *text = "untouched";
	struct error err = {0};

	assert_false(keyring_open_sealed(keyring, &arena, at, sealed, &text, &err));
	assert_int_equal(err.kind, ERROR_INTERNAL);
	assert_string_equal(err.code, "credentials_unreadable");
	assert_string_equal(text, "untouched");
}

static void expect_text(struct keyring *keyring, struct sealed sealed, const char *expected)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *text;
	struct error err = {0};

	if (!keyring_open_sealed(keyring, &arena, &place, sealed, &text, &err))
		fail_msg("%s", err.message);
	assert_string_equal(text, expected);
}

static void a_fresh_key_file_opens_and_is_for_its_owner_alone(void **state)
{
	SCOPED(keyring_close) struct keyring *keyring = NULL;
	struct error err = {0};
	struct stat status;

	(void)state;
	unlink(file);
	assert_true(key_file_create(file, &err));
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(keyring_open(&keyring, file, &err));
}

static void a_key_file_is_never_overwritten(void **state)
{
	SCOPED(keyring_close) struct keyring *keyring = NULL;
	struct error err = {0};

	(void)state;
	write_file(key_a, 0600);
	assert_false(key_file_create(file, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_true(keyring_open(&keyring, file, &err));
}

static void two_fresh_key_files_hold_different_keys(void **state)
{
	struct key_set one, other;
	struct error err = {0};

	(void)state;
	unlink(file);
	assert_true(key_file_create(file, &err) && key_file_read(&one, file, &err));
	unlink(file);
	assert_true(key_file_create(file, &err) && key_file_read(&other, file, &err));
	assert_int_equal(one.count, 1);
	assert_memory_not_equal(one.keys[0].bytes, other.keys[0].bytes, AEAD_KEY_BYTES);
	assert_memory_not_equal(one.keys[0].id, other.keys[0].id, KEY_ID_BYTES);
}

static void a_keys_id_is_an_hmac_of_a_label_with_it(void **state)
{
	const struct span label = {"hallpass key id", 15};
	unsigned char mac[SHA256_BYTES];
	struct error err = {0};
	struct key_set set;

	(void)state;
	write_file(key_a, 0600);
	assert_true(key_file_read(&set, file, &err));
	hmac_sha256(set.keys[0].bytes, AEAD_KEY_BYTES, &label, 1, mac);
	assert_memory_equal(set.keys[0].id, mac, KEY_ID_BYTES);
}

static void what_was_sealed_opens_at_its_place(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	char large[5000];

	(void)state;
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	expect_text(keyring, keyring_seal(keyring, &arena, &place, "token"), "token");
	expect_text(keyring, keyring_seal(keyring, &arena, &place, ""), "");
	expect_text(keyring, keyring_seal(keyring, &arena, &place, large), large);
}

static void a_sealed_value_does_not_hold_its_text(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	const struct sealed sealed = keyring_seal(keyring, &arena, &place, "refresh-token");

	(void)state;
	assert_null(memmem(sealed.bytes, sealed.size, "refresh", 7));
}

static void none_seals_to_none(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	const struct sealed sealed = keyring_seal(keyring, &arena, &place, NULL);
	const char *text = "old";
	struct error err = {0};

	(void)state;
	assert_null(sealed.bytes);
	assert_int_equal(sealed.size, 0);
	assert_true(keyring_open_sealed(keyring, &arena, &place, sealed, &text, &err));
	assert_null(text);
}

static void a_value_moved_to_another_place_stays_shut(void **state)
{
	static const struct seal_place others[] = {
		{"zoom_oauth_apps", "refresh_token", "zoauth_1", 7},
		{"zoom_oauth_connections", "access_token", "zoauth_1", 7},
		{"zoom_oauth_connections", "refresh_token", "zoauth_2", 7},
		{"zoom_oauth_connections", "refresh_token", "zoauth_1", 8},
		{"zoom_oauth_connections", "refresh_token", "zoauth_1", 77},
	};
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	const struct sealed sealed = keyring_seal(keyring, &arena, &place, "token");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		expect_shut(keyring, &others[i], sealed);
}

static void the_newest_key_seals_and_all_keys_open(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *a = open_keys(key_a);
	const struct sealed by_a = keyring_seal(a, &arena, &place, "old");
	SCOPED(keyring_close) struct keyring *b = open_keys(key_b);
	const struct sealed by_b = keyring_seal(b, &arena, &place, "newer");
	SCOPED(keyring_close)
	struct keyring *both =
		open_keys(arena_printf(&arena, "# newest first\n\n  %s  # of this year\r\n%s\n",
				       key_b, key_a));

	(void)state;
	expect_text(both, by_a, "old");
	expect_text(both, by_b, "newer");
	expect_text(b, keyring_seal(both, &arena, &place, "new"), "new");
	assert_true(keyring_sealed_with_newest(both, by_b));
	assert_false(keyring_sealed_with_newest(both, by_a));
	write_file(key_a, 0600);
	expect_shut(a, &place, by_b);
}

static bool change(bool (*how)(struct key_file *, struct error *), struct error *err)
{
	SCOPED(key_file_unlock) struct key_file locked = {.lock = -1};

	return key_file_lock(&locked, file, err) && how(&locked, err);
}

static void a_key_that_is_added_seals_from_then_on(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	const struct sealed before = keyring_seal(keyring, &arena, &place, "before");
	struct error err = {0};

	(void)state;
	assert_true(keyring_sealed_with_newest(keyring, before));
	assert_true(change(key_file_add, &err));
	assert_false(keyring_sealed_with_newest(keyring, before));
	assert_true(keyring_sealed_with_newest(keyring,
					       keyring_seal(keyring, &arena, &place, "after")));
	expect_text(keyring, before, "before");
}

static void what_another_process_sealed_with_an_added_key_opens(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	SCOPED(keyring_close) struct keyring *other = NULL;
	struct error err = {0};

	(void)state;
	assert_true(change(key_file_add, &err));
	assert_true(keyring_open(&other, file, &err));
	expect_text(keyring, keyring_seal(other, &arena, &place, "theirs"), "theirs");
}

static void a_value_that_was_read_before_its_key_was_dropped_opens(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	const struct sealed before = keyring_seal(keyring, &arena, &place, "before");
	SCOPED(keyring_close) struct keyring *started_later = NULL;
	struct error err = {0};

	(void)state;
	assert_true(change(key_file_add, &err) && change(key_file_keep_newest, &err));
	assert_true(keyring_sealed_with_newest(keyring,
					       keyring_seal(keyring, &arena, &place, "after")));
	expect_text(keyring, before, "before");
	assert_true(keyring_open(&started_later, file, &err));
	expect_shut(started_later, &place, before);
}

static void a_file_that_becomes_unreadable_leaves_the_keys_that_there_were(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	const struct sealed before = keyring_seal(keyring, &arena, &place, "before");

	(void)state;
	write_file("not a key\n", 0600);
	expect_text(keyring, before, "before");
	expect_text(keyring, keyring_seal(keyring, &arena, &place, "after"), "after");
}

static void a_replaced_file_keeps_its_mode(void **state)
{
	struct error err = {0};
	struct stat status;

	(void)state;
	write_file(key_a, 0640);
	assert_true(change(key_file_add, &err));
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
}

static void who_changes_a_file_keeps_others_out_until_the_end_though_it_is_replaced(void **state)
{
	struct key_file one, other;
	struct error err = {0};

	(void)state;
	write_file(key_a, 0600);
	assert_true(key_file_lock(&one, file, &err));
	assert_false(key_file_lock(&other, file, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	key_file_unlock(&other);
	assert_true(key_file_add(&one, &err));
	assert_false(key_file_lock(&other, file, &err));
	key_file_unlock(&other);
	assert_true(key_file_keep_newest(&one, &err));
	assert_false(key_file_lock(&other, file, &err));
	key_file_unlock(&other);
	key_file_unlock(&one);
	assert_true(key_file_lock(&other, file, &err));
	key_file_unlock(&other);
}

static void a_draft_that_a_killed_rotation_left_is_in_nobodys_way(void **state)
{
	char draft[sizeof(file) + 8];
	struct error err = {0};
	struct key_set keys;
	FILE *out;

	(void)state;
	write_file(key_a, 0600);
	snprintf(draft, sizeof(draft), "%s.new", file);
	out = fopen(draft, "w");
	assert_non_null(out);
	assert_int_equal(fclose(out), 0);
	assert_true(change(key_file_add, &err));
	assert_true(key_file_read(&keys, file, &err));
	assert_int_equal(keys.count, 2);
	assert_int_equal(access(draft, F_OK), -1);
}

static void the_key_of_a_value_has_a_name_whether_it_is_there_or_not(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *with_a = open_keys(key_a);
	const struct sealed sealed = keyring_seal(with_a, &arena, &place, "token");
	SCOPED(keyring_close) struct keyring *with_b = open_keys(key_b);
	char name[KEY_NAME_BYTES], id[KEY_NAME_BYTES];

	(void)state;
	assert_true(keyring_name_key(sealed, name));
	hex_encode(sealed.bytes + 1, KEY_ID_BYTES, id);
	assert_string_equal(name, id);
	assert_true(keyring_has_key_of(with_a, sealed));
	assert_false(keyring_has_key_of(with_b, sealed));
	assert_false(keyring_name_key((struct sealed){sealed.bytes, 4}, name));
	assert_false(keyring_has_key_of(with_a, (struct sealed){sealed.bytes, 4}));
}

static void altered_and_cut_values_stay_shut(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(keyring_close) struct keyring *keyring = open_keys(key_a);
	const struct sealed sealed = keyring_seal(keyring, &arena, &place, "token");

	(void)state;
	for (size_t i = 0; i < sealed.size; i++) {
		unsigned char *altered = arena_memdup(&arena, sealed.bytes, sealed.size);

		altered[i] ^= 1;
		expect_shut(keyring, &place, (struct sealed){altered, sealed.size});
		expect_shut(keyring, &place,
			    (struct sealed){arena_memdup(&arena, sealed.bytes, i), i});
	}
}

static void a_wrong_key_file_is_named_and_its_keys_are_not(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	expect_refused("", 0600, "holds no key; put back your copy");
	expect_refused("# nothing\n\n", 0600, "holds no key");
	expect_refused("\n# x\nYWFh\n", 0600, "line 3: not a key");
	expect_refused("not base64!\n", 0600, "line 1: not a key");
	expect_refused(arena_printf(&arena, "%s%s\n", key_a, key_a), 0600, "line 1: not a key");
	expect_refused(arena_printf(&arena, "%s\n%.40s\n", key_a, key_a), 0600,
		       "line 2: not a key");
	/* A second key on the line would be lost without a word. */
	expect_refused(arena_printf(&arena, "%s %s\n", key_a, key_b), 0600, "line 1: not a key");
}

static void a_long_comment_is_a_comment(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct keyring *keyring = open_keys(arena_printf(&arena, "# %0600d\n%s\n", 0, key_a));

	(void)state;
	keyring_close(&keyring);
	expect_refused(arena_printf(&arena, "# %0600d\nYWFh\n", 0), 0600, "line 2: not a key");
}

static void sixty_four_keys_are_the_most(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *keys = "";
	struct keyring *keyring;

	(void)state;
	for (int i = 0; i < 64; i++)
		keys = arena_printf(&arena, "%s%s\n", keys, key_a);
	keyring = open_keys(keys);
	keyring_close(&keyring);
	assert_null(keyring);
	expect_refused(arena_printf(&arena, "%s%s\n", keys, key_a), 0600, "line 65: more than 64");
}

static void a_file_that_lets_others_in_is_refused(void **state)
{
	static const mode_t open_modes[] = {0604, 0602, 0601, 0644, 0620, 0666};
	SCOPED(keyring_close) struct keyring *keyring = NULL;
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(open_modes); i++)
		expect_refused(key_a, open_modes[i], "chmod g-w,o=");
	write_file(key_a, 0640);
	assert_true(keyring_open(&keyring, file, &err));
}

enum { FILE_BUFFER_BYTES = 4096 }; /* stdio's own: a block of the file system */

/* Where stdio had it, once it is given back: the next place for as many bytes. */
static uintptr_t place_of_file_buffer(void)
{
	char *volatile given = malloc(FILE_BUFFER_BYTES);

	free(given);
	return (uintptr_t)given;
}

static void the_file_is_read_through_no_buffer_that_keeps_its_keys(void **state)
{
	struct key_set keys;
	struct error err = {0};
	char text[256];

	(void)state;
	/* Behind what malloc() itself writes into what it gets back. */
	snprintf(text, sizeof(text), "%s%s", "# Keys for credentials at rest, newest first.\n",
		 key_a);
	write_file(text, 0600);
	assert_true(key_file_read(&keys, file, &err));
	key_set_wipe(&keys);
	assert_false(test_memory_still_holds(place_of_file_buffer(), FILE_BUFFER_BYTES, key_a));
}

static void a_missing_file_says_how_to_make_one(void **state)
{
	struct keyring *keyring;
	struct error err = {0};

	(void)state;
	unlink(file);
	assert_false(keyring_open(&keyring, file, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_non_null(strstr(err.message, "hallpass init"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_key_file_opens_and_is_for_its_owner_alone),
		cmocka_unit_test(a_key_file_is_never_overwritten),
		cmocka_unit_test(two_fresh_key_files_hold_different_keys),
		cmocka_unit_test(a_keys_id_is_an_hmac_of_a_label_with_it),
		cmocka_unit_test(what_was_sealed_opens_at_its_place),
		cmocka_unit_test(a_sealed_value_does_not_hold_its_text),
		cmocka_unit_test(none_seals_to_none),
		cmocka_unit_test(a_value_moved_to_another_place_stays_shut),
		cmocka_unit_test(the_newest_key_seals_and_all_keys_open),
		cmocka_unit_test(a_key_that_is_added_seals_from_then_on),
		cmocka_unit_test(what_another_process_sealed_with_an_added_key_opens),
		cmocka_unit_test(a_value_that_was_read_before_its_key_was_dropped_opens),
		cmocka_unit_test(a_file_that_becomes_unreadable_leaves_the_keys_that_there_were),
		cmocka_unit_test(a_replaced_file_keeps_its_mode),
		cmocka_unit_test(
			who_changes_a_file_keeps_others_out_until_the_end_though_it_is_replaced),
		cmocka_unit_test(a_draft_that_a_killed_rotation_left_is_in_nobodys_way),
		cmocka_unit_test(the_key_of_a_value_has_a_name_whether_it_is_there_or_not),
		cmocka_unit_test(altered_and_cut_values_stay_shut),
		cmocka_unit_test(a_wrong_key_file_is_named_and_its_keys_are_not),
		cmocka_unit_test(a_long_comment_is_a_comment),
		cmocka_unit_test(sixty_four_keys_are_the_most),
		cmocka_unit_test(a_file_that_lets_others_in_is_refused),
		cmocka_unit_test(the_file_is_read_through_no_buffer_that_keeps_its_keys),
		cmocka_unit_test(a_missing_file_says_how_to_make_one),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
