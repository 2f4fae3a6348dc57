#include "base/clock.h"
#include "base/doorbell.h"
#include "store/db_gate.h"
#include "store/group_commit.h"
#include "store/transaction.h"
#include "support/must.h"
#include "support/test_notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_BYTES = 32 };

/* A note to be added, and what its work met with. */
struct note {
	char text[TEXT_BYTES];
	enum error_kind fails_with; /* ERROR_NONE: it does not, by itself */
	struct db *onlooker;        /* another process, or NULL */
	int64_t seen_by_onlooker;
	int number, sum; /* of those of its transaction, where it is the first of them */
	bool is_begun, rings;
	int runs;
	struct error err;
	struct group_member member;
	sem_t is_through;
};

static bool begin_notes(struct db *db, struct group_member *members, struct error *err)
{
	(void)db;
	(void)err;
	for (struct group_member *member = members; member != NULL; member = member->next) {
		struct note *note = member->part;

		note->is_begun = true;
		note->sum = 0;
	}
	return true;
}

static bool add_note(struct db *db, void *part, struct error *err)
{
	struct note *note = part;

	assert_true(note->is_begun);
	note->runs++;
	if (note->onlooker != NULL)
		note->seen_by_onlooker = test_notes_count(note->onlooker);
	if (note->rings)
		transaction_ring(db);
	if (note->fails_with != ERROR_NONE)
		return error_set(err, note->fails_with, "as the test wants it");
	return test_notes_add(db, note->text, err);
}

/* What is enough once for all: the sum of their numbers, which the first of them stores. */
static bool add_sum(struct db *db, struct group_member *members, struct error *err)
{
	struct note *first = members->part;
	char text[TEXT_BYTES];

	for (struct group_member *member = members; member != NULL; member = member->next)
		first->sum += ((struct note *)member->part)->number;
	if (first->sum == 0)
		return true;
	snprintf(text, sizeof(text), "sum %d", first->sum);
	return test_notes_add(db, text, err);
}

static const struct group_work note_work = {begin_notes, add_note, add_sum};

static bool add(struct group_queue *queue, struct note *note)
{
	note->member = (struct group_member){.work = &note_work,
					     .part = note,
					     .owner = note,
					     .err = &note->err};
	return group_add(queue, &note->member);
}

static void who_comes_first_leads_until_nothing_waits(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"}, {.text = "b"}, {.text = "c"}};
	struct group_member *members;

	(void)state;
	group_open(&queue);
	assert_true(add(&queue, &notes[0]));
	assert_false(add(&queue, &notes[1]));
	members = group_commit(database.db, &queue);
	assert_ptr_equal(members->owner, &notes[0]);
	assert_ptr_equal(members->next->owner, &notes[1]);
	assert_null(members->next->next);
	assert_true(notes[0].member.is_stored && notes[1].member.is_stored);
	assert_int_equal(test_notes_count(database.db), 2);

	/* The next one waits for the same leader, or leads itself once that has left. */
	assert_false(add(&queue, &notes[2]));
	assert_false(group_leave(&queue));
	assert_ptr_equal(group_commit(database.db, &queue)->owner, &notes[2]);
	assert_true(group_leave(&queue));
	assert_null(group_commit(database.db, &queue));
	notes[2] = (struct note){.text = "d"};
	assert_true(add(&queue, &notes[2]));
}

static void a_group_becomes_visible_to_others_at_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *onlooker = test_database_connect(&database, gate);
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"},
			       {.text = "b", .onlooker = onlooker, .seen_by_onlooker = -1}};

	(void)state;
	group_open(&queue);
	assert_true(add(&queue, &notes[0]));
	assert_false(add(&queue, &notes[1]));
	assert_non_null(group_commit(database.db, &queue));
	assert_int_equal(notes[1].seen_by_onlooker, 0);
	assert_int_equal(test_notes_count(onlooker), 2);
}

static void whose_work_fails_fails_alone(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"}, {.text = "a"}, {.text = "b"}};

	(void)state;
	group_open(&queue);
	assert_true(add(&queue, &notes[0]));
	assert_false(add(&queue, &notes[1]));
	assert_false(add(&queue, &notes[2]));
	assert_non_null(group_commit(database.db, &queue));
	assert_true(notes[0].member.is_stored);
	assert_false(notes[1].member.is_stored);
	assert_int_equal(notes[1].err.kind, ERROR_CONFLICT);
	assert_true(notes[2].member.is_stored);
	assert_int_equal(test_notes_count(database.db), 2);
}

static void what_is_enough_once_is_done_once_for_all_of_a_group(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a", .number = 1},
			       {.text = "b", .number = 20},
			       {.text = "c", .number = 300}};

	(void)state;
	group_open(&queue);
	for (size_t i = 0; i < COUNT_OF(notes); i++)
		assert_int_equal(add(&queue, &notes[i]), i == 0);
	assert_non_null(group_commit(database.db, &queue));
	assert_int_equal(notes[0].sum, 321);
	assert_int_equal(test_notes_count(database.db), 4);
}

static void beside_one_that_fails_it_is_done_for_each_of_the_others(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a", .number = 1},
			       {.text = "a", .number = 20},
			       {.text = "c", .number = 300}};

	(void)state;
	group_open(&queue);
	for (size_t i = 0; i < COUNT_OF(notes); i++)
		assert_int_equal(add(&queue, &notes[i]), i == 0);
	assert_non_null(group_commit(database.db, &queue));
	assert_true(notes[0].member.is_stored && notes[2].member.is_stored);
	assert_int_equal(notes[0].sum, 1);
	assert_int_equal(notes[2].sum, 300);
	assert_int_equal(test_notes_count(database.db), 4);
	assert_ptr_equal(notes[0].member.next, &notes[1].member);
	assert_ptr_equal(notes[1].member.next, &notes[2].member);
}

static void beside_one_that_fails_the_others_are_stored_in_one_commit(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *onlooker = test_database_connect(&database, gate);
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"},
			       {.text = "b", .fails_with = ERROR_NOT_FOUND},
			       {.text = "c"},
			       {.text = "d", .onlooker = onlooker, .seen_by_onlooker = -1}};

	(void)state;
	group_open(&queue);
	for (size_t i = 0; i < COUNT_OF(notes); i++)
		assert_int_equal(add(&queue, &notes[i]), i == 0);
	assert_non_null(group_commit(database.db, &queue));
	assert_int_equal(notes[3].runs, 1); /* the first time the group did not come that far */
	assert_int_equal(notes[3].seen_by_onlooker, 0);
	for (size_t i = 0; i < COUNT_OF(notes); i++)
		assert_int_equal(notes[i].member.is_stored, i != 1);
	assert_int_equal(notes[1].err.kind, ERROR_NOT_FOUND);
	assert_int_equal(test_notes_count(onlooker), 3);
}

static void whose_work_fails_with_nobody_beside_it_is_tried_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note note = {.text = "a", .fails_with = ERROR_NOT_FOUND};

	(void)state;
	group_open(&queue);
	assert_true(add(&queue, &note));
	assert_non_null(group_commit(database.db, &queue));
	assert_false(note.member.is_stored);
	assert_int_equal(note.err.kind, ERROR_NOT_FOUND);
	assert_int_equal(note.runs, 1);
}

static bool is_ringing(int bell)
{
	struct pollfd poller = {.fd = bell, .events = POLLIN};

	assert_true(poll(&poller, 1, 0) >= 0);
	return (poller.revents & POLLIN) != 0;
}

static void the_bell_rings_for_what_is_stored_and_not_for_what_is_undone(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"},
			       {.text = "b", .rings = true, .fails_with = ERROR_CONFLICT},
			       {.text = "c"}};
	struct error err = {0};
	int bell;

	(void)state;
	must(doorbell_open(database.path, &bell, &err), &err);
	group_open(&queue);
	for (int rings = 0; rings <= 1; rings++) {
		for (size_t i = 0; i < COUNT_OF(notes); i++)
			assert_int_equal(add(&queue, &notes[i]), i == 0);
		assert_non_null(group_commit(database.db, &queue));
		assert_true(group_leave(&queue));
		assert_int_equal(notes[2].member.is_stored, true);
		assert_int_equal(is_ringing(bell), rings);
		notes[0] = (struct note){.text = "d", .rings = true};
		notes[2] = (struct note){.text = "e"};
	}
	close(bell);
}

static void where_it_fails_for_all_it_is_done_for_each(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "sum 21", .number = 1}, {.text = "b", .number = 20}};

	(void)state;
	group_open(&queue);
	assert_true(add(&queue, &notes[0]));
	assert_false(add(&queue, &notes[1]));
	assert_non_null(group_commit(database.db, &queue));
	/* The sum of both is there already; each by itself has another one. */
	assert_true(notes[0].member.is_stored && notes[1].member.is_stored);
	assert_int_equal(notes[0].sum, 1);
	assert_int_equal(notes[1].sum, 20);
	assert_int_equal(test_notes_count(database.db), 4);
}

/* Not each of them waits for the lock once more. */
static void a_group_that_finds_the_database_held_is_refused_whole_after_one_wait(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other_process = test_database_connect(&database, gate);
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"}, {.text = "b"}, {.text = "c"}};
	struct transaction transaction = {0};
	struct error err = {0};
	int64_t started_ms;

	(void)state;
	group_open(&queue);
	must(transaction_begin(&transaction, other_process, &err), &err);
	for (size_t i = 0; i < COUNT_OF(notes); i++)
		assert_int_equal(add(&queue, &notes[i]), i == 0);
	started_ms = clock_monotonic_ms();
	assert_non_null(group_commit(database.db, &queue));
	assert_in_range(clock_monotonic_ms() - started_ms, DB_BUSY_TIMEOUT_MS - 300,
			2 * DB_BUSY_TIMEOUT_MS - 100);
	for (size_t i = 0; i < COUNT_OF(notes); i++) {
		assert_false(notes[i].member.is_stored);
		assert_int_equal(notes[i].err.kind, ERROR_BUSY);
		assert_int_equal(notes[i].runs, 0);
	}
	transaction_end(&transaction);
	assert_int_equal(test_notes_count(database.db), 0);

	assert_false(add(&queue, &notes[0]));
	assert_non_null(group_commit(database.db, &queue));
	assert_true(notes[0].member.is_stored);
	assert_int_equal(test_notes_count(other_process), 1);
}

static void a_group_that_finds_the_disk_full_is_undone_whole_and_not_tried_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"},
			       {.text = "b", .fails_with = ERROR_STORAGE},
			       {.text = "c"}};

	(void)state;
	group_open(&queue);
	assert_true(add(&queue, &notes[0]));
	assert_false(add(&queue, &notes[1]));
	assert_false(add(&queue, &notes[2]));
	assert_non_null(group_commit(database.db, &queue));
	for (size_t i = 0; i < COUNT_OF(notes); i++) {
		assert_false(notes[i].member.is_stored);
		assert_int_equal(notes[i].err.kind, ERROR_STORAGE);
		assert_true(notes[i].runs <= 1);
	}
	assert_int_equal(test_notes_count(database.db), 0);
	/* The transaction is over, and the gate free. */
	must(test_notes_add(database.db, "d", &notes[0].err), &notes[0].err);
}

static void without_a_database_everybody_hears_why(void **state)
{
	SCOPED(group_close) struct group_queue queue;
	struct note notes[] = {{.text = "a"}, {.text = "b"}};
	struct group_member *members;
	struct error why = {0};

	(void)state;
	group_open(&queue);
	assert_true(add(&queue, &notes[0]));
	assert_false(add(&queue, &notes[1]));
	assert_false(error_set(&why, ERROR_STORAGE, "there is none"));
	members = group_refuse(&queue, &why);
	assert_ptr_equal(members->next->owner, &notes[1]);
	for (size_t i = 0; i < COUNT_OF(notes); i++) {
		assert_false(notes[i].member.is_stored);
		assert_string_equal(notes[i].err.message, "there is none");
	}
	assert_true(group_leave(&queue));
}

static void who_stands_alone_is_stored_or_undone_alone(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct note note = {.text = "a"};

	(void)state;
	note.member = (struct group_member){.work = &note_work, .part = &note, .err = &note.err};
	group_commit_alone(database.db, &note.member);
	assert_true(note.member.is_stored);
	group_commit_alone(database.db, &note.member);
	assert_false(note.member.is_stored);
	assert_int_equal(note.err.kind, ERROR_CONFLICT);
	assert_int_equal(test_notes_count(database.db), 1);
}

enum { THREADS = 8, NOTES_EACH = 100, DUPLICATES_FROM = 90 };

struct crowd {
	const struct test_database *database;
	struct group_queue queue;
	int64_t stored[THREADS];
};

struct one {
	struct crowd *crowd;
	int number;
};

/* Every tenth is refused: its text is everybody's. */
static void add_from_crowd(const struct one *one, struct db *db, int i)
{
	struct crowd *crowd = one->crowd;
	struct note note = {.text = "everybody's"};
	struct group_member *member, *next;

	sem_init(&note.is_through, 0, 0);
	if (i < DUPLICATES_FROM)
		snprintf(note.text, sizeof(note.text), "%d/%d", one->number, i);
	if (add(&crowd->queue, &note)) {
		do {
			for (member = group_commit(db, &crowd->queue); member != NULL;
			     member = next) {
				struct note *done = member->owner;

				next = member->next;
				sem_post(&done->is_through);
			}
		} while (!group_leave(&crowd->queue));
	}
	sem_wait(&note.is_through);
	crowd->stored[one->number] += note.member.is_stored;
	sem_destroy(&note.is_through);
}

static void *add_many(void *argument)
{
	const struct one *one = argument;
	const struct test_database *database = one->crowd->database;
	SCOPED(db_close) struct db *db = test_database_connect(database, database->gate);

	for (int i = 0; i < NOTES_EACH; i++)
		add_from_crowd(one, db, i);
	return NULL;
}

static void many_threads_are_told_of_exactly_what_is_stored(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct crowd crowd = {.database = &database};
	struct one ones[THREADS];
	pthread_t threads[THREADS];
	int64_t told = 0;

	(void)state;
	group_open(&crowd.queue);
	for (int i = 0; i < THREADS; i++) {
		ones[i] = (struct one){&crowd, i};
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, &ones[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		told += crowd.stored[i];
	}
	assert_int_equal(test_notes_count(database.db), told);
	assert_int_equal(told, THREADS * DUPLICATES_FROM + 1);
	group_close(&crowd.queue);
}

static void *store_many(void *argument)
{
	const struct one *one = argument;
	const struct test_database *database = one->crowd->database;
	SCOPED(db_close) struct db *db = test_database_connect(database, database->gate);

	for (int i = 0; i < NOTES_EACH; i++) {
		struct note note = {.text = "everybody's", .is_begun = true};

		if (i < DUPLICATES_FROM)
			snprintf(note.text, sizeof(note.text), "%d/%d", one->number, i);
		if (group_store(db, add_note, &note, &note.err))
			one->crowd->stored[one->number]++;
		else
			assert_int_equal(note.err.kind, ERROR_CONFLICT);
	}
	return NULL;
}

static void threads_that_wait_are_stored_together_and_told_each_for_itself(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct crowd crowd = {.database = &database};
	struct one ones[THREADS];
	pthread_t threads[THREADS];
	int64_t told = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		ones[i] = (struct one){&crowd, i};
		assert_int_equal(pthread_create(&threads[i], NULL, store_many, &ones[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		told += crowd.stored[i];
	}
	assert_int_equal(test_notes_count(database.db), told);
	assert_int_equal(told, THREADS * DUPLICATES_FROM + 1);
	assert_true(group_leave(db_group(database.db)));
}

/* `stored` becomes what an onlooker sees while it is worked on. */
static void *store_one(void *argument)
{
	const struct one *one = argument;
	const struct test_database *database = one->crowd->database;
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *db = test_database_connect(database, database->gate);
	SCOPED(db_close) struct db *onlooker = test_database_connect(database, gate);
	struct note note = {.onlooker = onlooker, .is_begun = true};

	snprintf(note.text, sizeof(note.text), "%d", one->number);
	must(group_store(db, add_note, &note, &note.err), &note.err);
	one->crowd->stored[one->number] = note.seen_by_onlooker;
	return NULL;
}

static void what_is_added_while_the_database_is_held_is_stored_in_one_commit(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other_process = test_database_connect(&database, gate);
	struct crowd crowd = {.database = &database};
	struct one ones[THREADS];
	struct transaction transaction = {0};
	pthread_t threads[THREADS];
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, other_process, &err), &err);
	for (int i = 0; i < THREADS; i++) {
		ones[i] = (struct one){&crowd, i};
		assert_int_equal(pthread_create(&threads[i], NULL, store_one, &ones[i]), 0);
	}
	while (test_database_waiting(database.db) < THREADS)
		clock_pause_ms(1);
	transaction_end(&transaction);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* An onlooker has seen nothing of it while any of them was worked. */
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(crowd.stored[i], 0);
	assert_int_equal(test_notes_count(database.db), THREADS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_first_leads_until_nothing_waits),
		cmocka_unit_test(a_group_becomes_visible_to_others_at_once),
		cmocka_unit_test(whose_work_fails_fails_alone),
		cmocka_unit_test(what_is_enough_once_is_done_once_for_all_of_a_group),
		cmocka_unit_test(beside_one_that_fails_it_is_done_for_each_of_the_others),
		cmocka_unit_test(beside_one_that_fails_the_others_are_stored_in_one_commit),
		cmocka_unit_test(whose_work_fails_with_nobody_beside_it_is_tried_once),
		cmocka_unit_test(the_bell_rings_for_what_is_stored_and_not_for_what_is_undone),
		cmocka_unit_test(where_it_fails_for_all_it_is_done_for_each),
		cmocka_unit_test(
			a_group_that_finds_the_database_held_is_refused_whole_after_one_wait),
		cmocka_unit_test(
			a_group_that_finds_the_disk_full_is_undone_whole_and_not_tried_again),
		cmocka_unit_test(without_a_database_everybody_hears_why),
		cmocka_unit_test(who_stands_alone_is_stored_or_undone_alone),
		cmocka_unit_test(many_threads_are_told_of_exactly_what_is_stored),
		cmocka_unit_test(threads_that_wait_are_stored_together_and_told_each_for_itself),
		cmocka_unit_test(what_is_added_while_the_database_is_held_is_stored_in_one_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
