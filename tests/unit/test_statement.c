#include "store/statement.h"
#include "support/must.h"
#include "support/test_notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char list_sql[] = "SELECT id, text FROM notes ORDER BY id";

static void a_statement_is_the_same_one_each_time_and_forgets_its_values(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct statement *first, *second;
	struct error err = {0};

	(void)state;
	first = db_statement(database.db, test_notes_add_sql);
	bind_text(first, 1, "text");
	bind_blob(first, 2, "bytes", 5);
	must(statement_done(first, &err), &err);
	statement_release(&first);
	second = db_statement(database.db, test_notes_add_sql);
	assert_ptr_equal(first, second);
	must(statement_done(second, &err), &err);
	statement_release(&second);
	assert_int_equal(test_database_number(
				 database.db,
				 "SELECT count(*) FROM notes WHERE text IS NULL AND bytes IS NULL"),
			 1);
}

static void a_statement_left_in_the_middle_begins_anew(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct error err = {0};

	(void)state;
	must(test_notes_add(database.db, "one", &err), &err);
	must(test_notes_add(database.db, "two", &err), &err);
	for (int round = 0; round < 3; round++) {
		SCOPED(statement_release)
		struct statement *list = db_statement(database.db, list_sql);
		SCOPED(arena_release) struct arena arena = {0};
		bool has_row = false;

		must(statement_row(list, &has_row, &err), &err);
		assert_true(has_row);
		assert_string_equal(column_text(list, 1, &arena), "one");
	}
	/* A read that was not let go of would keep the other from writing its schema. */
	must(db_script(database.db, "DROP TABLE remarks", &err), &err);
}

static void a_change_tells_how_many_rows_it_was(void **state)
{
	static const char remove_sql[] = "DELETE FROM notes WHERE text <> $1";
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct error err = {0};

	(void)state;
	for (int expected = 3; expected >= 0; expected -= 3) {
		SCOPED(statement_release)
		struct statement *removal = db_statement(database.db, remove_sql);
		int64_t count = -1;

		for (const char *text = "abc"; expected > 0 && *text != '\0'; text++)
			must(test_notes_add(database.db, text, &err), &err);
		bind_text(removal, 1, "kept");
		must(statement_count(removal, &count, &err), &err);
		assert_int_equal(count, expected);
	}
}

static void a_number_is_that_of_the_first_row_and_0_where_there_is_none(void **state)
{
	static const char *const queries[] = {"SELECT 7", "SELECT min(id) FROM notes",
					      "SELECT id FROM notes"};
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(queries); i++) {
		SCOPED(statement_release)
		struct statement *query = db_statement(database.db, queries[i]);
		int64_t number = -1;

		must(statement_number(query, &number, &err), &err);
		assert_int_equal(number, i == 0 ? 7 : 0);
	}
}

static void wrong_sql_is_reported_and_does_no_lasting_harm(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	static const char wrong_sql[] = "SELECT missing FROM nowhere WHERE id = $1";
	struct error err = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		SCOPED(statement_release)
		struct statement *wrong = db_statement(database.db, wrong_sql);
		bool has_row;

		bind_int(wrong, 1, 1);
		assert_false(statement_row(wrong, &has_row, &err));
		assert_int_equal(err.kind, ERROR_INTERNAL);
		assert_non_null(strstr(err.message, "nowhere"));
	}
	must(test_notes_add(database.db, "after all", &err), &err);
}

static void a_parameter_goes_by_its_number_wherever_it_stands(void **state)
{
	static const char swapped_sql[] =
		"SELECT $2 = 'two' AND $12 = 12 AND $1 = 'one' AND $2 <> $1";
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(statement_release) struct statement *swapped = NULL;
	struct error err = {0};
	bool has_row = false;

	(void)state;
	swapped = db_statement(database.db, swapped_sql);
	bind_text(swapped, 1, "one");
	bind_text(swapped, 2, "two");
	bind_int(swapped, 12, 12);
	must(statement_row(swapped, &has_row, &err), &err);
	assert_true(has_row);
	assert_int_equal(column_int(swapped, 0), 1);
}

static void null_text_and_sealed_values_come_back_as_they_went_in(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(arena_release) struct arena arena = {0};
	static const char back_sql[] = "SELECT text, bytes FROM notes ORDER BY id";
	SCOPED(statement_release) struct statement *back = NULL;
	const struct sealed values[] = {{(const unsigned char *)"a\0b", 3}, {NULL, 0}};
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		SCOPED(statement_release)
		struct statement *add = db_statement(database.db, test_notes_add_sql);

		bind_text(add, 1, i == 0 ? "größer" : NULL);
		bind_sealed(add, 2, values[i]);
		must(statement_done(add, &err), &err);
	}
	back = db_statement(database.db, back_sql);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		bool has_row = false;
		struct sealed sealed;

		must(statement_row(back, &has_row, &err), &err);
		assert_true(has_row);
		sealed = column_sealed(back, 1, &arena);
		assert_int_equal(sealed.size, values[i].size);
		if (i == 0) {
			assert_string_equal(column_text(back, 0, &arena), "größer");
			assert_memory_equal(sealed.bytes, values[i].bytes, values[i].size);
		} else {
			assert_null(column_text(back, 0, &arena));
			assert_true(column_is_null(back, 1));
			assert_null(sealed.bytes);
		}
	}
}

static void a_reference_to_nothing_is_refused(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct error err = {0};

	(void)state;
	assert_false(db_script(database.db, "INSERT INTO remarks (note_id) VALUES (7)", &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_is_the_same_one_each_time_and_forgets_its_values),
		cmocka_unit_test(a_statement_left_in_the_middle_begins_anew),
		cmocka_unit_test(a_change_tells_how_many_rows_it_was),
		cmocka_unit_test(a_number_is_that_of_the_first_row_and_0_where_there_is_none),
		cmocka_unit_test(wrong_sql_is_reported_and_does_no_lasting_harm),
		cmocka_unit_test(a_parameter_goes_by_its_number_wherever_it_stands),
		cmocka_unit_test(null_text_and_sealed_values_come_back_as_they_went_in),
		cmocka_unit_test(a_reference_to_nothing_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
