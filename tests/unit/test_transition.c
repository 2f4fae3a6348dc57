#include "bot/transition.h"
#include "store/bot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define JOINED                                                           \
	" joined_not_recording joined_recording joined_recording_paused" \
	" joined_recording_permission_denied "
#define BREAKOUT " joining_breakout_room leaving_breakout_room "
#define ON_WAY   " joining waiting_room "

/* Zoom-facts section 7 once more, in words; "=" stands for the joined state before the breakout room. */
static const struct row {
	const char *type, *from, *to;
} rows[] = {
	{"staged", " scheduled ", "staged"},
	{"join_requested", " ready staged ", "joining"},
	{"lease_expired", ON_WAY, "ready"},
	{"could_not_join_meeting", ON_WAY, "fatal_error"},
	{"fatal_error", ON_WAY JOINED BREAKOUT " leaving scheduled staged post_processing ",
	 "fatal_error"},
	{"put_in_waiting_room", " joining ", "waiting_room"},
	{"joined_meeting", ON_WAY, "joined_not_recording"},
	{"recording_permission_granted",
	 " joined_not_recording joined_recording_permission_denied ", "joined_recording"},
	{"recording_permission_denied", JOINED, "joined_recording_permission_denied"},
	{"recording_paused", " joined_recording ", "joined_recording_paused"},
	{"recording_resumed", " joined_recording_paused ", "joined_recording"},
	{"began_joining_breakout_room", JOINED, "joining_breakout_room"},
	{"began_leaving_breakout_room", JOINED, "leaving_breakout_room"},
	{"joined_breakout_room", " joining_breakout_room ", "="},
	{"left_breakout_room", " leaving_breakout_room ", "="},
	{"leave_requested", ON_WAY JOINED BREAKOUT, "leaving"},
	{"left_meeting", " leaving ", "post_processing"},
	{"meeting_ended", ON_WAY JOINED BREAKOUT " leaving ", "post_processing"},
	{"post_processing_completed", " post_processing ", "ended"},
	{"data_deleted", " fatal_error ended ", "data_deleted"},
};

static const char *const joined_states[] = {
	"joined_not_recording",
	"joined_recording",
	"joined_recording_paused",
	"joined_recording_permission_denied",
};

/* The word stands in the text with a space on either side. */
static bool has_word(const char *text, const char *word)
{
	const size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += length)
		if (at > text && at[-1] == ' ' && at[length] == ' ')
			return true;
	return false;
}

static void assert_refused(const struct standing *before, const char *type)
{
	struct standing standing = *before;
	struct error err = {0};

	if (transition_make(&standing, type, &err))
		fail_msg("%s in %s leads to %s", type, before->state, standing.state);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_string_equal(err.code, "invalid_transition");
	assert_non_null(strstr(err.message, before->state));
	assert_non_null(strstr(err.message, type));
	assert_memory_equal(&standing, before, sizeof(standing));
}

static void assert_leads_to(const struct standing *before, const char *type, const char *to)
{
	const bool is_breakout = has_word(BREAKOUT, to);
	struct standing standing = *before;
	struct error err = {0};

	if (!transition_make(&standing, type, &err))
		fail_msg("%s", err.message);
	assert_string_equal(standing.state, to);
	if (is_breakout)
		assert_string_equal(standing.joined_state, before->state);
	else
		assert_null(standing.joined_state);
}

static void every_event_in_every_state_leads_where_the_table_says_or_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t j = 0; bot_states[j] != NULL; j++) {
			struct standing before = {bot_states[j], "not_started", NULL};
			const bool returns = strcmp(rows[i].to, "=") == 0;

			if (!has_word(rows[i].from, bot_states[j])) {
				before.joined_state = "joined_recording";
				assert_refused(&before, rows[i].type);
				continue;
			}
			for (size_t k = 0; k < COUNT_OF(joined_states); k++) {
				before.joined_state = joined_states[k];
				assert_leads_to(&before, rows[i].type,
						returns ? joined_states[k] : rows[i].to);
			}
		}
	}
}

static void nothing_returns_from_a_breakout_room_to_no_state(void **state)
{
	const struct standing joining = {"joining_breakout_room", "in_progress", NULL};
	const struct standing leaving = {"leaving_breakout_room", "in_progress", NULL};

	(void)state;
	assert_refused(&joining, "joined_breakout_room");
	assert_refused(&leaving, "left_breakout_room");
}

static void every_type_of_a_runner_is_in_the_table_and_the_rest_is_our_own(void **state)
{
	static const char *const own[] = {"staged", "join_requested", "lease_expired",
					  "data_deleted"};
	size_t count = 0;

	(void)state;
	for (; transition_runner_types[count] != NULL; count++) {
		bool found = false;

		for (size_t i = 0; i < COUNT_OF(rows); i++)
			found |= strcmp(rows[i].type, transition_runner_types[count]) == 0;
		assert_true(found);
		for (size_t i = 0; i < COUNT_OF(own); i++)
			assert_string_not_equal(own[i], transition_runner_types[count]);
	}
	assert_int_equal(count + COUNT_OF(own), COUNT_OF(rows));
}

static void a_recording_begins_and_ends_with_its_events(void **state)
{
	static const struct {
		const char *state, *type, *before, *after;
	} cases[] = {
		{"joined_not_recording", "recording_permission_granted", "not_started",
		 "in_progress"},
		{"joined_recording_permission_denied", "recording_permission_granted",
		 "in_progress", "in_progress"},
		{"joined_recording", "recording_paused", "in_progress", "in_progress"},
		{"joined_recording", "recording_permission_denied", "in_progress", "in_progress"},
		{"joined_recording", "meeting_ended", "in_progress", "in_progress"},
		{"joined_recording", "leave_requested", "in_progress", "in_progress"},
		{"post_processing", "post_processing_completed", "in_progress", "complete"},
		{"post_processing", "post_processing_completed", "not_started", "not_started"},
		{"joined_recording", "fatal_error", "in_progress", "failed"},
		{"post_processing", "fatal_error", "in_progress", "failed"},
		{"joining", "fatal_error", "not_started", "not_started"},
		{"joining", "could_not_join_meeting", "not_started", "not_started"},
		{"waiting_room", "lease_expired", "not_started", "not_started"},
		{"ended", "data_deleted", "complete", "complete"},
		{"fatal_error", "data_deleted", "failed", "failed"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct standing standing = {cases[i].state, cases[i].before, NULL};
		struct error err = {0};

		if (!transition_make(&standing, cases[i].type, &err))
			fail_msg("%s", err.message);
		assert_string_equal(standing.recording_state, cases[i].after);
	}
}

static bool has_sub_type(const char *type, const char *sub_type)
{
	const char *const *sub_types = transition_sub_types(type);

	for (size_t i = 0; sub_types != NULL && sub_types[i] != NULL; i++)
		if (strcmp(sub_types[i], sub_type) == 0)
			return true;
	return false;
}

static void four_types_are_told_more_closely(void **state)
{
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		count += transition_sub_types(rows[i].type) != NULL;
	assert_int_equal(count, 4);
	assert_true(has_sub_type("could_not_join_meeting", "zoom_app_cannot_join_anonymously"));
	assert_true(has_sub_type("could_not_join_meeting", SUB_TYPE_USER_NOT_THERE));
	assert_true(has_sub_type("fatal_error", SUB_TYPE_HEARTBEAT_TIMEOUT));
	assert_true(has_sub_type("leave_requested", SUB_TYPE_USER_REQUESTED));
	assert_true(has_sub_type("recording_permission_denied", "request_timed_out"));
	assert_false(has_sub_type("fatal_error", SUB_TYPE_USER_REQUESTED));
	assert_null(transition_sub_types("joined_meeting"));
	assert_null(transition_sub_types("dancing"));
}

static void some_failures_to_join_put_the_connection_in_doubt(void **state)
{
	static const char type[] = "could_not_join_meeting";

	(void)state;
	assert_true(transition_doubts_connection(type, "zoom_authorization_failed"));
	assert_true(transition_doubts_connection(type, "login_required"));
	assert_true(transition_doubts_connection(type, "zoom_app_cannot_join_anonymously"));
	assert_true(transition_doubts_connection(type, SUB_TYPE_USER_NOT_THERE));
	assert_false(transition_doubts_connection(type, "meeting_not_found"));
	assert_false(transition_doubts_connection(type, NULL));
	assert_false(transition_doubts_connection("fatal_error", "login_required"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_event_in_every_state_leads_where_the_table_says_or_is_refused),
		cmocka_unit_test(nothing_returns_from_a_breakout_room_to_no_state),
		cmocka_unit_test(every_type_of_a_runner_is_in_the_table_and_the_rest_is_our_own),
		cmocka_unit_test(a_recording_begins_and_ends_with_its_events),
		cmocka_unit_test(four_types_are_told_more_closely),
		cmocka_unit_test(some_failures_to_join_put_the_connection_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
