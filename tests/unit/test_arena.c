#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_is_allocated_is_zeroed_and_aligned(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	for (size_t size = 1; size < 200; size++) {
		unsigned char *bytes = arena_alloc(&arena, size);

		assert_true((uintptr_t)bytes % _Alignof(max_align_t) == 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0);
		memset(bytes, 0xff, size);
	}
}

static void allocations_do_not_overlap(void **state)
{
	/* Around the size of a block, where a new one has to begin. */
	static const size_t sizes[] = {1, 4080, 15, 16, 17, 4095, 4096, 4097, 1, 100000, 1, 0, 8};
	SCOPED(arena_release) struct arena arena = {0};
	unsigned char *bytes[COUNT_OF(sizes)];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		bytes[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(bytes[i]);
		memset(bytes[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(bytes[i][at], i + 1);
}

static void copies_end_with_a_nul(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	assert_string_equal(arena_strdup(&arena, "text"), "text");
	assert_string_equal(arena_strdup(&arena, ""), "");
	assert_string_equal(arena_strndup(&arena, "text", 2), "te");
	assert_string_equal(arena_strndup(&arena, "text", 99), "text");
	assert_string_equal(arena_strndup(&arena, "text", 0), "");
	assert_memory_equal(arena_memdup(&arena, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_memdup(&arena, "", 0), "");
}

static void strndup_reads_no_further_than_its_limit(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char unterminated[2] = {'a', 'b'};

	(void)state;
	assert_string_equal(arena_strndup(&arena, unterminated, 2), "ab");
}

static void null_copies_to_null(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	assert_null(arena_strdup(&arena, NULL));
	assert_null(arena_strndup(&arena, NULL, 5));
	assert_null(arena_memdup(&arena, NULL, 0));
}

static void printf_is_never_cut(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *text = arena_printf(&arena, "%s-%05d-%9999s", "a", 42, "end");

	(void)state;
	assert_int_equal(strlen(text), 2 + 6 + 9999);
	assert_memory_equal(text, "a-00042-", 8);
	assert_string_equal(text + strlen(text) - 4, " end");
	assert_string_equal(arena_printf(&arena, "%s", ""), "");
}

static void a_released_arena_is_empty_and_serves_again(void **state)
{
	struct arena arena = {0};

	(void)state;
	arena_release(&arena);
	assert_non_null(arena_alloc(&arena, 10000));
	arena_release(&arena);
	assert_null(arena.newest);
	assert_string_equal(arena_strdup(&arena, "again"), "again");
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_allocated_is_zeroed_and_aligned),
		cmocka_unit_test(allocations_do_not_overlap),
		cmocka_unit_test(copies_end_with_a_nul),
		cmocka_unit_test(strndup_reads_no_further_than_its_limit),
		cmocka_unit_test(null_copies_to_null),
		cmocka_unit_test(printf_is_never_cut),
		cmocka_unit_test(a_released_arena_is_empty_and_serves_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
