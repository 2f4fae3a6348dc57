#include "zoom/meeting_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* What a text comes to: its canonical link, or a part of the message that refuses it. */
struct reading {
	const char *text, *expected;
};

static void expect_canonical(const struct reading *readings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		SCOPED(arena_release) struct arena arena = {0};
		struct meeting_url url;
		struct error err = {0};

		if (!meeting_url_parse(&arena, readings[i].text, &url, &err))
			fail_msg("'%s': %s", readings[i].text, err.message);
		if (strcmp(url.canonical, readings[i].expected) != 0)
			fail_msg("'%s' gave %s, not %s", readings[i].text, url.canonical,
				 readings[i].expected);
		assert_true((url.meeting_id == 0) == (url.personal_name != NULL));
	}
}

static void expect_refused(const struct reading *readings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		SCOPED(arena_release) struct arena arena = {0};
		struct meeting_url url;
		struct error err = {0};

		if (meeting_url_parse(&arena, readings[i].text, &url, &err))
			fail_msg("'%s' was read as %s", readings[i].text, url.canonical);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_string_equal(err.code, "invalid_meeting_url");
		if (strstr(err.message, readings[i].expected) == NULL)
			fail_msg("'%s': '%s' does not say '%s'", readings[i].text, err.message,
				 readings[i].expected);
	}
}

static struct meeting_url read_url(struct arena *arena, const char *text)
{
	struct meeting_url url;
	struct error err = {0};

	if (!meeting_url_parse(arena, text, &url, &err))
		fail_msg("'%s': %s", text, err.message);
	return url;
}

static void all_parts_of_a_link_are_read(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct meeting_url url =
		read_url(&arena,
			 "https://US02web.zoom.us/j/92780837478?pwd=Y09jbWko0UVU2eF0dkNXddz09");

	(void)state;
	assert_true(url.meeting_id == INT64_C(92780837478));
	assert_null(url.personal_name);
	assert_string_equal(url.host, "us02web.zoom.us");
	assert_false(url.is_webinar_link);
	assert_string_equal(url.passcode, "Y09jbWko0UVU2eF0dkNXddz09");
	assert_string_equal(url.canonical,
			    "https://us02web.zoom.us/j/92780837478?pwd=Y09jbWko0UVU2eF0dkNXddz09");
}

static void every_form_of_a_web_link_is_read(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/j/123456789", "https://zoom.us/j/123456789"},
		{"zoom.us/j/123456789", "https://zoom.us/j/123456789"},
		{"//zoom.us/j/123456789", "https://zoom.us/j/123456789"},
		{"http://zoom.us/j/123456789", "https://zoom.us/j/123456789"},
		{"HTTPS://ZOOM.US/j/123456789", "https://zoom.us/j/123456789"},
		{"https://zoom.us:443/j/123456789", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789/", "https://zoom.us/j/123456789"},
		{"https://zoom.us//j//123456789", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789#success", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789?", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789012", "https://zoom.us/j/123456789012"},
		{"https://zoom.us/s/749470598", "https://zoom.us/j/749470598"},
		{"https://zoom.us/w/123456789", "https://zoom.us/w/123456789"},
		{"https://zoom.us/join/123456789", "https://zoom.us/j/123456789"},
		{"https://zoom.us/wc/123456789", "https://zoom.us/j/123456789"},
		{"https://zoom.us/wc/join/123456789", "https://zoom.us/j/123456789"},
		{"https://zoom.us/wc/123456789/join", "https://zoom.us/j/123456789"},
		{"https://zoom.us/wc/123456789/start", "https://zoom.us/j/123456789"},
		{"https://app.zoom.us/wc/join/123456789?pwd=a",
		 "https://zoom.us/j/123456789?pwd=a"},
		{"https://app.zoom.us/wc/123456789/join", "https://zoom.us/j/123456789"},
		{"https://apple.zoom.us/j/92780837478", "https://apple.zoom.us/j/92780837478"},
		{"https://a-b.c.zoom.us/j/123456789", "https://a-b.c.zoom.us/j/123456789"},
		{"https://agency.zoomgov.com/j/1612345678",
		 "https://agency.zoomgov.com/j/1612345678"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void zoom_com_is_written_zoom_us(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.com/j/123456789", "https://zoom.us/j/123456789"},
		{"zoom.com/j/123456789", "https://zoom.us/j/123456789"},
		{"https://us02web.zoom.com/j/123456789", "https://us02web.zoom.us/j/123456789"},
		{"https://us05web.zoom.com/w/987654321", "https://us05web.zoom.us/w/987654321"},
		{"https://app.zoom.com/wc/join/987654321", "https://zoom.us/j/987654321"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void the_app_schemes_are_read(void **state)
{
	static const struct reading readings[] = {
		{"zoommtg://zoom.us/join?confno=123456789&pwd=abc",
		 "https://zoom.us/j/123456789?pwd=abc"},
		{"zoomus://zoom.us/join?action=join&confno=123456789",
		 "https://zoom.us/j/123456789"},
		{"ZoomMtg://us02web.zoom.us/start?zak=eyJ0secret&confno=123456789",
		 "https://us02web.zoom.us/j/123456789"},
		{"zoommtg://zoom.us?confno=123456789", "https://zoom.us/j/123456789"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void a_personal_link_is_known_by_its_name_in_lower_case(void **state)
{
	static const struct reading readings[] = {
		{"unsw.zoom.us/my/ruitut", "https://unsw.zoom.us/my/ruitut"},
		{"https://vuw.zoom.us/my/Andre.Geldenhuis",
		 "https://vuw.zoom.us/my/andre.geldenhuis"},
		{"https://x-au.zoom.us/my/armi.escamilla.",
		 "https://x-au.zoom.us/my/armi.escamilla"},
		{"https://zoom.us/my/john2", "https://zoom.us/my/john2"},
		{"https://zoom.us/my/john.?pwd=a", "https://zoom.us/my/john?pwd=a"},
		{"https://zoom.us/my/a-b_c", "https://zoom.us/my/a-b_c"},
		{"https://zoom.us/my/5551234567", "https://zoom.us/my/5551234567"},
		{"https://zoom.us/my/jane%2Ehost?pwd=a%2Fb",
		 "https://zoom.us/my/jane.host?pwd=a%2Fb"},
		{"zoom.us/my/amandaknight?pwd=V2RqVVE0WEo4azVYYks0UVVuM1YxUT09",
		 "https://zoom.us/my/amandaknight?pwd=V2RqVVE0WEo4azVYYks0UVVuM1YxUT09"},
	};
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
	assert_string_equal(read_url(&arena, readings[1].text).personal_name, "andre.geldenhuis");
	assert_true(read_url(&arena, readings[6].text).meeting_id == 0);
}

static void pwd_and_tk_stay_and_all_else_goes(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/w/123456789?pwd=AbC9xYpQ2LmN7RkT5sVuH4ZbJe1DfG.1&tk=ZkPqN8f2_-.DQkAAAAA",
		 "https://zoom.us/w/123456789?pwd=AbC9xYpQ2LmN7RkT5sVuH4ZbJe1DfG.1&tk=ZkPqN8f2_-.DQkAAAAA"},
		{"https://zoom.com/w/111222333?tk=Zk.TESTTOKEN&pwd=AbC9.1",
		 "https://zoom.us/w/111222333?pwd=AbC9.1&tk=Zk.TESTTOKEN"},
		{"https://zoom.us/w/111222333?tk=Zk", "https://zoom.us/w/111222333?tk=Zk"},
		{"https://vedubox.zoom.us/s/749470598?zak=eyJ6bV9za20&pwd=a-b_c.1",
		 "https://vedubox.zoom.us/j/749470598?pwd=a-b_c.1"},
		{"https://zoom.us/j/123456789?pwd=a%2Bb%3D%3D&uname=Bot&from=addon",
		 "https://zoom.us/j/123456789?pwd=a%2Bb%3D%3D"},
		{"https://zoom.us/j/123456789?pwd=", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789?pwd", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789?xpwd=a&pwdx=b&&pwd=c",
		 "https://zoom.us/j/123456789?pwd=c"},
		{"https://zoom.us/j/123456789?pwd=first&pwd=second",
		 "https://zoom.us/j/123456789?pwd=first"},
		{"https://zoom.us/j/123456789?from=a&amp;pwd=b",
		 "https://zoom.us/j/123456789?pwd=b"},
		{"https://zoom.us/j/123456789#?pwd=a", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789?pwd=Zm9v==",
		 "https://zoom.us/j/123456789?pwd=Zm9v=="},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void a_webinars_link_is_marked(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	assert_true(read_url(&arena, "https://zoom.us/w/123456789").is_webinar_link);
	assert_false(read_url(&arena, "https://zoom.us/wc/123456789").is_webinar_link);
}

static void an_encoded_link_is_decoded_up_to_three_times(void **state)
{
	static const struct reading readings[] = {
		{"https%3A%2F%2Fzoom.us%2Fj%2F123456789%3Fpwd%3Dabc.1",
		 "https://zoom.us/j/123456789?pwd=abc.1"},
		{"https%253A%252F%252Fzoom.us%252Fj%252F123456789", "https://zoom.us/j/123456789"},
		{"https%25253A%25252F%25252Fzoom.us%25252Fj%25252F123456789",
		 "https://zoom.us/j/123456789"},
		{"zoom.us%2Fj%2F123456789", "https://zoom.us/j/123456789"},
		{"https%3A//zoom.us/j/123456789", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789%3Fpwd%3Dabc", "https://zoom.us/j/123456789?pwd=abc"},
		{"%3Chttps%3A%2F%2Fzoom.us%2Fj%2F123456789%3E", "https://zoom.us/j/123456789"},
		{"Join: https%3A%2F%2Fzoom.us%2Fj%2F123456789", "https://zoom.us/j/123456789"},
		/* What was encoded inside the query stays so. */
		{"https%3A%2F%2Fzoom.us%2Fj%2F123456789%3Fpwd%3Da%252Fb",
		 "https://zoom.us/j/123456789?pwd=a%2Fb"},
	};
	static const struct reading refused[] = {
		{"https%2525253A%2525252F%2525252Fzoom.us%2525252Fj%2525252F123456789",
		 "no Zoom join"},
		{"https%3A%2F%2Fzoom.us%2Fj%2", "no Zoom join"},
		{"https://zoom.us/j/12345678%zz", "zoom.us/j/12345678'"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
	expect_refused(refused, COUNT_OF(refused));
}

static void what_wraps_a_link_is_left_off(void **state)
{
	static const char *const wrapped[] = {
		"  https://zoom.us/j/123456789?pwd=a.1  ",
		"\thttps://zoom.us/j/123456789?pwd=a.1\r\n",
		"<https://zoom.us/j/123456789?pwd=a.1>",
		"https://zoom.us/j/123456789?pwd=a.1>",
		"(https://zoom.us/j/123456789?pwd=a.1).",
		"\"https://zoom.us/j/123456789?pwd=a.1\",",
		"'https://zoom.us/j/123456789?pwd=a.1';",
		"`https://zoom.us/j/123456789?pwd=a.1`",
		"**https://zoom.us/j/123456789?pwd=a.1**",
		"**zoom.us/j/123456789?pwd=a.1**",
		"[Join](https://zoom.us/j/123456789?pwd=a.1)",
		"[https://zoom.us/j/123456789](https://zoom.us/j/123456789?pwd=a.1)",
		"<a href=\"https://zoom.us/j/123456789?pwd=a.1\">Join</a>",
		"https://zoom.us/j/123456789?pwd=a.1<https://zoom.us/j/123456789?pwd=a.1>",
		"Join:https://zoom.us/j/123456789?pwd=a.1",
		"URL=https://zoom.us/j/123456789?pwd=a.1!",
		"\xe2\x80\x9chttps://zoom.us/j/123456789?pwd=a.1\xe2\x80\x9d",
		"\xe3\x80\x8chttps://zoom.us/j/123456789?pwd=a.1\xe3\x80\x8d\xe3\x80\x82",
		"\xef\xbb\xbfhttps://zoom.us/j/123456789?pwd=a.1\xc2\xa0",
		"\xc2\xabhttps://zoom.us/j/123456789?pwd=a.1\xc2\xbb",
		"\xef\xbc\x88https://zoom.us/j/123456789?pwd=a.1\xef\xbc\x89",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrapped); i++)
		expect_canonical(&(struct reading){wrapped[i],
						   "https://zoom.us/j/123456789?pwd=a.1"},
				 1);
}

static void a_lookalike_host_is_refused(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us.evil.com/j/123456789",
		 "'zoom.us.evil.com' is not a host of Zoom's"},
		{"https://evilzoom.us/j/123456789", "'evilzoom.us' is not a host"},
		{"https://zoom.us.co/j/123456789", "not a host"},
		{"https://zoom.com.cn/j/123456789", "not a host"},
		{"https://notzoomgov.com/j/123456789", "not a host"},
		{"https://zoomgov.us/j/123456789", "not a host"},
		{"https://evil.com/https://zoom.us/j/123456789", "'evil.com' is not a host"},
		{"evil.com/https://zoom.us/j/123456789", "'evil.com' is not a host"},
		{"https://evil.com?x=https://zoom.us/j/123456789", "'evil.com' is not a host"},
		{"https://evil.com#https://zoom.us/j/123456789", "'evil.com' is not a host"},
		{"https://evil.com\\.zoom.us/j/123456789", "not a host"},
		{"https://.zoom.us/j/123456789", "not a host"},
		{"https://a..zoom.us/j/123456789", "not a host"},
		{"https://zoom.us./j/123456789", "not a host"},
		{"https://a_b.zoom.us/j/123456789", "not a host"},
		{"https://evil.com%2F.zoom.us/j/123456789", "not a host"},
		{"https://\xc3\xa4zoom.us/j/123456789", "not a host"},
		{"\xc3\xa4zoom.us/j/123456789", "not a host"},
		{"https://z\xd0\xbe\xd0\xbem.us/j/123456789", "not a host"},
		{"https:///zoom.us/j/123456789", "not a host"},
		{"https:///j/123456789", "not a host"},
	};

	(void)state;
	expect_refused(readings, COUNT_OF(readings));
}

static void user_information_and_ports_are_refused(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us@evil.com/j/123456789",
		 "'evil.com/j/123456789' comes with a user name"},
		{"https://jane:hunter2@zoom.us/j/123456789",
		 "'zoom.us/j/123456789' comes with a user name"},
		{"https://zoom.us\\@evil.com/j/123456789", "comes with a user name"},
		{"https://zoom.us:8443/j/123456789", "names a port"},
		{"https://zoom.us:80/j/123456789", "names a port"},
		{"https://zoom.us:443x/j/123456789", "names a port"},
		{"ftp://zoom.us/j/123456789", "'ftp' is no scheme"},
		{"javascript://zoom.us/j/123456789", "'javascript' is no scheme"},
	};

	(void)state;
	expect_refused(readings, COUNT_OF(readings));
}

static void pages_that_are_not_joined_are_named(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/rec/share/abc.def", "'zoom.us/rec/share/abc.def' is a recording"},
		{"https://zoom.us/rec/play/123456789", "is a recording"},
		{"https://us02web.zoom.us/u/kbZ123456789", "dial-in numbers"},
		{"https://us02web.zoom.us/meeting/register/tZ0123456789", "registration page"},
		{"https://us02web.zoom.us/webinar/register/WN_123456789", "registration page"},
		{"https://zoom.us/meeting/tZ0123456789/ics", "is a page of Zoom's"},
		{"https://zoom.us/recordings/123456789", "is a page of Zoom's"},
		{"https://zoom.us", "is a page of Zoom's"},
		{"https://zoom.us/", "is a page of Zoom's"},
		{"https://zoom.us/j/", "holds no meeting id of 9 to 12 digits"},
		{"https://zoom.us/j", "holds no meeting id"},
		{"https://zoom.us/j/test", "holds no meeting id"},
		{"https://zoom.com/j/test", "holds no meeting id"},
		{"https://zoom.us/j/12345678", "holds no meeting id"},
		{"https://zoom.us/j/1234567890123", "holds no meeting id"},
		{"https://zoom.us/j/0123456789", "holds no meeting id"},
		{"https://zoom.us/j/-123456789", "holds no meeting id"},
		{"https://zoom.us/j/123456789x", "holds no meeting id"},
		{"https://zoom.us/j/123456789/x", "holds no meeting id"},
		{"https://zoom.us/w/1234", "holds no meeting id"},
		{"https://zoom.us/wc/join", "holds no meeting id"},
		{"https://zoom.us/wc/1/2/3/4/5", "holds no meeting id"},
		{"https://zoom.us/wc/123456789/leave", "holds no meeting id"},
		{"https://zoom.us/join", "holds no meeting id"},
		{"zoommtg://zoom.us/join?confno=12", "holds no meeting id"},
		{"zoommtg://zoom.us/join", "holds no meeting id"},
		{"https://zoom.us/my/", "names no personal meeting room"},
		{"https://zoom.us/my", "names no personal meeting room"},
		{"https://zoom.us/my/..", "names no personal meeting room"},
		{"https://zoom.us/my/j\xc3\xb6rg", "names no personal meeting room"},
		{"https://zoom.us/my/jane/123456789", "names no personal meeting room"},
		{"https://meet.google.com/abc-defg-hij", "'meet.google.com' is a Google Meet link"},
		{"meet.google.com/abc-defg-hij", "is a Google Meet link"},
		{"https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0>",
		 "is a Microsoft Teams link"},
		{"https://teams.live.com/meet/9312345678?p=abc", "is a Microsoft Teams link"},
		{"https://acme.webex.com/meet/jane", "is a Webex link"},
		{"https://example.com", "'example.com' is not a host of Zoom's"},
		{"", "the meeting URL is empty"},
		{" \n\t<>", "the meeting URL is empty"},
		{"see you tomorrow and/or later", "holds no Zoom join link"},
		{"zoom.us", "holds no Zoom join link"},
		{"jane@zoom.us", "holds no Zoom join link"},
	};

	(void)state;
	expect_refused(readings, COUNT_OF(readings));
}

static void a_refusal_says_what_would_be_right(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/rec/share/abc",
		 "expected a Zoom join link like https://zoom.us/j/"},
		{"hello", "expected a Zoom join link like https://zoom.us/j/"},
		{"https://example.com/a", "expected a Zoom join link like https://zoom.us/j/"},
	};

	(void)state;
	expect_refused(readings, COUNT_OF(readings));
}

static void no_refusal_shows_a_secret(void **state)
{
	static const char *const texts[] = {
		"https://zoom.us/s/12345?zak=SECRET",
		"https://zoom.us/s/12345&zak=SECRET",
		"https://zoom.us/s/12345;zak=SECRET",
		"https://zoom.us/s/12345#zak=SECRET",
		"https://zoom.us/s/12345%3Fzak%3DSECRET",
		"https://zoom.us/s/12345%2525253Fzak%2525253DSECRET",
		"https://zoom.us/s/12345%zz%3Fzak=SECRET",
		"https://zoom.us&zak=SECRET/s/749470598",
		"https://zoom.us:80?tk=SECRET",
		"https://host:SECRET@zoom.us/j/123456789",
		"https://example.com/SECRET",
		"https://zoom.us/w/123456789?tk=SECRET\xc3\xa4",
		"https://zoom.us/j/123456789?tk=SECRET https://zoom.us/j/987654321?zak=SECRET",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		SCOPED(arena_release) struct arena arena = {0};
		struct meeting_url url;
		struct error err = {0};

		assert_false(meeting_url_parse(&arena, texts[i], &url, &err));
		if (strstr(err.message, "SECRET") != NULL)
			fail_msg("'%s': %s", texts[i], err.message);
	}
}

static void a_message_holds_nothing_but_printable_ascii(void **state)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct meeting_url url;
	struct error err = {0};
	char text[600];

	(void)state;
	snprintf(text, sizeof(text), "https://zoom.us/j/%0400d\xc3\xa4", 0);
	assert_false(meeting_url_parse(&arena, text, &url, &err));
	assert_true(strlen(err.message) < 250);
	assert_false(
		meeting_url_parse(&arena, "https://z\xc3\xb6\x6fm.zoom.us/j/%01%0a", &url, &err));
	for (const char *c = err.message; *c != '\0'; c++)
		assert_in_range(*c, ' ', '~');
}

static void the_join_link_is_taken_out_of_an_invitation(void **state)
{
	static const struct reading readings[] = {
		{"Jane is inviting you to a scheduled Zoom meeting.\n\nJoin Zoom Meeting\n"
		 "https://apple.zoom.us/j/92780837478?pwd=Y09jbWko\n\nMeeting ID: 927 8083 7478\n"
		 "Passcode: 615\n\n---\n\nOne tap mobile\n+13462487799,,92780837478#,,,,*615# US "
		 "(Houston)\n+16694449171,,92780837478#,,,,*615# US\n\n---\n\nDial by your location\n"
		 "\xe2\x80\xa2 +1 346 248 7799 US (Houston)\n\nMeeting ID: 927 8083 7478\n"
		 "Passcode: 615\n\nFind your local number: https://apple.zoom.us/u/abWdjXyz12\n\n"
		 "Join by SIP\n\xe2\x80\xa2 92780837478@zoomcrc.com\n\nJoin by H.323\n"
		 "\xe2\x80\xa2 144.195.19.161 (US West)\n\nJoin by Skype for Business\n"
		 "https://apple.zoom.us/skype/92780837478\n",
		 "https://apple.zoom.us/j/92780837478?pwd=Y09jbWko"},
		{"https://zoom.us/u/abc then https://zoom.us/j/123456789.",
		 "https://zoom.us/j/123456789"},
		{"https://example.com/agenda https://zoom.us/j/123456789",
		 "https://zoom.us/j/123456789"},
		{"https://zoom.us/rec/share/abc https://zoom.us/j/123456789",
		 "https://zoom.us/j/123456789"},
		{"https://meet.google.com/abc-defg-hij or https://zoom.us/j/123456789",
		 "https://zoom.us/j/123456789"},
		{"Join https://zoom.us/my/jane?pwd=a\nMeeting ID: 806 378 7231",
		 "https://zoom.us/my/jane?pwd=a"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void an_invitation_without_a_link_is_known_by_its_meeting_id(void **state)
{
	static const struct reading readings[] = {
		{"Meeting ID: 651 3733 2422\nPasscode: 615",
		 "https://zoom.us/j/65137332422?pwd=615"},
		{"Meeting ID: 651 3733 2422 Passcode: 615",
		 "https://zoom.us/j/65137332422?pwd=615"},
		{"Meeting ID : 820 7763 9839\nPasscode : 145598",
		 "https://zoom.us/j/82077639839?pwd=145598"},
		{"meeting id 123-456-789", "https://zoom.us/j/123456789"},
		{"**Meeting ID:** 806 378 7231\n**Passcode:** ab*c",
		 "https://zoom.us/j/8063787231?pwd=ab%2Ac"},
		{"Webinar ID: 123 4567 8901, password: \"x(1&2)\"",
		 "https://zoom.us/j/12345678901?pwd=x%281%262"},
		{"Meeting ID\xef\xbc\x9a 806 378 7231", "https://zoom.us/j/8063787231"},
		{"Meeting ID: 806\xc2\xa0"
		 "378\xc2\xa0"
		 "7231",
		 "https://zoom.us/j/8063787231"},
		{"Meeting ID: 806 378 7231\n+1 346 248 7799", "https://zoom.us/j/8063787231"},
		{"https://zoom.us/u/abc\nMeeting ID: 806 378 7231", "https://zoom.us/j/8063787231"},
		{"https://example.com/agenda\nMeeting ID: 806 378 7231",
		 "https://zoom.us/j/8063787231"},
		{"Meeting ID: 806 378 7231\nMeeting ID: 806 378 7231",
		 "https://zoom.us/j/8063787231"},
		{"Meeting ID: 806 378 7231\nPasscode:\nDial in", "https://zoom.us/j/8063787231"},
	};
	static const struct reading refused[] = {
		{"Meeting ID: 12345678", "holds no Zoom join link"},
		{"Meeting ID: 234 567 890 123 4", "holds no Zoom join link"},
		{"Meeting ID: soon", "holds no Zoom join link"},
		{"Meeting ID", "holds no Zoom join link"},
		{"Call 346 248 7799", "holds no Zoom join link"},
		{"https://teams.microsoft.com/l/meetup-join/x Meeting ID: 234 567 890 123",
		 "Teams"},
		{"https://zoom.us/j/test Meeting ID: 806 378 7231", "holds no meeting id"},
		{"https://zoom.us/meeting/register/x Meeting ID: 806 378 7231", "registration"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
	expect_refused(refused, COUNT_OF(refused));
}

static void a_spelled_out_passcode_serves_where_the_link_has_none(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/j/123456789 (Passcode: 615)",
		 "https://zoom.us/j/123456789?pwd=615"},
		{"https://zoom.us/j/123456789, password: a+b.",
		 "https://zoom.us/j/123456789?pwd=a%2Bb"},
		{"https://zoom.us/j/123456789?pwd=abc Passcode: 615",
		 "https://zoom.us/j/123456789?pwd=abc"},
		{"https://zoom.us/j/123456789 Passcode protected", "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789 Passcode: "
		 "0123456789012345678901234567890123456789",
		 "https://zoom.us/j/123456789"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void a_bare_meeting_id_is_enough(void **state)
{
	static const struct reading readings[] = {
		{"123456789", "https://zoom.us/j/123456789"},
		{"123 4567 8901", "https://zoom.us/j/12345678901"},
		{"123-456-789", "https://zoom.us/j/123456789"},
		{" 806 378 7231\n", "https://zoom.us/j/8063787231"},
		{"123456789012", "https://zoom.us/j/123456789012"},
	};
	static const struct reading refused[] = {
		{"12345678", "no Zoom join link"},
		{"1234567890123", "no Zoom join link"},
		{"012345678", "no Zoom join link"},
		{"+1 346 248 7799", "no Zoom join link"},
		{"123.456.789", "no Zoom join link"},
		{"123 456 789 x", "no Zoom join link"},
		{"x 123 456 789", "no Zoom join link"},
		{"-123456789", "no Zoom join link"},
		{"123456789\n234567891", "no Zoom join link"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
	expect_refused(refused, COUNT_OF(refused));
}

static void two_different_meetings_are_refused(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/j/123456789 https://zoom.us/j/987654321",
		 "more than one meeting"},
		{"https://zoom.us/j/123456789,https://zoom.us/j/987654321",
		 "more than one meeting"},
		{"https://zoom.us/j/123456789?pwd=a;https://zoom.us/j/987654321",
		 "more than one meeting"},
		{"https://zoom.us/j/123456789 https://zoom.us/my/jane", "more than one meeting"},
		{"https://zoom.us/my/john https://zoom.us/my/jane", "more than one meeting"},
		{"https://zoom.us/j/123456789 https://zoomgov.com/j/123456789",
		 "more than one meeting"},
		{"https://zoom.us/j/123456789 Meeting ID: 987 654 321", "more than one meeting"},
		{"Meeting ID: 123 456 789\nMeeting ID: 987 654 321", "more than one meeting"},
		{"https://zoom.us/j/123456789 https://zoom.us/j/987654321 https://zoom.us/j/123456789",
		 "more than one meeting"},
	};

	(void)state;
	expect_refused(readings, COUNT_OF(readings));
}

static void the_same_meeting_twice_is_one_and_its_passcode_counts(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/j/123456789 https://zoom.us/j/123456789",
		 "https://zoom.us/j/123456789"},
		{"https://zoom.us/j/123456789 https://us02web.zoom.us/j/123456789?pwd=a",
		 "https://us02web.zoom.us/j/123456789?pwd=a"},
		{"https://us02web.zoom.us/j/123456789?pwd=a https://zoom.us/j/123456789",
		 "https://us02web.zoom.us/j/123456789?pwd=a"},
		{"https://zoom.us/my/Jane https://zoom.us/my/jane", "https://zoom.us/my/jane"},
		{"https://zoom.us/j/123456789 Meeting ID: 123 456 789",
		 "https://zoom.us/j/123456789"},
		{"https://zoomgov.com/j/1612345678 Meeting ID: 161 234 5678",
		 "https://zoomgov.com/j/1612345678"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void a_canonical_link_is_read_as_itself(void **state)
{
	static const char *const canonical[] = {
		"https://us02web.zoom.us/j/123456789?pwd=a%2Bb.1&tk=x_-.y",
		"https://zoom.us/my/jane.host?pwd=a",
		"https://agency.zoomgov.com/w/1612345678",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(canonical); i++)
		expect_canonical(&(struct reading){canonical[i], canonical[i]}, 1);
}

/* Each text is what the pattern repeated makes of 8 KiB and of 64 KiB. */
static void a_parameter_that_ends_in_a_stop_is_read_again_as_it_is(void **state)
{
	static const struct reading readings[] = {
		{"https://zoom.us/j/123456789?pwd=a.;#success",
		 "https://zoom.us/j/123456789?pwd=a%2E%3B"},
		{"https://zoom.us/j/123456789?pwd=a.1!&from=x",
		 "https://zoom.us/j/123456789?pwd=a.1%21"},
		{"https://zoom.us/w/123456789?tk=T.&pwd=a.1",
		 "https://zoom.us/w/123456789?pwd=a.1&tk=T%2E"},
		{"https://zoom.us/j/123456789?pwd=a,b;c",
		 "https://zoom.us/j/123456789?pwd=a%2Cb%3Bc"},
		{"https://zoom.us/j/123456789?pwd=a%2E%3B",
		 "https://zoom.us/j/123456789?pwd=a%2E%3B"},
	};

	(void)state;
	expect_canonical(readings, COUNT_OF(readings));
}

static void eight_times_the_text_costs_about_eight_times_the_time(void **state)
{
	static const char *const patterns[] = {
		"a",
		"/",
		"%25",
		"%2F",
		"https://",
		"https://a.b/c ",
		"https://zoom.us/j/1 ",
		"zoom.us/j/123456789,http",
		"meeting id ",
		"meeting id: 1 ",
		"1 ",
		"&",
		"https://zoom.us/j/123456789?pwd=&",
		"amp;",
		"\xe2\x80\x9d",
		"passcode",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		clock_t spent[2];

		for (int large = 0; large < 2; large++) {
			SCOPED(arena_release) struct arena arena = {0};
			const size_t size = large ? 65536 : 8192, step = strlen(patterns[i]);
			char *text = arena_alloc(&arena, size + step + 1);
			struct meeting_url url;
			struct error err;
			clock_t start;

			for (size_t at = 0; at < size; at += step)
				memcpy(text + at, patterns[i], step);
			start = clock();
			if (!meeting_url_parse(&arena, text, &url, &err))
				assert_int_equal(err.kind, ERROR_INVALID);
			spent[large] = clock() - start;
		}
		/* A square would be 64 times; what is below 20 ms is noise. */
		if (spent[1] > CLOCKS_PER_SEC / 50 && spent[1] > 24 * (spent[0] + 1))
			fail_msg("'%s': %ld against %ld ticks", patterns[i], (long)spent[1],
				 (long)spent[0]);
	}
}

static void a_personal_name_is_read_from_a_profiles_links(void **state)
{
	static const struct {
		const char *url, *name;
	} cases[] = {
		{"https://us05web.zoom.us/my/jane.host?pwd=abc", "jane.host"},
		{"https://us05web.zoom.us/my/Jane.Host", "jane.host"},
		{"zoom.us/my/jane", "jane"},
		{"https://us05web.zoom.us/j/5551234567?pwd=abc", NULL},
		{"https://evil.com/my/jane", NULL},
		{"https://zoom.us/my/", NULL},
		{"", NULL},
		{NULL, NULL},
	};
	SCOPED(arena_release) struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *name = personal_name_of_url(&arena, cases[i].url);

		if (cases[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_parts_of_a_link_are_read),
		cmocka_unit_test(every_form_of_a_web_link_is_read),
		cmocka_unit_test(zoom_com_is_written_zoom_us),
		cmocka_unit_test(the_app_schemes_are_read),
		cmocka_unit_test(a_personal_link_is_known_by_its_name_in_lower_case),
		cmocka_unit_test(pwd_and_tk_stay_and_all_else_goes),
		cmocka_unit_test(a_webinars_link_is_marked),
		cmocka_unit_test(an_encoded_link_is_decoded_up_to_three_times),
		cmocka_unit_test(what_wraps_a_link_is_left_off),
		cmocka_unit_test(a_lookalike_host_is_refused),
		cmocka_unit_test(user_information_and_ports_are_refused),
		cmocka_unit_test(pages_that_are_not_joined_are_named),
		cmocka_unit_test(a_refusal_says_what_would_be_right),
		cmocka_unit_test(no_refusal_shows_a_secret),
		cmocka_unit_test(a_message_holds_nothing_but_printable_ascii),
		cmocka_unit_test(the_join_link_is_taken_out_of_an_invitation),
		cmocka_unit_test(an_invitation_without_a_link_is_known_by_its_meeting_id),
		cmocka_unit_test(a_spelled_out_passcode_serves_where_the_link_has_none),
		cmocka_unit_test(a_bare_meeting_id_is_enough),
		cmocka_unit_test(two_different_meetings_are_refused),
		cmocka_unit_test(the_same_meeting_twice_is_one_and_its_passcode_counts),
		cmocka_unit_test(a_canonical_link_is_read_as_itself),
		cmocka_unit_test(a_parameter_that_ends_in_a_stop_is_read_again_as_it_is),
		cmocka_unit_test(eight_times_the_text_costs_about_eight_times_the_time),
		cmocka_unit_test(a_personal_name_is_read_from_a_profiles_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
