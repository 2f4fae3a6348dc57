#include "store/api_key.h"
#include "store/project.h"
#include "support/must.h"
#include "support/test_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t add_project(struct db *db, struct arena *arena)
{
	struct project project = {0};
	struct error err = {0};

	must(project_add(db, arena, "a project", 1, &project, &err), &err);
	return project.id;
}

static struct api_key add_key(struct db *db, struct arena *arena, int64_t project_id, instant now,
			      const char **key)
{
	struct api_key added = {0};
	struct error err = {0};

	must(api_key_add(db, arena, project_id, "a bot runner", now, &added, key, &err), &err);
	return added;
}

/* 0: none. */
static int64_t project_of(struct db *db, const char *key)
{
	struct error err = {0};
	int64_t project_id = 0;
	bool found = false;

	must(api_key_find_project(db, key, &found, &project_id, &err), &err);
	return found ? project_id : 0;
}

static void a_key_finds_its_own_project(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *keys[4];
	int64_t projects[COUNT_OF(keys)];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		projects[i] = i % 2 == 1 ? projects[i - 1] : add_project(database.db, &arena);
		add_key(database.db, &arena, projects[i], 1, &keys[i]);
	}
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		assert_int_equal(project_of(database.db, keys[i]), projects[i]);
	assert_int_not_equal(projects[0], projects[2]);
}

static void whatever_is_not_just_the_key_finds_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct api_key added;
	const char *key;

	(void)state;
	added = add_key(database.db, &arena, add_project(database.db, &arena), 1, &key);
	assert_int_equal(project_of(database.db, ""), 0);
	assert_int_equal(project_of(database.db, added.start), 0);
	assert_int_equal(project_of(database.db, added.public_id), 0);
	assert_int_equal(project_of(database.db, key + 1), 0);
	assert_int_equal(project_of(database.db, arena_printf(&arena, "%s0", key)), 0);
	assert_int_equal(project_of(database.db, arena_printf(&arena, "%s ", key)), 0);
}

static void keys_are_long_alike_in_form_and_never_the_same(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	const int64_t project_id = add_project(database.db, &arena);
	const char *keys[50];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		const struct api_key added = add_key(database.db, &arena, project_id, 1, &keys[i]);

		assert_int_equal(strlen(keys[i]), 3 + 40);
		assert_memory_equal(keys[i], "hp_", 3);
		assert_int_equal(strspn(keys[i] + 3, "0123456789abcdefghijklmnopqrstuvwxyz"
						     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
				 40);
		assert_memory_equal(added.public_id, "key_", 4);
		assert_int_equal(strlen(added.start), 7);
		assert_memory_equal(added.start, keys[i], 7);
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(keys[other], keys[i]);
	}
}

static void the_key_is_in_no_file_of_the_database(void **state)
{
	static const char *const files[] = {"hallpass.db", "hallpass.db-wal"};
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	static char bytes[1 << 20];
	char path[TEST_PATH_BYTES];
	size_t starts = 0;
	struct api_key added;
	const char *key;

	(void)state;
	added = add_key(database.db, &arena, add_project(database.db, &arena), 1, &key);
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		FILE *file = fopen(test_database_path(&database, files[i], path), "r");
		size_t size;

		assert_non_null(file);
		size = fread(bytes, 1, sizeof(bytes), file);
		assert_true(feof(file));
		fclose(file);
		/* Beyond what is kept of it to recognize it by. */
		assert_null(memmem(bytes, size, key + 7, 8));
		starts += memmem(bytes, size, added.start, strlen(added.start)) != NULL;
	}
	assert_true(starts > 0);
}

static void a_revoked_key_finds_nothing_and_keeps_the_time_of_its_end(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	const int64_t project_id = add_project(database.db, &arena);
	struct api_key added, *listed;
	const char *key, *other;
	struct error err = {0};
	bool found = false;
	size_t count = 0;

	(void)state;
	added = add_key(database.db, &arena, project_id, 1, &key);
	add_key(database.db, &arena, project_id, 1, &other);
	for (instant at = 100; at <= 200; at += 100) {
		must(api_key_revoke(database.db, added.public_id, at, &found, &err), &err);
		assert_true(found);
		assert_int_equal(project_of(database.db, key), 0);
	}
	assert_int_equal(project_of(database.db, other), project_id);
	must(api_key_list(database.db, &arena, project_id, &listed, &count, &err), &err);
	assert_int_equal(count, 2);
	assert_int_equal(listed[0].revoked_at, 100);
	assert_int_equal(listed[1].revoked_at, 0);
	must(api_key_revoke(database.db, "key_00000000000000000000", 1, &found, &err), &err);
	assert_false(found);
}

static void a_list_has_the_projects_own_keys_oldest_first(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	const int64_t project_id = add_project(database.db, &arena);
	const int64_t other_id = add_project(database.db, &arena);
	const char *key;
	struct api_key added[3], *listed;
	struct error err = {0};
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(added); i++) {
		added[i] = add_key(database.db, &arena, project_id, (instant)(900 - i), &key);
		add_key(database.db, &arena, other_id, 5, &key);
	}
	must(api_key_list(database.db, &arena, project_id, &listed, &count, &err), &err);
	assert_int_equal(count, COUNT_OF(added));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(listed[i].id, added[i].id);
		assert_string_equal(listed[i].public_id, added[i].public_id);
		assert_string_equal(listed[i].name, "a bot runner");
		assert_string_equal(listed[i].start, added[i].start);
		assert_int_equal(listed[i].created_at, added[i].created_at);
	}
	must(api_key_list(database.db, &arena, 0, &listed, &count, &err), &err);
	assert_int_equal(count, 0);
}

static void a_key_for_no_project_is_refused(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct api_key added;
	struct error err = {0};
	const char *key;

	(void)state;
	assert_false(api_key_add(database.db, &arena, 7, "nobody's", 1, &added, &key, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_finds_its_own_project),
		cmocka_unit_test(whatever_is_not_just_the_key_finds_nothing),
		cmocka_unit_test(keys_are_long_alike_in_form_and_never_the_same),
		cmocka_unit_test(the_key_is_in_no_file_of_the_database),
		cmocka_unit_test(a_revoked_key_finds_nothing_and_keeps_the_time_of_its_end),
		cmocka_unit_test(a_list_has_the_projects_own_keys_oldest_first),
		cmocka_unit_test(a_key_for_no_project_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
