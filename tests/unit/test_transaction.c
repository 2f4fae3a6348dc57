#include "base/clock.h"
#include "store/db_gate.h"
#include "store/db_line.h"
#include "store/transaction.h"
#include "support/must.h"
#include "support/test_notes.h"
#include "support/test_thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void what_was_committed_is_there_for_another_process(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, gate);
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	must(test_notes_add(database.db, "kept", &err), &err);
	assert_int_equal(test_notes_count(other), 0);
	must(transaction_commit(&transaction, &err), &err);
	assert_int_equal(test_notes_count(other), 1);
}

static bool add_and_leave(struct db *db, bool commits, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin(&transaction, db, err) || !test_notes_add(db, "here?", err))
		return false;
	return !commits || transaction_commit(&transaction, err);
}

static void a_transaction_rolls_back_at_the_end_of_its_scope(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct error err = {0};

	(void)state;
	must(add_and_leave(database.db, false, &err), &err);
	assert_int_equal(test_notes_count(database.db), 0);
	must(add_and_leave(database.db, true, &err), &err);
	assert_int_equal(test_notes_count(database.db), 1);
	assert_false(add_and_leave(database.db, true, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	/* Neither way out keeps the gate. */
	must(test_notes_add(database.db, "and on it goes", &err), &err);
	assert_false(add_and_leave(database.db, true, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
}

static void a_part_of_a_transaction_is_undone_by_itself(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	for (int is_kept = 0; is_kept <= 1; is_kept++) {
		must(transaction_mark(&transaction, &err), &err);
		must(test_notes_add(database.db, "undone, and then kept", &err), &err);
		must(is_kept ? transaction_keep(&transaction, &err)
			     : transaction_undo(&transaction, &err),
		     &err);
		assert_int_equal(test_notes_count(database.db), is_kept);
	}
	must(transaction_mark(&transaction, &err), &err);
	assert_false(test_notes_add(database.db, "undone, and then kept", &err));
	must(transaction_undo(&transaction, &err), &err);
	must(transaction_commit(&transaction, &err), &err);
	assert_int_equal(test_notes_count(database.db), 1);
}

static void a_snapshot_does_not_see_what_is_committed_after_it_began(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, database.gate);
	struct transaction snapshot = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin_read(&snapshot, other, &err), &err);
	assert_int_equal(test_notes_count(other), 0);
	must(add_and_leave(database.db, true, &err), &err);
	assert_int_equal(test_notes_count(other), 0);
	transaction_end(&snapshot);
	assert_int_equal(test_notes_count(other), 1);
}

static int64_t begin_refused_after_ms(struct db *db)
{
	const int64_t started_ms = clock_monotonic_ms();
	struct transaction transaction = {0};
	struct error err = {0};

	assert_false(transaction_begin(&transaction, db, &err));
	assert_null(transaction.db);
	assert_int_equal(err.kind, ERROR_BUSY);
	assert_true(error_is_passing(&err));
	return clock_monotonic_ms() - started_ms;
}

enum { HEAD_START_MS = 500, ROOM_MS = 1200 /* less than who waits behind another waits longer */ };

static void assert_waited(int64_t waited_ms)
{
	assert_in_range(waited_ms, DB_BUSY_TIMEOUT_MS - 300, DB_BUSY_TIMEOUT_MS + ROOM_MS);
}

static void a_second_writer_is_busy_after_its_time_and_can_write_afterwards(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *process = test_database_connect(&database, gate);
	SCOPED(db_close) struct db *thread = test_database_connect(&database, database.gate);
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	assert_waited(begin_refused_after_ms(process));
	assert_waited(begin_refused_after_ms(thread));
	assert_int_equal(test_notes_count(process), 0);
	transaction_end(&transaction);
	must(add_and_leave(process, true, &err), &err);
}

static void assert_refused_at_deadline(struct db *db)
{
	const int64_t deadline_ms = clock_monotonic_ms() + 100;
	struct transaction transaction = {0};
	struct error err = {0};

	assert_false(transaction_begin_first_until(&transaction, db, deadline_ms, &err));
	assert_int_equal(err.kind, ERROR_BUSY);
	assert_in_range(clock_monotonic_ms() - deadline_ms, 0, DB_BUSY_TIMEOUT_MS / 2);
}

static void who_has_less_time_gives_up_sooner_and_no_other_waits_longer(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *process = test_database_connect(&database, gate);
	SCOPED(db_close) struct db *thread = test_database_connect(&database, database.gate);
	struct transaction held = {0}, transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&held, database.db, &err), &err);
	assert_refused_at_deadline(process);
	assert_refused_at_deadline(thread);
	assert_waited(begin_refused_after_ms(process));
	transaction_end(&held);
	must(transaction_begin_first_until(&transaction, process, 0, &err), &err);
	must(test_notes_add(process, "there is nobody to wait for", &err) &&
		     transaction_commit(&transaction, &err),
	     &err);
}

struct held_gate {
	struct test_database *database;
	pthread_barrier_t held;
};

/* Takes the gate, and is kept waiting by another process meanwhile. */
static void *wait_behind_the_other_process(void *argument)
{
	struct held_gate *held = argument;
	SCOPED(db_close)
	struct db *db = test_database_connect(held->database, held->database->gate);
	struct transaction transaction = {0};
	struct error err = {0};
	bool began;

	pthread_barrier_wait(&held->held);
	began = transaction_begin(&transaction, db, &err);
	transaction_end(&transaction);
	return began ? "began" : NULL;
}

static void waiting_for_threads_and_for_processes_together_takes_no_longer(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other_process = test_database_connect(&database, gate);
	struct held_gate held = {.database = &database};
	struct transaction transaction = {0};
	struct error err = {0};
	pthread_t thread;
	void *result;

	(void)state;
	pthread_barrier_init(&held.held, NULL, 2);
	must(transaction_begin(&transaction, other_process, &err), &err);
	assert_int_equal(pthread_create(&thread, NULL, wait_behind_the_other_process, &held), 0);
	pthread_barrier_wait(&held.held);
	usleep(HEAD_START_MS * 1000);
	assert_waited(begin_refused_after_ms(database.db));
	pthread_join(thread, &result);
	assert_null(result);
	pthread_barrier_destroy(&held.held);
	transaction_end(&transaction);
}

/* Longer than the others. */
static void *wait_patiently(void *argument)
{
	struct held_gate *held = argument;
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *db = test_database_connect(held->database, gate);
	struct transaction transaction = {0};
	struct error err = {0};
	bool began;

	db_set_patience(db, 3 * DB_BUSY_TIMEOUT_MS);
	pthread_barrier_wait(&held->held);
	began = transaction_begin(&transaction, db, &err);
	transaction_end(&transaction);
	return began ? "began" : NULL;
}

static void whoever_is_patient_gets_a_turn_that_comes_after_the_time_of_others(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other_process = test_database_connect(&database, gate);
	struct held_gate held = {.database = &database};
	struct transaction transaction = {0};
	struct error err = {0};
	pthread_t thread;
	void *result;

	(void)state;
	pthread_barrier_init(&held.held, NULL, 2);
	must(transaction_begin(&transaction, database.db, &err), &err);
	assert_int_equal(pthread_create(&thread, NULL, wait_patiently, &held), 0);
	pthread_barrier_wait(&held.held);
	assert_waited(begin_refused_after_ms(other_process));
	transaction_end(&transaction);
	pthread_join(thread, &result);
	assert_non_null(result);
	pthread_barrier_destroy(&held.held);
}

enum { WRITERS = 8, NOTES_EACH = 25 };

struct writer {
	const struct test_database *database;
	int number;
};

static void *write_notes(void *argument)
{
	const struct writer *writer = argument;
	SCOPED(db_close)
	struct db *db = test_database_connect(writer->database, writer->database->gate);
	struct error err = {0};
	char text[32];

	for (int i = 0; i < NOTES_EACH; i++) {
		SCOPED(transaction_end) struct transaction transaction = {0};

		snprintf(text, sizeof(text), "%d/%d", writer->number, i);
		if (!transaction_begin(&transaction, db, &err) || !test_notes_add(db, text, &err) ||
		    !transaction_commit(&transaction, &err))
			return "failed";
	}
	return NULL;
}

/* On two files SQLite itself would keep nobody waiting. */
static void the_gate_is_held_by_one_writer_of_the_process_at_a_time(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_close) struct db *elsewhere = NULL;
	struct transaction transaction = {0};
	char path[TEST_PATH_BYTES];
	struct error err = {0};

	(void)state;
	test_database_path(&database, "elsewhere.db", path);
	must(db_create(&elsewhere, path, database.gate, &err), &err);
	must(transaction_begin(&transaction, database.db, &err), &err);
	assert_waited(begin_refused_after_ms(elsewhere));
	transaction_end(&transaction);
	must(transaction_begin(&transaction, elsewhere, &err), &err);
	transaction_end(&transaction);
}

static void the_gate_lets_many_threads_write_one_after_the_other(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	void *result;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){&database, i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_notes, &writers[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
	assert_int_equal(test_notes_count(database.db), WRITERS * NOTES_EACH);
}

struct line {
	const struct test_database *database;
	atomic_int next_place;
};

struct place {
	struct line *line;
	bool goes_first;
	int number;    /* in which they wrote */
	atomic_int id; /* of the thread, to the kernel; 0 until it is at the gate */
};

static void *stand_in_line(void *argument)
{
	struct place *place = argument;
	const struct test_database *database = place->line->database;
	SCOPED(db_close) struct db *db = test_database_connect(database, database->gate);
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error err = {0};

	atomic_store(&place->id, gettid());
	if (place->goes_first ? transaction_begin_first(&transaction, db, &err)
			      : transaction_begin(&transaction, db, &err))
		place->number = ++place->line->next_place;
	return NULL;
}

static void who_goes_first_passes_the_line_at_the_gate(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct line line = {.database = &database};
	struct place places[4] = {{.line = &line},
				  {.line = &line},
				  {.line = &line},
				  {.line = &line, .goes_first = true}};
	struct transaction transaction = {0};
	pthread_t threads[COUNT_OF(places)];
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	for (size_t i = 0; i < COUNT_OF(places); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, stand_in_line, &places[i]), 0);
	for (size_t i = 0; i < COUNT_OF(places); i++)
		test_thread_await_sleep(&places[i].id);
	transaction_end(&transaction);
	for (size_t i = 0; i < COUNT_OF(places); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(places[3].number, 1);
	assert_int_equal(line.next_place, COUNT_OF(places));
}

struct crowd {
	const struct test_database *database;
	atomic_bool is_over;
};

enum { WAIT_MS_MAX = DB_BUSY_TIMEOUT_MS * 3 / 4 };

/* With another that does so there is always one who waits to go first. */
static void *go_first_without_pause(void *argument)
{
	struct crowd *crowd = argument;
	SCOPED(db_close)
	struct db *db = test_database_connect(crowd->database, crowd->database->gate);
	struct error err = {0};

	while (!crowd->is_over) {
		SCOPED(transaction_end) struct transaction transaction = {0};

		must(transaction_begin_first(&transaction, db, &err), &err);
		clock_pause_ms(5);
	}
	return NULL;
}

static void where_there_is_no_end_of_those_who_go_first_each_other_comes_to_its_turn(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct crowd crowd = {.database = &database};
	pthread_t threads[3];
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, go_first_without_pause, &crowd),
				 0);
	clock_pause_ms(50);
	for (int i = 0; i < 3; i++) {
		SCOPED(transaction_end) struct transaction transaction = {0};
		const int64_t started_ms = clock_monotonic_ms();

		must(transaction_begin(&transaction, database.db, &err), &err);
		assert_in_range(clock_monotonic_ms() - started_ms, 0, WAIT_MS_MAX);
	}
	crowd.is_over = true;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
}

enum {
	HELD_MS = 235,
	SOON_MS = 50
}; /* SQLite's own looks would come 228 ms and 328 ms after the first */

struct writing_process {
	struct transaction transaction;
	int64_t ended_ms;
};

static void *end_after_a_while(void *argument)
{
	struct writing_process *process = argument;

	clock_pause_ms(HELD_MS);
	process->ended_ms = clock_monotonic_ms();
	transaction_end(&process->transaction);
	return NULL;
}

static int64_t waited_beyond_the_end_ms(struct db *db, struct db *other)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct writing_process process = {0};
	struct error err = {0};
	int64_t began_ms;
	pthread_t thread;

	must(transaction_begin(&process.transaction, other, &err), &err);
	assert_int_equal(pthread_create(&thread, NULL, end_after_a_while, &process), 0);
	must(transaction_begin_first(&transaction, db, &err), &err);
	began_ms = clock_monotonic_ms();
	pthread_join(thread, NULL);
	return began_ms - process.ended_ms;
}

/* The best of some, for the machine may be busy. */
static void a_writer_begins_soon_after_another_process_is_done(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, gate);
	int64_t best_ms = INT64_MAX;

	(void)state;
	for (int tries = 0; tries < 12 && best_ms > SOON_MS; tries++) {
		const int64_t waited_ms = waited_beyond_the_end_ms(database.db, other);

		best_ms = waited_ms < best_ms ? waited_ms : best_ms;
	}
	assert_in_range(best_ms, 0, SOON_MS);
}

enum { HOLD_MS = 20, GREEDY = 3, WAITERS = 3, TURNS = 4 };

struct greedy_process {
	const struct test_database *database;
	atomic_int begun; /* of its transactions */
	atomic_bool is_over;
};

/* Each of its transactions begins as soon as the one before has ended, long before anybody looks again. */
static void *write_without_pause(void *argument)
{
	struct greedy_process *greedy = argument;
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *db = test_database_connect(greedy->database, gate);
	struct error err = {0};

	while (!greedy->is_over) {
		SCOPED(transaction_end) struct transaction transaction = {0};

		must(transaction_begin_first(&transaction, db, &err), &err);
		greedy->begun++;
		clock_pause_ms(HOLD_MS);
	}
	return NULL;
}

static void *take_turns(void *argument)
{
	const struct greedy_process *greedy = argument;
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *db = test_database_connect(greedy->database, gate);
	struct error err = {0};
	int64_t longest_ms = 0;

	for (int i = 0; i < TURNS; i++) {
		SCOPED(transaction_end) struct transaction transaction = {0};
		const int64_t started_ms = clock_monotonic_ms();
		int64_t waited_ms;

		must(transaction_begin(&transaction, db, &err), &err);
		waited_ms = clock_monotonic_ms() - started_ms;
		longest_ms = waited_ms > longest_ms ? waited_ms : longest_ms;
	}
	return (void *)(intptr_t)longest_ms;
}

/* Of several there is always one in line who goes first. */
static void beside_processes_that_commit_without_pause_each_comes_to_its_turn(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct greedy_process greedy = {.database = &database};
	pthread_t greedy_threads[GREEDY], threads[WAITERS];
	void *longest_ms;

	(void)state;
	for (int i = 0; i < GREEDY; i++)
		assert_int_equal(pthread_create(&greedy_threads[i], NULL, write_without_pause,
						&greedy),
				 0);
	for (int i = 0; i < WAITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &greedy), 0);
	for (int i = 0; i < WAITERS; i++) {
		pthread_join(threads[i], &longest_ms);
		assert_in_range((intptr_t)longest_ms, 0, WAIT_MS_MAX);
	}
	greedy.is_over = true;
	for (int i = 0; i < GREEDY; i++)
		pthread_join(greedy_threads[i], NULL);
}

/* How many of the other's transactions begin from now until the own one. */
static int passed_by(struct greedy_process *greedy, struct db *db)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const int begun = greedy->begun;
	struct error err = {0};

	must(transaction_begin_first(&transaction, db, &err), &err);
	return greedy->begun - begun;
}

/* One may be about to begin as the line is formed. */
static void who_goes_first_has_the_next_turn_beside_a_process_that_commits_without_pause(
	void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct greedy_process greedy = {.database = &database};
	pthread_t thread;
	int passed = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_without_pause, &greedy), 0);
	for (int turn = 0; turn < 2 * TURNS; turn++) {
		const int begun = greedy.begun;

		while (greedy.begun == begun)
			clock_pause_ms(1);
		passed += passed_by(&greedy, database.db);
	}
	greedy.is_over = true;
	pthread_join(thread, NULL);
	assert_in_range(passed, 0, 2 * TURNS);
}

static bool stands_before(const struct test_database *database, int64_t place)
{
	struct db_line line = {.file = -1};
	const bool has_before = db_line_has_before(&line, database->path, place);

	db_line_close(&line);
	return has_before;
}

static bool somebody_stands_in_line(const struct test_database *database)
{
	return stands_before(database, INT64_MAX);
}

static void write_once(const struct test_database *database)
{
	struct db_gate *gate = db_gate_open();
	struct db *db = test_database_connect(database, gate);
	struct transaction transaction = {0};
	struct error err = {0};

	_exit(!transaction_begin(&transaction, db, &err));
}

static void until_somebody_stands_in_line(const struct test_database *database)
{
	for (int ms = 0; ms < DB_BUSY_TIMEOUT_MS && !somebody_stands_in_line(database); ms++)
		clock_pause_ms(1);
	assert_true(somebody_stands_in_line(database));
}

struct other_process {
	const struct test_database *database;
	struct db_gate *gate;
	bool goes_first;
	atomic_int id; /* as of struct place */
};

static void *begin_once(void *argument)
{
	struct other_process *process = argument;
	SCOPED(db_close) struct db *db = test_database_connect(process->database, process->gate);
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error err = {0};

	atomic_store(&process->id, gettid());
	must(process->goes_first ? transaction_begin_first(&transaction, db, &err)
				 : transaction_begin(&transaction, db, &err),
	     &err);
	return NULL;
}

/* Of another process that waits while this one writes: whether its place is … */
struct stay {
	bool is_by_gate; /* later than it was through its gate */
	bool is_by_now;  /* before it was seen to stand there */
	bool is_soon;    /* up to 20 ms after it came */
};

/* A writer of its own keeps it at the gate for so long. */
static struct stay stay_in_line(const struct test_database *database, bool goes_first,
				int64_t at_gate_ms)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	struct other_process process = {.database = database,
					.gate = gate,
					.goes_first = goes_first};
	const int64_t came_us = clock_monotonic_us();
	int64_t left_gate_us;
	struct error err = {0};
	struct stay stay;
	pthread_t thread;

	must(transaction_begin(&transaction, database->db, &err), &err);
	assert_true(db_gate_enter(gate, true, clock_monotonic_ms()));
	assert_int_equal(pthread_create(&thread, NULL, begin_once, &process), 0);
	test_thread_await_sleep(&process.id);
	clock_pause_ms(at_gate_ms);
	left_gate_us = clock_monotonic_us();
	db_gate_leave(gate);
	until_somebody_stands_in_line(database);
	stay.is_by_gate = !stands_before(database, left_gate_us);
	stay.is_by_now = stands_before(database, clock_monotonic_us() + 1);
	stay.is_soon = stands_before(database, came_us + 20 * MILLISECOND);
	transaction_end(&transaction);
	pthread_join(thread, NULL);
	return stay;
}

static void who_goes_first_passes_the_others_in_the_line_of_the_processes_for_a_while(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct stay stay;

	(void)state;
	stay = stay_in_line(&database, true, 0);
	assert_true(stay.is_by_gate && stay.is_by_now);
	stay = stay_in_line(&database, false, 0);
	assert_true(stay.is_by_gate && !stay.is_soon);
}

static void who_has_waited_at_the_gate_passes_nobody_in_the_line_of_the_processes(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct stay stay;

	(void)state;
	stay = stay_in_line(&database, true, 60);
	assert_true(stay.is_by_gate && stay.is_by_now);
	stay = stay_in_line(&database, false, 60);
	assert_true(stay.is_by_gate);
}

static void who_is_killed_while_he_stands_in_line_keeps_nobody_waiting(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct transaction transaction = {0};
	struct error err = {0};
	int status;
	pid_t child;

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		write_once(&database);
	until_somebody_stands_in_line(&database);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_false(somebody_stands_in_line(&database));
	transaction_end(&transaction);
	must(transaction_begin(&transaction, database.db, &err), &err);
	transaction_end(&transaction);
}

static int64_t begun_after_ms(struct db *db)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const int64_t started_ms = clock_monotonic_ms();
	struct error err = {0};

	must(transaction_begin(&transaction, db, &err), &err);
	return clock_monotonic_ms() - started_ms;
}

static void who_has_the_lower_place_stands_before_the_others(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct db_line early = {.file = -1}, late = {.file = -1};

	(void)state;
	assert_false(db_line_has_before(&early, database.path, 20));
	db_line_stand(&late, database.path, 30);
	db_line_stand(&early, database.path, 20);
	assert_int_equal(late.place, 30);
	assert_int_equal(early.place, 20);
	assert_true(db_line_has_before(&late, database.path, 30));
	assert_false(db_line_has_before(&early, database.path, 20));
	assert_true(db_line_has_before(&early, database.path, 31));
	/* One has a place until one leaves it, and another's is none. */
	db_line_stand(&late, database.path, 10);
	assert_int_equal(late.place, 30);
	db_line_leave(&late);
	db_line_stand(&late, database.path, 20);
	assert_int_equal(late.place, 0);
	db_line_leave(&early);
	assert_false(db_line_has_before(&late, database.path, INT64_MAX));
	db_line_close(&early);
	db_line_close(&late);
}

static void who_stands_first_is_let_pass_and_leaves_the_place_as_he_begins(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct db_line line = {.file = -1};
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	db_line_stand(&line, database.path, 1);
	assert_true(somebody_stands_in_line(&database));
	/* Nobody writes, and yet one has to wait. But not for long, for who stands there may be stopped. */
	assert_in_range(begun_after_ms(database.db), 200, 1000);
	/* Nor again, until the place was seen to be free. */
	assert_in_range(begun_after_ms(database.db), 0, 200);
	assert_in_range(begun_after_ms(database.db), 0, 200);
	db_line_leave(&line);
	assert_in_range(begun_after_ms(database.db), 0, 200);
	db_line_stand(&line, database.path, 1);
	assert_in_range(begun_after_ms(database.db), 200, 1000);
	db_line_leave(&line);
	must(transaction_begin(&transaction, database.db, &err), &err);
	assert_false(somebody_stands_in_line(&database));
	transaction_end(&transaction);
	db_line_close(&line);
}

/* In a process of its own, which is killed between the write and its commit, or after it. */
static void write_and_be_killed(const struct test_database *database, bool commits)
{
	struct db_gate *gate = db_gate_open();
	struct db *db = test_database_connect(database, gate);
	struct transaction transaction = {0};
	struct error err = {0};

	if (transaction_begin(&transaction, db, &err) &&
	    test_notes_add(db, commits ? "committed" : "not committed", &err) &&
	    (!commits || transaction_commit(&transaction, &err)))
		kill(getpid(), SIGKILL);
	_exit(1);
}

static void a_killed_process_loses_what_it_had_not_committed_and_nothing_else(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct error err = {0};
	int status;

	(void)state;
	for (int commits = 0; commits <= 1; commits++) {
		const pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			write_and_be_killed(&database, commits);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(test_notes_count(database.db), commits);
	}
	must(test_notes_add(database.db, "not held by the dead", &err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_committed_is_there_for_another_process),
		cmocka_unit_test(a_transaction_rolls_back_at_the_end_of_its_scope),
		cmocka_unit_test(a_part_of_a_transaction_is_undone_by_itself),
		cmocka_unit_test(a_snapshot_does_not_see_what_is_committed_after_it_began),
		cmocka_unit_test(a_second_writer_is_busy_after_its_time_and_can_write_afterwards),
		cmocka_unit_test(who_has_less_time_gives_up_sooner_and_no_other_waits_longer),
		cmocka_unit_test(waiting_for_threads_and_for_processes_together_takes_no_longer),
		cmocka_unit_test(
			whoever_is_patient_gets_a_turn_that_comes_after_the_time_of_others),
		cmocka_unit_test(the_gate_is_held_by_one_writer_of_the_process_at_a_time),
		cmocka_unit_test(the_gate_lets_many_threads_write_one_after_the_other),
		cmocka_unit_test(who_goes_first_passes_the_line_at_the_gate),
		cmocka_unit_test(
			where_there_is_no_end_of_those_who_go_first_each_other_comes_to_its_turn),
		cmocka_unit_test(a_writer_begins_soon_after_another_process_is_done),
		cmocka_unit_test(beside_processes_that_commit_without_pause_each_comes_to_its_turn),
		cmocka_unit_test(
			who_goes_first_has_the_next_turn_beside_a_process_that_commits_without_pause),
		cmocka_unit_test(
			who_goes_first_passes_the_others_in_the_line_of_the_processes_for_a_while),
		cmocka_unit_test(
			who_has_waited_at_the_gate_passes_nobody_in_the_line_of_the_processes),
		cmocka_unit_test(who_is_killed_while_he_stands_in_line_keeps_nobody_waiting),
		cmocka_unit_test(who_has_the_lower_place_stands_before_the_others),
		cmocka_unit_test(who_stands_first_is_let_pass_and_leaves_the_place_as_he_begins),
		cmocka_unit_test(a_killed_process_loses_what_it_had_not_committed_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
