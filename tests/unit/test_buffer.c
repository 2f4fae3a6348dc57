#include "base/buffer.h"
#include "support/test_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_new_buffer_holds_nothing(void **state)
{
	SCOPED(buffer_release) struct buffer buffer = buffer_of(10);

	(void)state;
	assert_null(buffer.bytes);
	assert_int_equal(buffer.size, 0);
}

static void what_is_appended_stays_in_order_with_a_nul_behind(void **state)
{
	SCOPED(buffer_release) struct buffer buffer = buffer_of(100000);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		char digits[16];

		snprintf(digits, sizeof(digits), "%04d,", i);
		assert_true(buffer_append(&buffer, digits, 5));
		assert_int_equal(buffer.bytes[buffer.size], '\0');
	}
	assert_int_equal(buffer.size, 50000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(atoi(buffer.bytes + (ptrdiff_t)5 * i), i);
}

static void the_maximum_is_reached_and_not_passed(void **state)
{
	SCOPED(buffer_release) struct buffer buffer = buffer_of(4);

	(void)state;
	assert_true(buffer_append(&buffer, "abc", 3));
	assert_false(buffer_append(&buffer, "de", 2));
	assert_string_equal(buffer.bytes, "abc");
	assert_true(buffer_append(&buffer, "d", 1));
	assert_false(buffer_append(&buffer, "e", 1));
	assert_false(buffer_append(&buffer, "e", SIZE_MAX));
	assert_true(buffer_append(&buffer, NULL, 0));
	assert_string_equal(buffer.bytes, "abcd");
	assert_int_equal(buffer.size, 4);
}

static void nothing_appended_is_an_empty_text(void **state)
{
	SCOPED(buffer_release) struct buffer buffer = buffer_of(0);

	(void)state;
	assert_true(buffer_append(&buffer, NULL, 0));
	assert_string_equal(buffer.bytes, "");
	assert_false(buffer_append(&buffer, "a", 1));
}

static void nul_bytes_are_bytes(void **state)
{
	SCOPED(buffer_release) struct buffer buffer = buffer_of(10);

	(void)state;
	assert_true(buffer_append(&buffer, "a\0b", 3));
	assert_int_equal(buffer.size, 3);
	assert_memory_equal(buffer.bytes, "a\0b", 4);
}

static void a_capacity_is_grown_right_at_its_edge(void **state)
{
	char bytes[1024];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t size = 500; size <= 1024; size++) {
		SCOPED(buffer_release) struct buffer buffer = buffer_of(size);

		assert_true(buffer_append(&buffer, bytes, size));
		assert_int_equal(strlen(buffer.bytes), size);
	}
}

static void a_released_buffer_keeps_its_maximum(void **state)
{
	struct buffer buffer = buffer_of(3);

	(void)state;
	assert_true(buffer_append(&buffer, "abc", 3));
	buffer_release(&buffer);
	assert_null(buffer.bytes);
	assert_false(buffer_append(&buffer, "abcd", 4));
	assert_true(buffer_append(&buffer, "abc", 3));
	buffer_release(&buffer);
}

static void append_secret(struct buffer *buffer)
{
	for (int i = 0; i < 32; i++)
		assert_true(buffer_append(buffer, ".", 1));
	assert_true(buffer_append(buffer, "a secret", 8));
}

static void expect_wiped(uintptr_t place, size_t capacity)
{
	assert_false(test_memory_still_holds(place, capacity, "a secret"));
}

static void what_a_buffer_held_is_wiped_when_it_is_released(void **state)
{
	struct buffer buffer = buffer_of(1000);
	uintptr_t place;
	size_t capacity;

	(void)state;
	append_secret(&buffer);
	place = (uintptr_t)buffer.bytes;
	capacity = buffer.capacity;
	buffer_release(&buffer);
	expect_wiped(place, capacity);
}

static void what_a_buffer_held_is_wiped_when_it_grows(void **state)
{
	SCOPED(buffer_release) struct buffer buffer = buffer_of(10000);
	const char more[2000] = "";
	uintptr_t place;
	size_t capacity;

	(void)state;
	append_secret(&buffer);
	place = (uintptr_t)buffer.bytes;
	capacity = buffer.capacity;
	assert_true(buffer_append(&buffer, more, sizeof(more)));
	assert_true((uintptr_t)buffer.bytes != place);
	expect_wiped(place, capacity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_buffer_holds_nothing),
		cmocka_unit_test(what_is_appended_stays_in_order_with_a_nul_behind),
		cmocka_unit_test(the_maximum_is_reached_and_not_passed),
		cmocka_unit_test(nothing_appended_is_an_empty_text),
		cmocka_unit_test(nul_bytes_are_bytes),
		cmocka_unit_test(a_capacity_is_grown_right_at_its_edge),
		cmocka_unit_test(a_released_buffer_keeps_its_maximum),
		cmocka_unit_test(what_a_buffer_held_is_wiped_when_it_is_released),
		cmocka_unit_test(what_a_buffer_held_is_wiped_when_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
