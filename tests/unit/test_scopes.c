#include "broker/scopes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RECORDING "user:read:user meeting:read:list_meetings meeting:read:local_recording_token"

/* What is missing, with commas between. */
static const char *missing_of(const char *granted, bool needs_local_recording, bool needs_onbehalf)
{
	static char list[256];
	const char *missing[SCOPES_NEEDED_MAX];
	const size_t count =
		scopes_missing(granted, needs_local_recording, needs_onbehalf, missing);
	size_t used = 0;

	list[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const size_t length = strlen(missing[i]);

		assert_true(used + length + 2 < sizeof(list));
		if (i > 0)
			list[used++] = ',';
		memcpy(list + used, missing[i], length + 1);
		used += length;
	}
	return list;
}

static void each_capability_needs_its_own_scopes(void **state)
{
	(void)state;
	assert_string_equal(missing_of("", true, false),
			    "user:read:user,meeting:read:list_meetings,"
			    "meeting:read:local_recording_token");
	assert_string_equal(missing_of("", false, true), "user:read:user,user:read:token");
	assert_string_equal(missing_of("", true, true),
			    "user:read:user,meeting:read:list_meetings,"
			    "meeting:read:local_recording_token,user:read:token");
	assert_string_equal(missing_of(RECORDING, true, false), "");
	assert_string_equal(missing_of(RECORDING, true, true), "user:read:token");
	assert_string_equal(missing_of("user:read:token user:read:user", false, true), "");
}

static void whose_it_is_must_be_read_whatever_else_is_needed(void **state)
{
	(void)state;
	assert_string_equal(missing_of("meeting:read", false, false), "user:read:user");
	assert_string_equal(missing_of("user:read:user", false, false), "");
}

static void classic_names_include_their_granular_ones(void **state)
{
	(void)state;
	assert_string_equal(missing_of("user:read meeting:read", true, true),
			    "meeting:read:local_recording_token");
	assert_string_equal(missing_of("user:read meeting:read meeting_token:read:local_recording",
				       true, true),
			    "");
	assert_string_equal(
		missing_of("user:read meeting:read meeting_token:read:admin:local_recording", true,
			   true),
		"");
	assert_string_equal(missing_of("user:read", false, true), "");
}

static void an_administrators_or_masters_scope_includes_the_users_own(void **state)
{
	(void)state;
	assert_string_equal(missing_of("user:read:user:admin meeting:read:list_meetings:master "
				       "meeting:read:local_recording_token:admin",
				       true, false),
			    "");
	assert_string_equal(missing_of("user:read:admin", false, true), "");
	assert_string_equal(missing_of("user:read:user user:read:token:master", false, true), "");
}

static void a_name_counts_only_as_a_whole(void **state)
{
	(void)state;
	assert_string_equal(missing_of("user:read:use", false, false), "user:read:user");
	assert_string_equal(missing_of("user:read:users", false, false), "user:read:user");
	assert_string_equal(missing_of("user:read:user:admins", false, false), "user:read:user");
	assert_string_equal(missing_of("user:read:user:other", false, false), "user:read:user");
	assert_string_equal(missing_of("xuser:read:user", false, false), "user:read:user");
	assert_string_equal(missing_of("USER:READ:USER", false, false), "user:read:user");
	assert_string_equal(missing_of("user:read:token", false, true), "user:read:user");
	assert_string_equal(missing_of("user:write user:read:list_users", false, false),
			    "user:read:user");
}

static void order_and_separators_do_not_matter(void **state)
{
	(void)state;
	assert_string_equal(missing_of("  user:read:token   user:read:user ", false, true), "");
	assert_string_equal(missing_of("a,user:read:token,user:read:user,", false, true), "");
	assert_string_equal(missing_of(" , ", false, false), "user:read:user");
}

static void a_zak_is_asked_for_by_the_call_whose_scope_is_there(void **state)
{
	(void)state;
	assert_int_equal(scopes_zak("user:read:user user:read:zak"), ZAK_SCOPE_ZAK);
	assert_int_equal(scopes_zak("user:read:token user:read:zak:admin"), ZAK_SCOPE_ZAK);
	assert_int_equal(scopes_zak("user_zak:read"), ZAK_SCOPE_ZAK);
	assert_int_equal(scopes_zak("user:read:user user:read:token"), ZAK_SCOPE_TOKEN);
	assert_int_equal(scopes_zak("user:read"), ZAK_SCOPE_TOKEN);
	assert_int_equal(scopes_zak("user:read:user user:read:zakat"), ZAK_SCOPE_NONE);
	assert_int_equal(scopes_zak(""), ZAK_SCOPE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_capability_needs_its_own_scopes),
		cmocka_unit_test(whose_it_is_must_be_read_whatever_else_is_needed),
		cmocka_unit_test(classic_names_include_their_granular_ones),
		cmocka_unit_test(an_administrators_or_masters_scope_includes_the_users_own),
		cmocka_unit_test(a_name_counts_only_as_a_whole),
		cmocka_unit_test(order_and_separators_do_not_matter),
		cmocka_unit_test(a_zak_is_asked_for_by_the_call_whose_scope_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
