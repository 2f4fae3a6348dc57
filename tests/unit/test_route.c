#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct route routes[] = {
	{"GET", "/a", ACCESS_PUBLIC, NULL, waits_for_nothing},
	{"POST", "/a", ACCESS_API_KEY, NULL, waits_for_zoom},
	{"POST", "/a/claim", ACCESS_API_KEY, NULL, waits_for_nothing},
	{"GET", "/a/:id", ACCESS_API_KEY, NULL, waits_for_nothing},
	{"DELETE", "/a/:id", ACCESS_API_KEY, NULL, waits_for_nothing},
	{"POST", "/a/:id/b/:other_id", ACCESS_API_KEY, NULL, waits_for_nothing},
};

struct found {
	struct arena arena;
	struct request request;
	const struct route *route;
	const char *allow;
	struct error err;
	bool ok;
};

static struct found found;

static int release(void **state)
{
	(void)state;
	arena_release(&found.arena);
	return 0;
}

static void find(const char *method, const char *path)
{
	arena_release(&found.arena);
	found = (struct found){0};
	found.request = (struct request){.arena = &found.arena, .method = method, .path = path};
	found.ok = route_find(routes, COUNT_OF(routes), &found.request, &found.route, &found.allow,
			      &found.err);
}

static void expect(const char *method, const char *path, int row)
{
	find(method, path);
	if (!found.ok)
		fail_msg("%s %s: %s", method, path, found.err.message);
	assert_ptr_equal(found.route, &routes[row]);
	assert_null(found.allow);
}

static void expect_missing(const char *method, const char *path)
{
	find(method, path);
	if (found.ok)
		fail_msg("%s %s is %s", method, path, found.route->path);
	assert_int_equal(found.err.kind, ERROR_NOT_FOUND);
	assert_null(found.allow);
}

static void the_row_of_method_and_path_is_found(void **state)
{
	(void)state;
	expect("GET", "/a", 0);
	expect("POST", "/a", 1);
	expect("POST", "/a/claim", 2);
	expect("GET", "/a/x", 3);
	expect("DELETE", "/a/x", 4);
	expect("POST", "/a/x/b/y", 5);
}

static void a_path_that_is_written_out_is_no_id(void **state)
{
	(void)state;
	find("GET", "/a/claim");
	assert_false(found.ok);
	assert_int_equal(found.err.kind, ERROR_METHOD);
	assert_string_equal(found.allow, "POST");
	expect("GET", "/a/claims", 3);
	expect("POST", "/a/claim/b/y", 5);
}

static void a_name_stands_for_one_segment_decoded(void **state)
{
	(void)state;
	expect("POST", "/a/x%2Fy%20z/b/1+2", 5);
	assert_int_equal(found.request.parameter_count, 2);
	assert_string_equal(request_path_parameter(&found.request, "id"), "x/y z");
	assert_string_equal(request_path_parameter(&found.request, "other_id"), "1+2");
	expect("GET", "/a/only", 3);
	assert_int_equal(found.request.parameter_count, 1);
	assert_string_equal(request_path_parameter(&found.request, "id"), "only");
}

static void what_differs_in_anything_is_not_found(void **state)
{
	static const char *const paths[] = {"",        "/",       "a",        "/A",        "/ab",
					    "/b",      "/a/",     "//a",      "/a//b",     "/a/x/",
					    "/a/x/b",  "/a/x/b/", "/a/x/c/y", "/a/x/b/y/", "/%61",
					    "/a%2Fx",  "/a/%",    "/a/%4",    "/a/%zz",    "/a/%00",
					    "/a/x/b/%"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		expect_missing("GET", paths[i]);
		expect_missing("POST", paths[i]);
	}
}

static void a_path_without_the_method_names_those_it_has(void **state)
{
	static const struct {
		const char *method, *path, *allow;
	} cases[] = {
		{"DELETE", "/a", "GET, POST"},      {"HEAD", "/a", "GET, POST"},
		{"get", "/a", "GET, POST"},         {"", "/a", "GET, POST"},
		{"POST", "/a/x", "GET, DELETE"},    {"GET", "/a/x/b/y", "POST"},
		{"OPTIONS", "/a/x", "GET, DELETE"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		find(cases[i].method, cases[i].path);
		assert_false(found.ok);
		assert_int_equal(found.err.kind, ERROR_METHOD);
		assert_string_equal(found.allow, cases[i].allow);
		assert_non_null(strstr(found.err.message, cases[i].allow));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_row_of_method_and_path_is_found),
		cmocka_unit_test(a_path_that_is_written_out_is_no_id),
		cmocka_unit_test(a_name_stands_for_one_segment_decoded),
		cmocka_unit_test(what_differs_in_anything_is_not_found),
		cmocka_unit_test(a_path_without_the_method_names_those_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
