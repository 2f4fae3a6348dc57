#include "base/attr.h"
#include "zoom/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void release(json_t **body)
{
	json_decref(*body);
}

static json_t *parse(const char *text)
{
	json_t *body = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);

	assert_non_null(body);
	return body;
}

/* The event, whose strings live as long as the body. */
static struct zoom_event read_event(const json_t *body)
{
	struct zoom_event event;
	struct error err = {0};

	if (!zoom_event_read(body, &event, &err))
		fail_msg("%s", err.message);
	return event;
}

static void expect_refused(const char *text, const char *named)
{
	SCOPED(release) json_t *body = parse(text);
	struct zoom_event event;
	struct error err = {0};

	if (zoom_event_read(body, &event, &err))
		fail_msg("was read: %s", text);
	assert_int_equal(err.kind, ERROR_INVALID);
	if (strstr(err.message, named) == NULL)
		fail_msg("'%s' does not name %s", err.message, named);
}

static void a_live_meeting_started_is_read(void **state)
{
	SCOPED(release)
	json_t *body = parse(
		"{\"event\":\"meeting.started\",\"payload\":{\"account_id\":\"AcctYmLQWo2ZfC9U8mKGD4\","
		"\"object\":{\"duration\":30,\"start_time\":\"2026-07-29T23:55:56Z\",\"timezone\":"
		"\"America/Santiago\",\"topic\":\"PRUEBA SPIKE — no unirse\",\"id\":\"86084701483\","
		"\"type\":2,\"uuid\":\"de+IDqR9f3hhT9D8/NA/J1==\",\"host_id\":\"UsermSB-FIHyajLpZE6nd3\","
		"\"host_email\":\"host-1213@example-synthetic.test\"}},\"event_ts\":1785369356750}");
	const struct zoom_event event = read_event(body);

	(void)state;
	assert_int_equal(event.kind, ZOOM_EVENT_MEETING_STARTED);
	assert_string_equal(event.name, "meeting.started");
	assert_true(event.event_at == INT64_C(1785369356750) * MILLISECOND);
	assert_string_equal(event.account_id, "AcctYmLQWo2ZfC9U8mKGD4");
	assert_string_equal(event.host_id, "UsermSB-FIHyajLpZE6nd3");
	assert_true(event.meeting_id == INT64_C(86084701483));
	assert_int_equal(event.meeting_type, 2);
	assert_null(event.user_id);
	assert_null(event.client_id);
	assert_null(event.participant_user_id);
	assert_false(event.has_pmi);
}

static void the_order_of_the_keys_means_nothing(void **state)
{
	SCOPED(release)
	json_t *body = parse(
		"{\"payload\":{\"account_id\":\"AcctYmLQWo2ZfC9U8mKGD4\",\"object\":{\"participant\":{"
		"\"user_id\":\"62143101\",\"user_name\":\"Anfitrion Spike\",\"participant_user_id\":"
		"\"UsermSB-FIHyajLpZE6nd3\",\"id\":\"UserOther\"},\"id\":\"86084701483\",\"type\":2,"
		"\"host_id\":\"UsermSB-FIHyajLpZE6nd3\"}},\"event_ts\":1785369357392,"
		"\"event\":\"meeting.participant_joined\"}");
	const struct zoom_event event = read_event(body);

	(void)state;
	assert_int_equal(event.kind, ZOOM_EVENT_PARTICIPANT_JOINED);
	assert_string_equal(event.participant_user_id, "UsermSB-FIHyajLpZE6nd3");
	assert_string_equal(event.participant_session, "62143101");
	assert_true(event.meeting_id == INT64_C(86084701483));
}

static void a_participants_id_stands_in_for_a_missing_participant_user_id(void **state)
{
	SCOPED(release)
	json_t *body = parse(
		"{\"event\":\"meeting.participant_left\",\"payload\":{\"object\":{\"id\":\"86084701483\","
		"\"participant\":{\"participant_user_id\":\"\",\"id\":\"UserA\"}}}}");

	(void)state;
	assert_int_equal(read_event(body).kind, ZOOM_EVENT_PARTICIPANT_LEFT);
	assert_string_equal(read_event(body).participant_user_id, "UserA");
	assert_null(read_event(body).participant_session);
}

static void an_event_whose_session_is_none_is_taken_without(void **state)
{
	static const char *const sessions[] = {
		"\"\"",
		"16778240",
		"null",
		"\"a\\u0000b\"",
		"\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sessions); i++) {
		SCOPED(arena_release) struct arena arena = {0};
		SCOPED(release)
		json_t *body = parse(arena_printf(
			&arena,
			"{\"event\":\"meeting.participant_left\",\"payload\":{\"object\":{\"id\":"
			"\"86084701483\",\"participant\":{\"id\":\"UserA\",\"user_id\":%s}}}}",
			sessions[i]));

		assert_string_equal(read_event(body).participant_user_id, "UserA");
		assert_null(read_event(body).participant_session);
	}
}

static void a_guest_has_no_user_id(void **state)
{
	static const char *const guests[] = {
		"{\"event\":\"meeting.participant_left\",\"payload\":{\"object\":{\"id\":\"86084701483\","
		"\"participant\":{\"id\":\"\",\"email\":\"\",\"user_id\":\"16778240\"}}}}",
		"{\"event\":\"meeting.participant_joined\",\"payload\":{\"object\":{\"id\":\"86084701483\"}}}",
		"{\"event\":\"meeting.participant_joined\",\"payload\":{\"object\":{\"id\":\"86084701483\","
		"\"participant\":null}}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(guests); i++) {
		SCOPED(release) json_t *body = parse(guests[i]);

		assert_null(read_event(body).participant_user_id);
	}
}

static void meeting_created_maps_the_host_and_not_the_operator(void **state)
{
	SCOPED(release)
	json_t *body = parse(
		"{\"event\":\"meeting.created\",\"event_ts\":123456789,\"payload\":{\"account_id\":"
		"\"dzFrpLGqRcOtpiQQeAVDVA==\",\"operator\":\"operator@email.com\",\"operator_id\":"
		"\"operator_id\",\"object\":{\"uuid\":\"uuid\",\"id\":78723497365,\"host_id\":"
		"\"lqkrEKqMR1CCmALIVs73RQ\",\"topic\":\"Meeting Topic\",\"type\":2}}}");
	const struct zoom_event event = read_event(body);

	(void)state;
	assert_int_equal(event.kind, ZOOM_EVENT_MEETING_CREATED);
	assert_string_equal(event.host_id, "lqkrEKqMR1CCmALIVs73RQ");
	assert_string_equal(event.account_id, "dzFrpLGqRcOtpiQQeAVDVA==");
	assert_true(event.meeting_id == INT64_C(78723497365));
}

static void every_known_name_has_its_kind(void **state)
{
	static const struct {
		const char *name;
		enum zoom_event_kind kind;
	} cases[] = {
		{"meeting.created", ZOOM_EVENT_MEETING_CREATED},
		{"meeting.updated", ZOOM_EVENT_MEETING_UPDATED},
		{"meeting.deleted", ZOOM_EVENT_MEETING_DELETED},
		{"meeting.started", ZOOM_EVENT_MEETING_STARTED},
		{"meeting.ended", ZOOM_EVENT_MEETING_ENDED},
		{"meeting.participant_joined", ZOOM_EVENT_PARTICIPANT_JOINED},
		{"meeting.participant_left", ZOOM_EVENT_PARTICIPANT_LEFT},
		{"user.updated", ZOOM_EVENT_USER_UPDATED},
		{"user.deactivated", ZOOM_EVENT_USER_GONE},
		{"user.deleted", ZOOM_EVENT_USER_GONE},
		{"user.disassociated", ZOOM_EVENT_USER_GONE},
		{"app_deauthorized", ZOOM_EVENT_APP_DEAUTHORIZED},
		{"endpoint.url_validation", ZOOM_EVENT_URL_VALIDATION},
		{"user.activated", ZOOM_EVENT_OTHER},
		{"webinar.started", ZOOM_EVENT_OTHER},
		{"Meeting.Started", ZOOM_EVENT_OTHER},
		{"meeting.started ", ZOOM_EVENT_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		SCOPED(release)
		json_t *body =
			parse("{\"payload\":{\"user_id\":\"u\",\"plainToken\":\"t\",\"object\":"
			      "{\"id\":\"123456789\",\"host_id\":\"h\"}}}");

		json_object_set_new(body, "event", json_string(cases[i].name));
		assert_int_equal(read_event(body).kind, cases[i].kind);
		assert_string_equal(read_event(body).name, cases[i].name);
	}
}

static void meeting_ids_come_as_text_and_as_numbers(void **state)
{
	static const struct {
		const char *json;
		int64_t id;
	} cases[] = {
		{"\"86084701483\"", INT64_C(86084701483)},
		{"86084701483", INT64_C(86084701483)},
		{"1", 1},
		{"9223372036854775807", INT64_MAX},
		{"\"9223372036854775807\"", INT64_MAX},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text),
			 "{\"event\":\"meeting.ended\",\"payload\":{\"object\":{\"id\":%s}}}",
			 cases[i].json);
		SCOPED(release) json_t *body = parse(text);

		assert_true(read_event(body).meeting_id == cases[i].id);
	}
}

static void what_is_no_meeting_id_is_refused_by_name(void **state)
{
	static const char *const wrong[] = {
		"null",
		"0",
		"\"\"",
		"\"0\"",
		"-1",
		"\"-86084701483\"",
		"\"+86084701483\"",
		"86084701483.0",
		"8.6e10",
		"\"86084701483.5\"",
		"\"9223372036854775808\"",
		"\"99999999999999999999999999\"",
		"\" 86084701483\"",
		"\"86084701483 \"",
		"\"860 8470 1483\"",
		"\"0x1\"",
		"\"86084701483\\u0000\"",
		"\"x\"",
		"true",
		"[86084701483]",
		"{\"id\":86084701483}",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		snprintf(text, sizeof(text),
			 "{\"event\":\"meeting.ended\",\"payload\":{\"object\":{\"id\":%s}}}",
			 wrong[i]);
		expect_refused(text, "payload.object.id");
	}
}

static void what_an_event_cannot_do_without_is_named(void **state)
{
	static const struct {
		const char *json, *named;
	} cases[] = {
		{"[]", "the body"},
		{"\"meeting.started\"", "the body"},
		{"{}", "event is missing"},
		{"{\"event\":null}", "event is missing"},
		{"{\"event\":\"\"}", "event is missing"},
		{"{\"event\":7}", "event is not a string"},
		{"{\"event\":\"meeting.\\u0000started\"}", "event holds a NUL"},
		{"{\"event\":\"meeting.started\"}", "payload.object.id"},
		{"{\"event\":\"meeting.started\",\"payload\":[]}", "payload is not"},
		{"{\"event\":\"meeting.started\",\"payload\":{\"object\":\"x\"}}",
		 "payload.object is not"},
		{"{\"event\":\"meeting.created\",\"payload\":{\"object\":{\"id\":1}}}",
		 "payload.object.host_id"},
		{"{\"event\":\"meeting.created\",\"payload\":{\"object\":{\"id\":1,\"host_id\":\"\"}}}",
		 "payload.object.host_id"},
		{"{\"event\":\"user.deleted\",\"payload\":{\"object\":{}}}", "payload.object.id"},
		{"{\"event\":\"user.updated\",\"payload\":{\"object\":{\"pmi\":5}}}",
		 "payload.object.id"},
		{"{\"event\":\"app_deauthorized\",\"payload\":{\"client_id\":\"c\"}}",
		 "payload.user_id"},
		{"{\"event\":\"endpoint.url_validation\",\"payload\":{}}", "payload.plainToken"},
		{"{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":\"\"}}",
		 "payload.plainToken"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_refused(cases[i].json, cases[i].named);
}

static void wrong_types_are_refused_by_name_wherever_they_are(void **state)
{
	static const struct {
		const char *event, *object, *payload, *named;
	} cases[] = {
		{"meeting.started", "\"host_id\":5", "", "payload.object.host_id"},
		{"meeting.started", "\"host_id\":[\"h\"]", "", "payload.object.host_id"},
		{"meeting.started", "\"type\":\"x\"", "", "payload.object.type"},
		{"meeting.started", "\"type\":2147483648", "", "payload.object.type"},
		{"meeting.started", "\"type\":-1", "", "payload.object.type"},
		{"meeting.started", "\"x\":0", ",\"account_id\":{}", "payload.account_id"},
		{"meeting.deleted", "\"occurrences\":{}", "", "payload.object.occurrences"},
		{"meeting.deleted", "\"x\":0", ",\"operation\":1", "payload.operation"},
		{"meeting.participant_left", "\"participant\":[]", "",
		 "payload.object.participant"},
		{"meeting.participant_left", "\"participant\":{\"id\":5}", "",
		 "payload.object.participant.id"},
		{"meeting.participant_left", "\"participant\":{\"participant_user_id\":true}", "",
		 "payload.object.participant.participant_user_id"},
		{"user.updated", "\"pmi\":true", "", "payload.object.pmi"},
		{"user.updated", "\"pmi\":-5", "", "payload.object.pmi"},
		{"user.updated", "\"pmi\":5.5", "", "payload.object.pmi"},
		{"user.updated", "\"vanity_url\":5", "", "payload.object.vanity_url"},
		{"app_deauthorized", "\"x\":0", ",\"user_id\":\"u\",\"client_id\":5",
		 "payload.client_id"},
		{"app_deauthorized", "\"x\":0",
		 ",\"user_id\":\"u\",\"deauthorization_time\":\"soon\"",
		 "payload.deauthorization_time"},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text),
			 "{\"event\":\"%s\",\"payload\":{\"object\":{\"id\":\"123456789\",%s}%s}}",
			 cases[i].event, cases[i].object, cases[i].payload);
		expect_refused(text, cases[i].named);
	}
}

static void an_endless_text_is_refused(void **state)
{
	SCOPED(release)
	json_t *body = parse("{\"event\":\"user.deleted\",\"payload\":{\"object\":{}}}");
	struct zoom_event event;
	struct error err = {0};
	char id[1026];

	(void)state;
	memset(id, 'a', sizeof(id));
	id[1025] = '\0';
	json_object_set_new(json_object_get(json_object_get(body, "payload"), "object"), "id",
			    json_string(id));
	assert_false(zoom_event_read(body, &event, &err));
	assert_non_null(strstr(err.message, "payload.object.id is too long"));
	json_object_set_new(json_object_get(json_object_get(body, "payload"), "object"), "id",
			    json_string(id + 1));
	assert_true(zoom_event_read(body, &event, &err));
}

static void event_ts_is_milliseconds_and_below_1973_seconds(void **state)
{
	static const struct {
		const char *json;
		instant at;
	} cases[] = {
		{"1785369356750", INT64_C(1785369356750) * MILLISECOND},
		{"\"1785369356750\"", INT64_C(1785369356750) * MILLISECOND},
		{"123456789", INT64_C(123456789) * SECOND},
		{"99999999999", INT64_C(99999999999) * SECOND},
		{"100000000000", INT64_C(100000000000) * MILLISECOND},
		{"253402300799999", INT64_C(253402300799999) * MILLISECOND},
		{"0", 0},
		{"null", 0},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text),
			 "{\"event\":\"meeting.ended\",\"event_ts\":%s,"
			 "\"payload\":{\"object\":{\"id\":1}}}",
			 cases[i].json);
		SCOPED(release) json_t *body = parse(text);

		assert_true(read_event(body).event_at == cases[i].at);
	}
}

static void an_event_ts_that_is_no_time_is_refused(void **state)
{
	static const char *const wrong[] = {
		"-1",
		"1785369356.75",
		"\"now\"",
		"true",
		"253402300800000",
		"9223372036854775807",
		"[1]",
		"\"99999999999999999999\"",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		snprintf(text, sizeof(text),
			 "{\"event\":\"meeting.ended\",\"event_ts\":%s,"
			 "\"payload\":{\"object\":{\"id\":1}}}",
			 wrong[i]);
		expect_refused(text, "event_ts");
	}
}

static void deleting_one_occurrence_is_told_from_deleting_the_meeting(void **state)
{
	static const struct {
		const char *rest;
		bool is_one;
	} cases[] = {
		{"\"object\":{\"id\":78723497365}", false},
		{"\"operation\":\"all\",\"object\":{\"id\":78723497365}", false},
		{"\"operation\":null,\"object\":{\"id\":78723497365,\"occurrences\":null}", false},
		{"\"operation\":\"all\",\"object\":{\"id\":78723497365,\"occurrences\":[]}", false},
		{"\"operation\":\"single\",\"object\":{\"id\":78723497365}", true},
		{"\"operation\":\"all\",\"object\":{\"id\":78723497365,\"occurrences\":"
		 "[{\"occurrence_id\":\"1\"}]}",
		 true},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text), "{\"event\":\"meeting.deleted\",\"payload\":{%s}}",
			 cases[i].rest);
		SCOPED(release) json_t *body = parse(text);

		assert_int_equal(read_event(body).is_one_occurrence, cases[i].is_one);
	}
}

static void user_updated_tells_what_changed_and_nothing_else(void **state)
{
	static const struct {
		const char *changed;
		bool has_pmi;
		int64_t pmi;
		const char *url;
	} cases[] = {
		{"\"pmi\":5551234567", true, INT64_C(5551234567), NULL},
		{"\"pmi\":\"5551234567\"", true, INT64_C(5551234567), NULL},
		{"\"pmi\":null", true, 0, NULL},
		{"\"pmi\":\"\"", true, 0, NULL},
		{"\"pmi\":0", true, 0, NULL},
		{"\"dept\":\"x\"", false, 0, NULL},
		{"\"vanity_url\":\"https://zoom.us/my/jane\"", false, 0, "https://zoom.us/my/jane"},
		{"\"vanity_url\":\"\"", false, 0, ""},
		{"\"vanity_url\":null", false, 0, ""},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text),
			 "{\"event\":\"user.updated\",\"payload\":{\"object\":{\"id\":\"u1\",%s},"
			 "\"old_object\":{\"id\":\"u1\",\"pmi\":5559876543}}}",
			 cases[i].changed);
		SCOPED(release) json_t *body = parse(text);
		const struct zoom_event event = read_event(body);

		assert_string_equal(event.user_id, "u1");
		assert_int_equal(event.has_pmi, cases[i].has_pmi);
		assert_true(event.pmi == cases[i].pmi);
		if (cases[i].url == NULL)
			assert_null(event.personal_url);
		else
			assert_string_equal(event.personal_url, cases[i].url);
	}
}

static void a_user_who_is_gone_is_named(void **state)
{
	SCOPED(release)
	json_t *body = parse(
		"{\"event\":\"user.disassociated\",\"event_ts\":1785369806781,\"payload\":{\"account_id\":"
		"\"a\",\"operator\":\"admin@x\",\"object\":{\"id\":\"u1\",\"email\":\"e\",\"type\":1}}}");
	const struct zoom_event event = read_event(body);

	(void)state;
	assert_int_equal(event.kind, ZOOM_EVENT_USER_GONE);
	assert_string_equal(event.user_id, "u1");
	assert_true(event.meeting_id == 0);
}

static void app_deauthorized_carries_client_and_user(void **state)
{
	SCOPED(release)
	json_t *body = parse(
		"{\"event\":\"app_deauthorized\",\"event_ts\":1749365726209,\"payload\":{\"account_id\":"
		"\"MXEuWmOmTsKWUswrfpPslg\",\"client_id\":\"bDU6oQQ5Qe6sz9mVaMVEyw\","
		"\"deauthorization_time\":\"2025-06-08T06:55:26.209Z\",\"signature\":\"18f3b8\","
		"\"user_data_retention\":null,\"user_id\":\"NtEMagHcQAygosd81Lzysw\"}}");
	const struct zoom_event event = read_event(body);

	(void)state;
	assert_int_equal(event.kind, ZOOM_EVENT_APP_DEAUTHORIZED);
	assert_string_equal(event.client_id, "bDU6oQQ5Qe6sz9mVaMVEyw");
	assert_string_equal(event.user_id, "NtEMagHcQAygosd81Lzysw");
	assert_string_equal(event.account_id, "MXEuWmOmTsKWUswrfpPslg");
	assert_true(event.event_at == INT64_C(1749365726209) * MILLISECOND);
}

static void the_time_of_a_deauthorization_is_found_wherever_it_is(void **state)
{
	static const struct {
		const char *rest;
		instant at;
	} cases[] = {
		{"\"event_ts\":1749365726209", INT64_C(1749365726209) * MILLISECOND},
		{"\"deauthorization_time\":\"2025-06-08T06:55:26.209Z\"",
		 INT64_C(1749365726209) * MILLISECOND},
		{"\"user_data_retention\":\"false\"", 0},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text),
			 "{\"event\":\"app_deauthorized\",\"payload\":{\"user_id\":\"u\",%s}}",
			 cases[i].rest);
		SCOPED(release) json_t *body = parse(text);

		assert_true(read_event(body).event_at == cases[i].at);
		assert_null(read_event(body).client_id);
	}
}

static void url_validation_carries_its_plain_token(void **state)
{
	SCOPED(release)
	json_t *body = parse("{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":"
			     "\"qgg8vlvZRS6UYooatFL8Aw\"},\"event_ts\":1654503849680}");

	(void)state;
	assert_int_equal(read_event(body).kind, ZOOM_EVENT_URL_VALIDATION);
	assert_string_equal(read_event(body).plain_token, "qgg8vlvZRS6UYooatFL8Aw");
}

static void an_unknown_event_is_never_refused_for_its_shape(void **state)
{
	static const char *const shapes[] = {
		"{\"event\":\"phone.ringing\"}",
		"{\"event\":\"phone.ringing\",\"payload\":7}",
		"{\"event\":\"phone.ringing\",\"event_ts\":\"x\",\"payload\":{\"object\":[]}}",
		"{\"event\":\"phone.ringing\",\"payload\":{\"account_id\":5}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		SCOPED(release) json_t *body = parse(shapes[i]);
		const struct zoom_event event = read_event(body);

		assert_int_equal(event.kind, ZOOM_EVENT_OTHER);
		assert_string_equal(event.name, "phone.ringing");
		assert_null(event.account_id);
	}
}

static void an_event_that_is_kept_outlives_its_json(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	json_t *body =
		parse("{\"event\":\"app_deauthorized\",\"event_ts\":1785369356750,\"payload\":{"
		      "\"account_id\":\"an account\",\"user_id\":\"a user\","
		      "\"client_id\":\"a client\"}}");
	struct zoom_event event = read_event(body);

	(void)state;
	zoom_event_keep(&event, &arena);
	json_decref(body);
	assert_string_equal(event.name, "app_deauthorized");
	assert_string_equal(event.account_id, "an account");
	assert_string_equal(event.user_id, "a user");
	assert_string_equal(event.client_id, "a client");
	assert_null(event.host_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_live_meeting_started_is_read),
		cmocka_unit_test(the_order_of_the_keys_means_nothing),
		cmocka_unit_test(a_participants_id_stands_in_for_a_missing_participant_user_id),
		cmocka_unit_test(an_event_whose_session_is_none_is_taken_without),
		cmocka_unit_test(a_guest_has_no_user_id),
		cmocka_unit_test(meeting_created_maps_the_host_and_not_the_operator),
		cmocka_unit_test(every_known_name_has_its_kind),
		cmocka_unit_test(meeting_ids_come_as_text_and_as_numbers),
		cmocka_unit_test(what_is_no_meeting_id_is_refused_by_name),
		cmocka_unit_test(what_an_event_cannot_do_without_is_named),
		cmocka_unit_test(wrong_types_are_refused_by_name_wherever_they_are),
		cmocka_unit_test(an_endless_text_is_refused),
		cmocka_unit_test(event_ts_is_milliseconds_and_below_1973_seconds),
		cmocka_unit_test(an_event_ts_that_is_no_time_is_refused),
		cmocka_unit_test(deleting_one_occurrence_is_told_from_deleting_the_meeting),
		cmocka_unit_test(user_updated_tells_what_changed_and_nothing_else),
		cmocka_unit_test(a_user_who_is_gone_is_named),
		cmocka_unit_test(app_deauthorized_carries_client_and_user),
		cmocka_unit_test(the_time_of_a_deauthorization_is_found_wherever_it_is),
		cmocka_unit_test(url_validation_carries_its_plain_token),
		cmocka_unit_test(an_unknown_event_is_never_refused_for_its_shape),
		cmocka_unit_test(an_event_that_is_kept_outlives_its_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
