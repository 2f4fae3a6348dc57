#include "store/db_integrity.h"
#include "support/must.h"
#include "support/test_notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

static void integrity_is_well_until_a_page_is_overwritten(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *finding = "unset";
	struct error err = {0};
	char text[32];
	int file;

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "note %d", i);
		must(test_notes_add(database.db, text, &err), &err);
	}
	must(db_integrity_check(database.db, &arena, &finding, &err), &err);
	assert_null(finding);
	db_close(&database.db); /* the last one to close puts everything into the file */
	file = open(database.path, O_WRONLY);
	assert_int_equal(pwrite(file, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 4096), 8);
	close(file);
	database.db = test_database_connect(&database, database.gate);
	if (db_integrity_check(database.db, &arena, &finding, &err))
		assert_non_null(finding);
	else
		assert_int_equal(err.kind, ERROR_STORAGE);
}

static void integrity_tells_of_a_reference_to_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(arena_release) struct arena arena = {0};
	const char *finding = NULL;
	struct error err = {0};

	(void)state;
	must(db_script(database.db,
		       "PRAGMA foreign_keys = OFF; INSERT INTO remarks (note_id) VALUES (7);",
		       &err),
	     &err);
	must(db_integrity_check(database.db, &arena, &finding, &err), &err);
	assert_non_null(finding);
	assert_non_null(strstr(finding, "remarks"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integrity_is_well_until_a_page_is_overwritten),
		cmocka_unit_test(integrity_tells_of_a_reference_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
