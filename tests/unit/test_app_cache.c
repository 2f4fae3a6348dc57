#include "store/app_cache.h"
#include "support/must.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct app some_app = {
	.id = 7,
	.public_id = "zoapp_7",
	.project_id = 3,
	.client_id = "a client",
	.webhook_secret = {(const unsigned char *)"sealed", 6},
	.is_active = true,
};

static void what_is_kept_is_found_by_the_apps_id_alone(void **state)
{
	SCOPED(app_cache_close) struct app_cache *cache = app_cache_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *secret;
	struct app found;

	(void)state;
	assert_false(app_cache_find(cache, &arena, "zoapp_7", &found, &secret));
	app_cache_keep(cache, &some_app, "opened");
	assert_false(app_cache_find(cache, &arena, "zoapp_8", &found, &secret));
	assert_true(app_cache_find(cache, &arena, "zoapp_7", &found, &secret));
	assert_int_equal(found.id, 7);
	assert_int_equal(found.project_id, 3);
	assert_string_equal(found.client_id, "a client");
	assert_true(found.is_active);
	assert_string_equal(secret, "opened");
}

static void what_was_found_outlives_what_is_kept(void **state)
{
	SCOPED(app_cache_close) struct app_cache *cache = app_cache_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *old_secret, *secret;
	struct app found, again;

	(void)state;
	app_cache_keep(cache, &some_app, "opened");
	assert_true(app_cache_find(cache, &arena, "zoapp_7", &found, &old_secret));
	app_cache_keep(cache, &some_app, "another");
	assert_true(app_cache_find(cache, &arena, "zoapp_7", &again, &secret));
	assert_string_equal(secret, "another");
	assert_string_equal(old_secret, "opened");
	assert_string_equal(found.client_id, "a client");
	assert_memory_equal(found.webhook_secret.bytes, "sealed", 6);
}

static void however_many_apps_there_are_the_last_one_is_kept(void **state)
{
	SCOPED(app_cache_close) struct app_cache *cache = app_cache_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *secret;
	struct app found;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct app app = some_app;
		char id[32];

		snprintf(id, sizeof(id), "zoapp_%d", i);
		app.id = i;
		app.public_id = id;
		app_cache_keep(cache, &app, id);
		assert_true(app_cache_find(cache, &arena, id, &found, &secret));
		assert_int_equal(found.id, i);
		assert_string_equal(secret, id);
	}
}

static bool has_secret(struct db *db, int64_t id, const char *sealed)
{
	const struct sealed secret = {(const unsigned char *)sealed, strlen(sealed)};
	struct error err = {0};
	bool has;

	must(app_has_webhook_secret(db, id, secret, &has, &err), &err);
	return has;
}

static void an_app_has_the_secret_that_was_sealed_last_and_no_other(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct app app = some_app;
	struct error err = {0};

	(void)state;
	app.id = TEST_APP;
	app.client_secret = app.webhook_secret;
	must(app_change(database.db, &app, &err), &err);
	assert_true(has_secret(database.db, TEST_APP, "sealed"));
	assert_false(has_secret(database.db, TEST_APP, "sealed otherwise"));
	assert_false(has_secret(database.db, TEST_APP, ""));
	assert_false(has_secret(database.db, 99, "sealed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_found_by_the_apps_id_alone),
		cmocka_unit_test(what_was_found_outlives_what_is_kept),
		cmocka_unit_test(however_many_apps_there_are_the_last_one_is_kept),
		cmocka_unit_test(an_app_has_the_secret_that_was_sealed_last_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
