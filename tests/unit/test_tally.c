/* Counts that several processes share lose nothing, whichever way a process ends. */
#include "base/tally.h"

#include <fcntl.h>
#include <malloc.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/hallpass-tally-XXXXXX";
static char database[sizeof(folder) + 16], file[sizeof(database) + 16];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/hallpass-tally-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(database, sizeof(database), "%s/hallpass.db", folder);
	snprintf(file, sizeof(file), "%s-metrics", database);
	return close(open(database, O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	unlink(database);
	return rmdir(folder); /* no draft was left in it */
}

/* What there is of a series; all zero where there is none. */
static struct tally read_one(const struct tallies *tallies, struct arena *arena, const char *family,
			     const char *labels)
{
	struct tally *list;
	const size_t count = tallies_read(tallies, arena, &list);

	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].family, family) == 0 && strcmp(list[i].labels, labels) == 0)
			return list[i];
	return (struct tally){0};
}

static uint64_t count_of(const struct tallies *tallies, const char *family, const char *labels)
{
	SCOPED(arena_release) struct arena arena = {0};

	return read_one(tallies, &arena, family, labels).count;
}

static void what_one_process_counts_another_reads(void **state)
{
	SCOPED(tallies_close) struct tallies *one = tallies_open(database);
	SCOPED(tallies_close) struct tallies *other = tallies_open(database);

	(void)state;
	tally_add(one, "x_total", "a=\"1\"");
	tally_add(other, "x_total", "a=\"1\"");
	tally_add(other, "x_total", "a=\"2\"");
	tally_add(other, "x", "");
	assert_true(tallies_are_shared(one));
	assert_int_equal(count_of(one, "x_total", "a=\"1\""), 2);
	assert_int_equal(count_of(one, "x_total", "a=\"2\""), 1);
	assert_int_equal(count_of(one, "x", ""), 1);
	assert_int_equal(count_of(one, "y_total", ""), 0);
}

static void counts_outlive_their_process(void **state)
{
	struct tallies *first = tallies_open(database);
	struct stat status;

	(void)state;
	tally_add(first, "x_total", "");
	tallies_close(&first);
	assert_null(first);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	SCOPED(tallies_close) struct tallies *second = tallies_open(database);
	assert_int_equal(count_of(second, "x_total", ""), 1);
}

/* Each takes up the same series, some of them at the same time, and counts. */
static void count_in_child(int number)
{
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);
	char labels[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(labels, sizeof(labels), "i=\"%d\"", i % 50);
		tally_add(tallies, "x_total", labels);
	}
	tally_time(tallies, "x_seconds", "", 1000 * number);
}

static void none_is_lost_when_processes_begin_and_count_at_once(void **state)
{
	enum { CHILDREN = 8 };
	SCOPED(arena_release) struct arena arena = {0};
	struct tally *list;
	uint64_t sum = 0;
	int status;

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		if (fork() == 0) {
			count_in_child(i);
			_exit(0);
		}
	for (int i = 0; i < CHILDREN; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);
	assert_int_equal(tallies_read(tallies, &arena, &list), 51);
	for (size_t i = 0; i < 51; i++)
		sum += list[i].count;
	assert_int_equal(sum, CHILDREN * 2000 + CHILDREN);
}

static void a_process_that_is_killed_takes_no_count_with_it(void **state)
{
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);
	const pid_t child = fork();
	uint64_t before;

	(void)state;
	if (child == 0) {
		SCOPED(tallies_close) struct tallies *own = tallies_open(database);

		for (;;)
			tally_add(own, "x_total", "");
	}
	while (count_of(tallies, "x_total", "") < 1000)
		usleep(1000);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	before = count_of(tallies, "x_total", "");
	tally_add(tallies, "x_total", "");
	assert_int_equal(count_of(tallies, "x_total", ""), before + 1);
}

static void a_duration_falls_into_the_first_bucket_that_it_does_not_exceed(void **state)
{
	static const struct {
		int64_t duration_us;
		size_t bucket;
	} cases[] = {{-1, 0}, {0, 0}, {1000, 0}, {1001, 1}, {10000000, 12}, {10000001, 13}};
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		SCOPED(arena_release) struct arena arena = {0};
		char labels[16];
		struct tally read;

		snprintf(labels, sizeof(labels), "i=\"%zu\"", i);
		tally_time(tallies, "x_seconds", labels, cases[i].duration_us);
		read = read_one(tallies, &arena, "x_seconds", labels);
		assert_int_equal(read.count, 1);
		assert_int_equal(read.buckets[cases[i].bucket], 1);
		assert_int_equal(read.sum_us,
				 cases[i].duration_us > 0 ? (uint64_t)cases[i].duration_us : 0);
	}
}

static void labels_without_end_leave_room_for_the_others(void **state)
{
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);
	uint64_t others;
	char labels[32];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(labels, sizeof(labels), "app=\"%d\"", i);
		tally_add_one_of_many(tallies, "events_total", labels, "app=\"other\"");
	}
	others = count_of(tallies, "events_total", "app=\"other\"");
	assert_true(others > 5000 && others < 10000);
	/* Those that were there before are counted as ever, and what is new and bounded finds room. */
	tally_add_one_of_many(tallies, "events_total", "app=\"0\"", "app=\"other\"");
	assert_int_equal(count_of(tallies, "events_total", "app=\"0\""), 2);
	tally_add(tallies, "x_total", "");
	assert_int_equal(count_of(tallies, "x_total", ""), 1);
}

static void a_name_that_is_too_long_is_not_counted(void **state)
{
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);
	SCOPED(arena_release) struct arena arena = {0};
	char labels[TALLY_NAME_BYTES + 1];
	struct tally *list;

	(void)state;
	memset(labels, 'x', sizeof(labels));
	labels[sizeof(labels) - 1] = '\0';
	tally_add(tallies, "x_total", labels);
	assert_int_equal(tallies_read(tallies, &arena, &list), 0);
	labels[TALLY_NAME_BYTES - sizeof("x_total{")] = '\0';
	tally_add(tallies, "x_total", labels);
	assert_int_equal(tallies_read(tallies, &arena, &list), 1);
	assert_string_equal(list[0].labels, labels);
}

static void a_file_of_another_layout_is_replaced(void **state)
{
	FILE *other = fopen(file, "w");

	(void)state;
	assert_non_null(other);
	fputs("something else", other);
	fclose(other);
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);
	assert_true(tallies_are_shared(tallies));
	tally_add(tallies, "x_total", "");
	assert_int_equal(count_of(tallies, "x_total", ""), 1);
}

/* It is done for each request and each call to Zoom. */
static void counting_allocates_nothing(void **state)
{
	SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);
	const size_t before = mallinfo2().uordblks;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		tally_add(tallies, "x_total", "a=\"1\"");
		tally_time(tallies, "x_seconds", "a=\"1\"", i);
		tally_add_one_of_many(tallies, "x_total", "a=\"2\"", "a=\"other\"");
	}
	assert_int_equal(mallinfo2().uordblks, before);
}

static void where_no_file_can_be_made_a_process_counts_for_itself(void **state)
{
	SCOPED(tallies_close) struct tallies *tallies = tallies_open("/nowhere/hallpass.db");

	(void)state;
	assert_false(tallies_are_shared(tallies));
	tally_add(tallies, "x_total", "");
	assert_int_equal(count_of(tallies, "x_total", ""), 1);
	tally_add(NULL, "x_total", "");
	tally_time(NULL, "x_seconds", "", 1);
	tally_add_one_of_many(NULL, "x_total", "", "");
}

static void what_root_makes_is_the_databases_owners(void **state)
{
	const struct passwd *nobody = getpwnam("nobody");
	struct stat status;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(nobody);
	assert_int_equal(chown(database, nobody->pw_uid, nobody->pw_gid), 0);
	{
		SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);

		assert_true(tallies_are_shared(tallies));
	}
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_uid, nobody->pw_uid);
	assert_int_equal(status.st_gid, nobody->pw_gid);
	assert_int_equal(status.st_mode & 07777, 0660);
}

static void where_there_is_no_database_no_file_is_made(void **state)
{
	(void)state;
	assert_int_equal(unlink(database), 0);
	{
		SCOPED(tallies_close) struct tallies *tallies = tallies_open(database);

		assert_false(tallies_are_shared(tallies));
	}
	assert_int_equal(access(file, F_OK), -1);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(what_one_process_counts_another_reads),
		WITH_FOLDER(counts_outlive_their_process),
		WITH_FOLDER(none_is_lost_when_processes_begin_and_count_at_once),
		WITH_FOLDER(a_process_that_is_killed_takes_no_count_with_it),
		WITH_FOLDER(a_duration_falls_into_the_first_bucket_that_it_does_not_exceed),
		WITH_FOLDER(labels_without_end_leave_room_for_the_others),
		WITH_FOLDER(a_name_that_is_too_long_is_not_counted),
		WITH_FOLDER(a_file_of_another_layout_is_replaced),
		WITH_FOLDER(counting_allocates_nothing),
		WITH_FOLDER(what_root_makes_is_the_databases_owners),
		WITH_FOLDER(where_there_is_no_database_no_file_is_made),
		cmocka_unit_test(where_no_file_can_be_made_a_process_counts_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
