#include "base/clock.h"
#include "serve/context.h"
#include "store/db_gate.h"
#include "store/transaction.h"
#include "support/must.h"
#include "support/test_notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

enum { REQUESTS = 4 };

/* What a request has to store, and what came of it; the text is that of the run that counts. */
struct note {
	const char *text;
	enum error_kind fails_with;
	struct db *db; /* that it found */
	int runs;
	const char *told;
	bool is_stored;
	struct error err;
	const struct test_database *database;
};

static bool store_note(struct context *context, void *part, struct error *err)
{
	struct note *note = part;

	note->db = context->db;
	note->told = arena_printf(context->arena, "%s, %d", note->text, ++note->runs);
	if (!test_notes_add(context->db, note->text, err))
		return false;
	return note->fails_with == ERROR_NONE || error_set(err, note->fails_with, "%s", note->text);
}

static void *serve(void *argument)
{
	struct note *note = argument;
	SCOPED(db_close)
	struct db *db = test_database_connect(note->database, note->database->gate);
	SCOPED(arena_release) struct arena arena = {0};
	struct context context = {.db = db, .arena = &arena};

	note->is_stored = context_store(&context, store_note, note, &note->err);
	/* What it stored is there, on the context as it was. */
	assert_ptr_equal(context.db, db);
	if (note->is_stored)
		assert_true(test_notes_count(context.db) >= REQUESTS - 1);
	note->told = strdup(note->told);
	return NULL;
}

/* All of them in one group, in no order: another process keeps it waiting until it is complete. */
static void serve_together(const struct test_database *database, struct note notes[REQUESTS])
{
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other_process = test_database_connect(database, gate);
	struct transaction transaction = {0};
	pthread_t threads[REQUESTS];
	struct error err = {0};

	must(transaction_begin(&transaction, other_process, &err), &err);
	for (int i = 0; i < REQUESTS; i++) {
		notes[i].database = database;
		assert_int_equal(pthread_create(&threads[i], NULL, serve, &notes[i]), 0);
	}
	while (test_database_waiting(database->db) < REQUESTS)
		clock_pause_ms(1);
	transaction_end(&transaction);
	for (int i = 0; i < REQUESTS; i++)
		pthread_join(threads[i], NULL);
}

static void release_notes(struct note notes[REQUESTS])
{
	for (int i = 0; i < REQUESTS; i++)
		free((char *)notes[i].told);
}

static void requests_are_stored_on_the_database_of_the_one_that_leads(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct note notes[REQUESTS] = {{.text = "a"}, {.text = "b"}, {.text = "c"}, {.text = "d"}};

	(void)state;
	serve_together(&database, notes);
	for (int i = 0; i < REQUESTS; i++) {
		assert_true(notes[i].is_stored);
		assert_int_equal(notes[i].runs, 1);
		assert_ptr_equal(notes[i].db, notes[0].db);
	}
	assert_int_equal(test_notes_count(database.db), REQUESTS);
	release_notes(notes);
}

static void one_that_fails_is_told_why_and_the_others_have_what_their_last_run_left(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct note notes[REQUESTS] = {{.text = "a"},
				       {.text = "b", .fails_with = ERROR_NOT_FOUND},
				       {.text = "c"},
				       {.text = "d"}};
	char told[32];

	(void)state;
	serve_together(&database, notes);
	for (int i = 0; i < REQUESTS; i++) {
		assert_int_equal(notes[i].is_stored, i != 1);
		assert_in_range(notes[i].runs, 1, 2);
		snprintf(told, sizeof(told), "%s, %d", notes[i].text, notes[i].runs);
		assert_string_equal(notes[i].told, told);
	}
	assert_int_equal(notes[1].runs, 2);
	assert_int_equal(notes[1].err.kind, ERROR_NOT_FOUND);
	assert_string_equal(notes[1].err.message, "b");
	assert_int_equal(test_notes_count(database.db), REQUESTS - 1);
	release_notes(notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_stored_on_the_database_of_the_one_that_leads),
		cmocka_unit_test(
			one_that_fails_is_told_why_and_the_others_have_what_their_last_run_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
