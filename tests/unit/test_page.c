#include "base/attr.h"
#include "store/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROWS_MAX = 12 };

struct row {
	int64_t id;
	char rest[3]; /* so that a row is no power of two long */
};

struct listed {
	struct row rows[ROWS_MAX];
	int count;
	bool has_newer, has_older;
};

/* As a store does it: rows 1 … newest_id, without those of the bit set `gone`. */
static struct listed list(struct page page, int newest_id, unsigned gone)
{
	struct listed listed = {0};
	const int limit = page_row_limit(&page);

	for (int i = 0; i < newest_id && listed.count < limit; i++) {
		const int64_t id = page.after_id != 0 ? i + 1 : newest_id - i;

		if ((gone >> id & 1) != 0 || (page.after_id != 0 && id <= page.after_id) ||
		    (page.after_id == 0 && page.before_id != 0 && id >= page.before_id))
			continue;
		listed.rows[listed.count++] = (struct row){id, "ab"};
	}
	listed.count = page_arrange(&page, listed.rows, listed.count, sizeof(listed.rows[0]),
				    &listed.has_newer, &listed.has_older);
	return listed;
}

/* ids: newest first, ended by 0. */
static void assert_listed(struct listed listed, const int64_t *ids, bool has_newer, bool has_older)
{
	int count = 0;

	for (; ids[count] != 0; count++) {
		assert_true(count < listed.count);
		assert_int_equal(listed.rows[count].id, ids[count]);
		assert_string_equal(listed.rows[count].rest, "ab");
	}
	assert_int_equal(listed.count, count);
	assert_int_equal(listed.has_newer, has_newer);
	assert_int_equal(listed.has_older, has_older);
}

static void the_first_page_is_the_newest_rows(void **state)
{
	(void)state;
	assert_listed(list((struct page){.size = 3}, 5, 0), (int64_t[]){5, 4, 3, 0}, false, true);
	assert_listed(list((struct page){.size = 5}, 5, 0), (int64_t[]){5, 4, 3, 2, 1, 0}, false,
		      false);
	assert_listed(list((struct page){.size = 9}, 5, 0), (int64_t[]){5, 4, 3, 2, 1, 0}, false,
		      false);
	assert_listed(list((struct page){.size = 1}, 1, 0), (int64_t[]){1, 0}, false, false);
	assert_listed(list((struct page){.size = 1}, 2, 0), (int64_t[]){2, 0}, false, true);
	assert_listed(list((struct page){.size = 3}, 0, 0), (int64_t[]){0}, false, false);
}

static void a_step_on_is_the_rows_after_it(void **state)
{
	(void)state;
	assert_listed(list((struct page){.before_id = 5, .size = 2}, 7, 0), (int64_t[]){4, 3, 0},
		      true, true);
	assert_listed(list((struct page){.before_id = 3, .size = 2}, 7, 0), (int64_t[]){2, 1, 0},
		      true, false);
	assert_listed(list((struct page){.before_id = 1, .size = 2}, 7, 0), (int64_t[]){0}, true,
		      false);
}

static void a_step_back_is_the_nearest_newer_rows_newest_first(void **state)
{
	(void)state;
	assert_listed(list((struct page){.after_id = 2, .size = 3}, 7, 0), (int64_t[]){5, 4, 3, 0},
		      true, true);
	assert_listed(list((struct page){.after_id = 4, .size = 3}, 7, 0), (int64_t[]){7, 6, 5, 0},
		      false, true);
	assert_listed(list((struct page){.after_id = 5, .size = 3}, 7, 0), (int64_t[]){7, 6, 0},
		      false, true);
	assert_listed(list((struct page){.after_id = 1, .size = 4}, 7, 0),
		      (int64_t[]){5, 4, 3, 2, 0}, true, true);
}

static void walking_through_meets_every_row_once_whatever_comes_and_goes(void **state)
{
	unsigned gone = 0, met = 0;
	struct page page = {.size = 2};
	struct listed listed;
	int newest_id = 8;

	(void)state;
	do {
		listed = list(page, newest_id, gone);
		for (int i = 0; i < listed.count; i++) {
			assert_int_equal(met >> listed.rows[i].id & 1, 0);
			met |= 1u << listed.rows[i].id;
		}
		page.before_id = listed.rows[listed.count - 1].id;
		gone |= 1u << page.before_id; /* the very row that the cursor names */
		newest_id++;
	} while (listed.has_older);
	assert_int_equal(met, 0x1fe); /* 1 … 8 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_page_is_the_newest_rows),
		cmocka_unit_test(a_step_on_is_the_rows_after_it),
		cmocka_unit_test(a_step_back_is_the_nearest_newer_rows_newest_first),
		cmocka_unit_test(walking_through_meets_every_row_once_whatever_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
