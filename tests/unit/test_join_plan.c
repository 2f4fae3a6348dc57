#include "broker/join_plan.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Ada hosts meeting 111 and has the personal meeting id 555 and the link /my/ada; Bob hosts 222. */
enum { OF_ADA = 111, OF_BOB = 222, OF_NOBODY = 333, PMI_OF_ADA = 555 };

static const char rows_sql[] =
	"INSERT INTO zoom_meetings (meeting_id, app_id, connection_id, known_at)"
	" VALUES (111, 1, 1, 1), (222, 1, 2, 1), (333, 1, NULL, 1);"
	"UPDATE zoom_oauth_connections SET pmi = 555, personal_name = 'ada' WHERE id = 1;"
	"INSERT INTO projects (id, public_id, name, created_at) VALUES (2, 'proj_2', 'others', 1);";

static const char disconnect_ada_sql[] =
	"UPDATE zoom_oauth_connections SET state = 'disconnected' WHERE id = 1";
static const char disconnect_bob_sql[] =
	"UPDATE zoom_oauth_connections SET state = 'disconnected' WHERE id = 2";
static const char no_recording_of_ada_sql[] =
	"UPDATE zoom_oauth_connections SET is_local_recording_token_supported = 0 WHERE id = 1";
static const char no_onbehalf_of_ada_sql[] =
	"UPDATE zoom_oauth_connections SET is_onbehalf_token_supported = 0 WHERE id = 1";
static const char no_onbehalf_of_bob_sql[] =
	"UPDATE zoom_oauth_connections SET is_onbehalf_token_supported = 0 WHERE id = 2";
static const char no_pmi_of_ada_sql[] = "UPDATE zoom_oauth_connections SET pmi = NULL WHERE id = 1";

/* A database of its own for each plan, with what the change makes of it (NULL: nothing). */
struct planned {
	struct test_database database;
	struct arena arena;
	struct join_plan plan;
};

static struct planned make_plan(const char *change, struct join_request request)
{
	struct planned planned = {.database = test_database_open()};
	struct broker broker = {.db = planned.database.db, .arena = &planned.arena};
	struct error err = {0};

	test_rows_add(planned.database.db);
	must(db_script(planned.database.db, rows_sql, &err), &err);
	if (change != NULL)
		must(db_script(planned.database.db, change, &err), &err);
	if (request.project_id == 0)
		request.project_id = TEST_PROJECT;
	must(join_plan_make(&broker, &request, &planned.plan, &err), &err);
	return planned;
}

static void planned_release(struct planned *planned)
{
	arena_release(&planned->arena);
	test_database_release(&planned->database);
}

/* Whose tokens are asked for, 0 for none of the kind, and why the flow is standard or NULL. */
static void assert_plan(const struct join_plan *plan, int64_t recording, int64_t onbehalf,
			const char *reason)
{
	assert_int_equal(plan->has_recording ? plan->recording.id : 0, recording);
	assert_int_equal(plan->has_onbehalf ? plan->onbehalf.id : 0, onbehalf);
	assert_int_equal(plan->is_token_flow, recording != 0 || onbehalf != 0);
	if (reason == NULL)
		assert_null(plan->reason);
	else
		assert_string_equal(plan->reason, reason);
}

static void assert_connection(const struct join_plan *plan, int64_t id)
{
	assert_int_equal(plan->has_connection ? plan->connection.id : 0, id);
}

static void the_host_serves_the_meeting(void **state)
{
	SCOPED(planned_release)
	struct planned planned = make_plan(NULL, (struct join_request){.meeting_id = OF_ADA});

	(void)state;
	assert_plan(&planned.plan, TEST_ADA, 0, NULL);
	assert_connection(&planned.plan, TEST_ADA);
	assert_int_equal(planned.plan.meeting_id, OF_ADA);
	assert_null(planned.plan.onbehalf_reason);
}

static void a_personal_meeting_id_is_its_owners(void **state)
{
	SCOPED(planned_release)
	struct planned planned = make_plan(NULL, (struct join_request){.meeting_id = PMI_OF_ADA});

	(void)state;
	assert_plan(&planned.plan, TEST_ADA, 0, NULL);
}

static void a_personal_link_is_joined_by_its_owners_personal_meeting_id(void **state)
{
	SCOPED(planned_release)
	struct planned planned = make_plan(NULL, (struct join_request){.personal_name = "ada"});

	(void)state;
	assert_plan(&planned.plan, TEST_ADA, 0, NULL);
	assert_int_equal(planned.plan.meeting_id, PMI_OF_ADA);
}

static void a_personal_link_without_a_known_meeting_id_is_standard(void **state)
{
	SCOPED(planned_release)
	struct planned planned =
		make_plan(no_pmi_of_ada_sql, (struct join_request){.personal_name = "ada"});

	(void)state;
	assert_plan(&planned.plan, 0, 0, "personal_meeting_id_unknown");
	assert_connection(&planned.plan, TEST_ADA);
	assert_int_equal(planned.plan.meeting_id, 0);
}

static void a_meeting_or_a_link_of_nobody_is_standard(void **state)
{
	SCOPED(planned_release)
	struct planned meeting = make_plan(NULL, (struct join_request){.meeting_id = OF_NOBODY});
	SCOPED(planned_release)
	struct planned link = make_plan(NULL, (struct join_request){.personal_name = "eve"});

	(void)state;
	assert_plan(&meeting.plan, 0, 0, "no_connection_for_meeting");
	assert_plan(&link.plan, 0, 0, "no_connection_for_meeting");
	assert_connection(&meeting.plan, 0);
	assert_connection(&link.plan, 0);
}

static void another_projects_host_is_nobody(void **state)
{
	SCOPED(planned_release)
	struct planned planned =
		make_plan(NULL, (struct join_request){.project_id = 2, .meeting_id = OF_ADA});

	(void)state;
	assert_plan(&planned.plan, 0, 0, "no_connection_for_meeting");
}

static void a_disconnected_host_is_standard_and_named(void **state)
{
	SCOPED(planned_release)
	struct planned planned =
		make_plan(disconnect_ada_sql, (struct join_request){.meeting_id = OF_ADA});

	(void)state;
	assert_plan(&planned.plan, 0, 0, "connection_disconnected");
	assert_connection(&planned.plan, TEST_ADA);
}

static void a_host_without_local_recording_is_standard(void **state)
{
	SCOPED(planned_release)
	struct planned planned =
		make_plan(no_recording_of_ada_sql, (struct join_request){.meeting_id = OF_ADA});

	(void)state;
	assert_plan(&planned.plan, 0, 0, "local_recording_not_supported");
}

static void the_named_connection_goes_before_the_host(void **state)
{
	SCOPED(planned_release)
	struct planned planned =
		make_plan(NULL, (struct join_request){.meeting_id = OF_ADA,
						      .asked_connection_id = TEST_BOB});

	(void)state;
	assert_plan(&planned.plan, TEST_BOB, 0, NULL);
	assert_connection(&planned.plan, TEST_BOB);
}

static void a_named_connection_that_is_disconnected_is_not_replaced_by_the_host(void **state)
{
	SCOPED(planned_release)
	struct planned planned = make_plan(disconnect_bob_sql,
					   (struct join_request){.meeting_id = OF_ADA,
								 .asked_connection_id = TEST_BOB});

	(void)state;
	assert_plan(&planned.plan, 0, 0, "connection_disconnected");
	assert_connection(&planned.plan, TEST_BOB);
}

static void a_named_connection_serves_a_meeting_that_nobody_is_known_to_host(void **state)
{
	SCOPED(planned_release)
	struct planned planned =
		make_plan(NULL, (struct join_request){.meeting_id = OF_NOBODY,
						      .asked_connection_id = TEST_BOB});

	(void)state;
	assert_plan(&planned.plan, TEST_BOB, 0, NULL);
}

static void a_named_connection_without_local_recording_gives_its_on_behalf_token(void **state)
{
	SCOPED(planned_release)
	struct planned planned = make_plan(no_recording_of_ada_sql,
					   (struct join_request){.meeting_id = OF_NOBODY,
								 .asked_connection_id = TEST_ADA});

	(void)state;
	assert_plan(&planned.plan, 0, TEST_ADA, NULL);
	assert_connection(&planned.plan, TEST_ADA);
}

static void a_connection_that_can_do_nothing_is_standard(void **state)
{
	SCOPED(planned_release)
	struct planned planned = {.database = test_database_open()};
	struct broker broker = {.db = planned.database.db, .arena = &planned.arena};
	const struct join_request request = {.project_id = TEST_PROJECT,
					     .meeting_id = OF_ADA,
					     .asked_connection_id = TEST_ADA};
	struct error err = {0};

	(void)state;
	test_rows_add(planned.database.db);
	must(db_script(planned.database.db, no_recording_of_ada_sql, &err), &err);
	must(db_script(planned.database.db, no_onbehalf_of_ada_sql, &err), &err);
	must(join_plan_make(&broker, &request, &planned.plan, &err), &err);
	assert_plan(&planned.plan, 0, 0, "local_recording_not_supported");
}

static void each_token_comes_from_whom_it_takes(void **state)
{
	SCOPED(planned_release)
	struct planned planned = make_plan(NULL, (struct join_request){.meeting_id = OF_ADA,
								       .onbehalf_user_id = "bob"});

	(void)state;
	assert_plan(&planned.plan, TEST_ADA, TEST_BOB, NULL);
	assert_connection(&planned.plan, TEST_BOB);
	assert_null(planned.plan.onbehalf_reason);
}

static void an_on_behalf_token_needs_no_known_host(void **state)
{
	SCOPED(planned_release)
	struct planned planned = make_plan(NULL, (struct join_request){.meeting_id = OF_NOBODY,
								       .onbehalf_user_id = "bob"});

	(void)state;
	assert_plan(&planned.plan, 0, TEST_BOB, NULL);
}

/* What stands in the way of Bob's on-behalf token costs the recording token of Ada nothing. */
static void what_is_missing_of_the_on_behalf_token_is_told_beside_the_other(void **state)
{
	static const struct {
		const char *change, *user_id, *reason;
	} cases[] = {
		{NULL, "eve", "onbehalf_user_not_connected"},
		{disconnect_bob_sql, "bob", "connection_disconnected"},
		{no_onbehalf_of_bob_sql, "bob", "onbehalf_not_supported"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		SCOPED(planned_release)
		struct planned hosted =
			make_plan(cases[i].change,
				  (struct join_request){.meeting_id = OF_ADA,
							.onbehalf_user_id = cases[i].user_id});
		SCOPED(planned_release)
		struct planned alone =
			make_plan(cases[i].change,
				  (struct join_request){.meeting_id = OF_NOBODY,
							.onbehalf_user_id = cases[i].user_id});

		assert_plan(&hosted.plan, TEST_ADA, 0, NULL);
		assert_string_equal(hosted.plan.onbehalf_reason, cases[i].reason);
		assert_plan(&alone.plan, 0, 0, cases[i].reason);
	}
}

static void where_neither_works_the_hosts_reason_is_told(void **state)
{
	SCOPED(planned_release)
	struct planned planned =
		make_plan(disconnect_ada_sql,
			  (struct join_request){.meeting_id = OF_ADA, .onbehalf_user_id = "eve"});

	(void)state;
	assert_plan(&planned.plan, 0, 0, "connection_disconnected");
	assert_connection(&planned.plan, TEST_ADA);
}

static const char zak_scope_of_bob_sql[] =
	"UPDATE zoom_oauth_connections SET scopes = 'user:read:user user:read:zak' WHERE id = 2";
static const char no_scope_of_bob_sql[] =
	"UPDATE zoom_oauth_connections SET scopes = 'user:read:user' WHERE id = 2";

static void a_zak_comes_from_the_user_whose_it_is(void **state)
{
	SCOPED(planned_release)
	struct planned hosted =
		make_plan(zak_scope_of_bob_sql,
			  (struct join_request){.meeting_id = OF_ADA, .zak_user_id = "bob"});
	SCOPED(planned_release)
	struct planned alone =
		make_plan(zak_scope_of_bob_sql,
			  (struct join_request){.meeting_id = OF_NOBODY, .zak_user_id = "bob"});

	(void)state;
	assert_plan(&hosted.plan, TEST_ADA, 0, NULL);
	assert_true(hosted.plan.has_zak && hosted.plan.zak.id == TEST_BOB);
	assert_connection(&hosted.plan, TEST_BOB);
	assert_true(alone.plan.is_token_flow && alone.plan.has_zak && !alone.plan.has_recording);
	assert_null(alone.plan.reason);
}

static void nobody_is_asked_for_a_zak_without_its_scope(void **state)
{
	static const struct {
		const char *change, *user_id, *reason;
	} cases[] = {
		{zak_scope_of_bob_sql, "eve", "zak_user_not_connected"},
		{disconnect_bob_sql, "bob", "connection_disconnected"},
		{no_scope_of_bob_sql, "bob", "missing_scopes"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		SCOPED(planned_release)
		struct planned planned =
			make_plan(cases[i].change,
				  (struct join_request){.meeting_id = OF_NOBODY,
							.zak_user_id = cases[i].user_id});

		assert_plan(&planned.plan, 0, 0, cases[i].reason);
		assert_string_equal(planned.plan.zak_reason, cases[i].reason);
		assert_false(planned.plan.has_zak);
	}
}

/* Plans for a wish, with Bob (or nobody) named. */
static struct planned make_wish(const char *change, struct join_request request, unsigned wants,
				bool names_bob, bool is_named_for_recording)
{
	struct planned planned = {.database = test_database_open()};
	struct broker broker = {.db = planned.database.db, .arena = &planned.arena};
	struct join_wish wish = {.wants = wants, .is_named_for_recording = is_named_for_recording};
	struct error err = {0};
	struct connection bob;
	bool found;

	test_rows_add(planned.database.db);
	must(db_script(planned.database.db, rows_sql, &err), &err);
	if (change != NULL)
		must(db_script(planned.database.db, change, &err), &err);
	must(connection_find_by_id(planned.database.db, &planned.arena, TEST_BOB, &found, &bob,
				   &err),
	     &err);
	if (names_bob)
		wish.named = &bob;
	request.project_id = TEST_PROJECT;
	must(join_plan_make_for_wish(&broker, &request, &wish, &planned.plan, &err), &err);
	return planned;
}

static const struct join_request of_ada = {.meeting_id = OF_ADA};
static const struct join_request of_bob = {.meeting_id = OF_BOB};
static const struct join_request of_nobody = {.meeting_id = OF_NOBODY};

static void a_wish_is_served_by_the_host_where_nobody_is_named(void **state)
{
	SCOPED(planned_release)
	struct planned recording = make_wish(NULL, of_ada, JOIN_WANTS_RECORDING, false, false);
	SCOPED(planned_release)
	struct planned onbehalf = make_wish(NULL, of_ada, JOIN_WANTS_ONBEHALF, false, false);
	SCOPED(planned_release)
	struct planned zak = make_wish(zak_scope_of_bob_sql, of_bob, JOIN_WANTS_ZAK, false, false);

	(void)state;
	assert_plan(&recording.plan, TEST_ADA, 0, NULL);
	assert_plan(&onbehalf.plan, 0, TEST_ADA, NULL);
	assert_true(zak.plan.has_zak && zak.plan.zak.id == TEST_BOB && !zak.plan.has_recording);
	assert_connection(&zak.plan, TEST_BOB);
}

static void a_wish_is_served_by_who_is_named_but_the_host_records(void **state)
{
	const unsigned both = JOIN_WANTS_RECORDING | JOIN_WANTS_ONBEHALF;
	SCOPED(planned_release) struct planned planned = make_wish(NULL, of_ada, both, true, false);
	SCOPED(planned_release)
	struct planned alone = make_wish(NULL, of_ada, JOIN_WANTS_RECORDING, true, false);

	(void)state;
	assert_plan(&planned.plan, TEST_ADA, TEST_BOB, NULL);
	assert_connection(&planned.plan, TEST_BOB);
	assert_plan(&alone.plan, TEST_ADA, 0, NULL);
	assert_connection(&alone.plan, TEST_ADA);
}

static void who_is_named_records_where_the_host_is_unknown_or_cannot_or_need_not(void **state)
{
	SCOPED(planned_release)
	struct planned unknown = make_wish(NULL, of_nobody, JOIN_WANTS_RECORDING, true, false);
	SCOPED(planned_release)
	struct planned cannot =
		make_wish(disconnect_ada_sql, of_ada, JOIN_WANTS_RECORDING, true, false);
	SCOPED(planned_release)
	struct planned need_not = make_wish(NULL, of_ada, JOIN_WANTS_RECORDING, true, true);

	(void)state;
	assert_plan(&unknown.plan, TEST_BOB, 0, NULL);
	assert_plan(&cannot.plan, TEST_BOB, 0, NULL);
	assert_plan(&need_not.plan, TEST_BOB, 0, NULL);
}

static void an_on_behalf_token_that_is_welcome_is_not_missed(void **state)
{
	const unsigned wants = JOIN_WANTS_RECORDING | JOIN_WANTS_ONBEHALF_IF_SUPPORTED;
	SCOPED(planned_release)
	struct planned without = make_wish(no_onbehalf_of_ada_sql, of_ada, wants, false, false);
	SCOPED(planned_release) struct planned with = make_wish(NULL, of_ada, wants, false, false);

	(void)state;
	assert_plan(&without.plan, TEST_ADA, 0, NULL);
	assert_null(without.plan.onbehalf_reason);
	assert_plan(&with.plan, TEST_ADA, TEST_ADA, NULL);
}

static void a_wish_that_nobody_can_serve_says_why(void **state)
{
	static const struct join_request of_no_meeting = {0};
	static const struct join_request of_no_link = {.personal_name = "eve"};
	static const unsigned wants[] = {JOIN_WANTS_RECORDING, JOIN_WANTS_ONBEHALF, JOIN_WANTS_ZAK,
					 JOIN_WANTS_RECORDING | JOIN_WANTS_ONBEHALF, 0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wants); i++) {
		SCOPED(planned_release)
		struct planned unknown = make_wish(NULL, of_nobody, wants[i], false, false);
		SCOPED(planned_release)
		struct planned unnamed = make_wish(NULL, of_no_meeting, wants[i], false, false);
		SCOPED(planned_release)
		struct planned link = make_wish(NULL, of_no_link, wants[i], false, false);

		assert_plan(&unknown.plan, 0, 0, "no_connection_for_meeting");
		assert_plan(&unnamed.plan, 0, 0, "meeting_not_named");
		assert_plan(&link.plan, 0, 0, "no_connection_for_meeting");
		assert_connection(&unknown.plan, 0);
	}
}

static void a_token_that_takes_a_meeting_is_not_planned_without_one(void **state)
{
	static const struct join_request of_no_meeting = {0};
	SCOPED(planned_release)
	struct planned recording = make_wish(NULL, of_no_meeting, JOIN_WANTS_RECORDING, true, true);
	SCOPED(planned_release)
	struct planned onbehalf = make_wish(NULL, of_no_meeting, JOIN_WANTS_ONBEHALF, true, false);

	(void)state;
	assert_plan(&recording.plan, 0, 0, "meeting_not_named");
	assert_plan(&onbehalf.plan, 0, TEST_BOB, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_serves_the_meeting),
		cmocka_unit_test(a_personal_meeting_id_is_its_owners),
		cmocka_unit_test(a_personal_link_is_joined_by_its_owners_personal_meeting_id),
		cmocka_unit_test(a_personal_link_without_a_known_meeting_id_is_standard),
		cmocka_unit_test(a_meeting_or_a_link_of_nobody_is_standard),
		cmocka_unit_test(another_projects_host_is_nobody),
		cmocka_unit_test(a_disconnected_host_is_standard_and_named),
		cmocka_unit_test(a_host_without_local_recording_is_standard),
		cmocka_unit_test(the_named_connection_goes_before_the_host),
		cmocka_unit_test(
			a_named_connection_that_is_disconnected_is_not_replaced_by_the_host),
		cmocka_unit_test(a_named_connection_serves_a_meeting_that_nobody_is_known_to_host),
		cmocka_unit_test(
			a_named_connection_without_local_recording_gives_its_on_behalf_token),
		cmocka_unit_test(a_connection_that_can_do_nothing_is_standard),
		cmocka_unit_test(each_token_comes_from_whom_it_takes),
		cmocka_unit_test(an_on_behalf_token_needs_no_known_host),
		cmocka_unit_test(what_is_missing_of_the_on_behalf_token_is_told_beside_the_other),
		cmocka_unit_test(where_neither_works_the_hosts_reason_is_told),
		cmocka_unit_test(a_zak_comes_from_the_user_whose_it_is),
		cmocka_unit_test(nobody_is_asked_for_a_zak_without_its_scope),
		cmocka_unit_test(a_wish_is_served_by_the_host_where_nobody_is_named),
		cmocka_unit_test(a_wish_is_served_by_who_is_named_but_the_host_records),
		cmocka_unit_test(
			who_is_named_records_where_the_host_is_unknown_or_cannot_or_need_not),
		cmocka_unit_test(an_on_behalf_token_that_is_welcome_is_not_missed),
		cmocka_unit_test(a_wish_that_nobody_can_serve_says_why),
		cmocka_unit_test(a_token_that_takes_a_meeting_is_not_planned_without_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
