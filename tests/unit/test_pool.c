#include "base/clock.h"
#include "store/db_gate.h"
#include "store/periodic_job.h"
#include "support/must.h"
#include "support/test_database.h"
#include "worker/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

enum { PIECES = 12, AT_ONCE_MS = 900 };

/* What the jobs of the tests find behind their context's process. */
struct world {
	struct process process;
	struct test_database database;
	atomic_int due, begun, done;
	atomic_bool may_finish, is_look_held;
};

static struct world *world_of(const struct context *context)
{
	return (struct world *)(uintptr_t)context->process;
}

static void wait_for(const atomic_int *count, int least)
{
	while (*count < least)
		clock_pause_ms(1);
}

static void open_world(struct world *world)
{
	*world = (struct world){.database = test_database_open()};
	snprintf(world->process.config.database, sizeof(world->process.config.database), "%s",
		 world->database.path);
	world->process.log = (struct log){LOG_ERROR, LOG_JSON, "test", &world->process.clock};
	world->process.gate = db_gate_open();
	world->process.circuits = circuits_open();
	world->process.tallies = tallies_open(world->database.path);
}

static void release_world(struct world *world)
{
	process_close(&world->process);
	test_database_release(&world->database);
}

static bool reading_is_due(struct context *context, instant *at, struct error *err)
{
	(void)err;
	*at = world_of(context)->due > 0;
	return true;
}

/* Like a call of Zoom's between two looks into the database. */
static bool read_something(struct context *context, bool *did, const char **subject,
			   struct error *err)
{
	struct world *world = world_of(context);
	instant at;

	world->due--;
	*did = true;
	*subject = "";
	job_claimed(context);
	job_rest(context);
	world->begun++;
	while (!world->may_finish)
		clock_pause_ms(1);
	must(periodic_job_next(context->db, "clean_up", &at, err), err);
	world->done++;
	return true;
}

static const struct job reading_job = {"reading", reading_is_due, read_something, PIECES};

/* Keeps the watch busy for as long as the test wants it. */
static bool nothing_is_due(struct context *context, instant *at, struct error *err)
{
	(void)err;
	while (world_of(context)->is_look_held)
		clock_pause_ms(1);
	*at = 0;
	return true;
}

static const struct job idle_job = {"idle", nothing_is_due, NULL, 1};

static void as_many_pieces_are_under_way_as_the_job_may_have(void **state)
{
	static const struct job *const jobs[] = {&reading_job};
	struct error err = {0};
	struct world world;
	struct pool *pool;

	(void)state;
	open_world(&world);
	world.due = 2 * PIECES;
	pool = pool_open(&world.process, jobs, COUNT_OF(jobs), true);
	must(pool_start(pool, &err), &err);
	wait_for(&world.begun, PIECES);
	assert_int_equal(world.due, PIECES);
	world.may_finish = true;
	assert_true(pool_close(&pool)); /* by itself, for there is no more to do */
	assert_int_equal(world.done, 2 * PIECES);
	release_world(&world);
}

static void who_is_back_from_a_piece_keeps_no_connection_from_others(void **state)
{
	static const struct job *const jobs[] = {&idle_job, &reading_job};
	struct error err = {0};
	struct world world;
	struct pool *pool;
	int64_t began_ms;

	(void)state;
	open_world(&world);
	world.due = PIECES;
	pool = pool_open(&world.process, jobs, COUNT_OF(jobs), false);
	must(pool_start(pool, &err), &err);
	wait_for(&world.begun, PIECES);
	world.is_look_held = true;
	world.may_finish = true;
	wait_for(&world.done, PIECES);
	began_ms = clock_monotonic_ms();
	{
		SCOPED(db_close)
		struct db *db = test_database_connect(&world.database, world.process.gate);

		assert_non_null(db);
	}
	assert_in_range(clock_monotonic_ms() - began_ms, 0, AT_ONCE_MS);
	world.is_look_held = false;
	pool_end(pool);
	assert_true(pool_close(&pool));
	release_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_pieces_are_under_way_as_the_job_may_have),
		cmocka_unit_test(who_is_back_from_a_piece_keeps_no_connection_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
