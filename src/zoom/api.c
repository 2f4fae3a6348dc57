#include "zoom/api.h"

#include "base/encode.h"
#include "http/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOCAL_RECORDING_TOKEN_LIFETIME_S = 120,
	LOCAL_RECORDING_TOKEN_LIFETIME_MAX_S = 3600,
	MEETING_ID_DIGITS_MAX = 18, /* fits an int64_t */
};

struct zoom_get {
	const char *kind; /* what it counts as */
	const char *path;
	const char *access_token;
};

/* Returns the answer's JSON object for the caller to decref, or NULL with *failure filled. */
static json_t *get_json(const struct zoom_endpoint *zoom, struct arena *arena,
			const struct zoom_get *get, struct zoom_failure *failure)
{
	const struct http_header headers[] = {
		{"Authorization", arena_printf(arena, "Bearer %s", get->access_token)},
		{"Accept", "application/json"},
	};
	const struct http_call call = {
		.method = "GET",
		.url = arena_printf(arena, "%s%s", zoom->api_url, get->path),
		.headers = headers,
		.header_count = COUNT_OF(headers),
		.timeout_ms = zoom->timeout_ms,
	};

	return zoom_call(zoom, arena, get->kind, &call, false, failure);
}

/* A copy in the arena; NULL where the member is missing, empty or no text. */
static const char *text_of(struct arena *arena, const json_t *object, const char *name)
{
	const char *text = json_whole_string(json_object_get(object, name));

	return text == NULL || *text == '\0' ? NULL : arena_strdup(arena, text);
}

/* Zoom's ids are numbers, and now and then strings of digits. 0 where it is neither. */
static int64_t id_of(const json_t *value)
{
	const char *text = json_whole_string(value);
	size_t length;

	if (json_is_integer(value))
		return json_integer_value(value) > 0 ? json_integer_value(value) : 0;
	if (text == NULL)
		return 0;
	length = strspn(text, "0123456789");
	if (length == 0 || length > MEETING_ID_DIGITS_MAX || text[length] != '\0')
		return 0;
	return strtoll(text, NULL, 10);
}

bool zoom_api_get_user(const struct zoom_endpoint *zoom, struct arena *arena,
		       const char *access_token, struct zoom_user *user,
		       struct zoom_failure *failure)
{
	const struct zoom_get get = {"user", "/users/me", access_token};
	SCOPED(json_decrefp) json_t *body = get_json(zoom, arena, &get, failure);
	struct zoom_user found;

	if (body == NULL)
		return false;
	found = (struct zoom_user){
		.id = text_of(arena, body, "id"),
		.account_id = text_of(arena, body, "account_id"),
		.email = text_of(arena, body, "email"),
		.status = text_of(arena, body, "status"),
		.pmi = id_of(json_object_get(body, "pmi")),
		.vanity_url = text_of(arena, body, "vanity_url"),
		.personal_meeting_url = text_of(arena, body, "personal_meeting_url"),
	};
	if (found.id == NULL)
		return zoom_refuse_answer(arena, "id", failure);
	if (found.status == NULL)
		found.status = "";
	*user = found;
	return true;
}

static void read_meeting_ids(const json_t *meetings, struct zoom_meeting_page *page)
{
	const json_t *meeting;
	size_t i;

	json_array_foreach (meetings, i, meeting) {
		const int64_t id = id_of(json_object_get(meeting, "id"));

		if (id != 0 && page->count < ZOOM_MEETINGS_PAGE_MAX)
			page->meeting_ids[page->count++] = id;
	}
}

bool zoom_api_list_meetings(const struct zoom_endpoint *zoom, struct arena *arena,
			    const char *access_token, const char *page_token,
			    struct zoom_meeting_page *page, struct zoom_failure *failure)
{
	const char *path =
		arena_printf(arena, "/users/me/meetings?page_size=%d%s%s", ZOOM_MEETINGS_PAGE_MAX,
			     page_token == NULL ? "" : "&next_page_token=",
			     page_token == NULL ? "" : percent_encode(arena, page_token));
	const struct zoom_get get = {"meetings", path, access_token};
	SCOPED(json_decrefp) json_t *body = get_json(zoom, arena, &get, failure);
	const json_t *meetings = json_object_get(body, "meetings");

	if (body == NULL)
		return false;
	if (!json_is_array(meetings))
		return zoom_refuse_answer(arena, "meetings", failure);
	page->count = 0;
	page->next_page_token = text_of(arena, body, "next_page_token");
	read_meeting_ids(meetings, page);
	return true;
}

/* Reads {"token": …, "expire_in": …}; expire_in_s may be NULL. */
static bool get_token(const struct zoom_endpoint *zoom, struct arena *arena,
		      const struct zoom_get *get, const char **token, long *expire_in_s,
		      struct zoom_failure *failure)
{
	SCOPED(json_decrefp) json_t *body = get_json(zoom, arena, get, failure);
	const char *found = text_of(arena, body, "token");
	json_int_t seconds;

	if (body == NULL)
		return false;
	if (found == NULL)
		return zoom_refuse_answer(arena, "token", failure);
	*token = found;
	if (expire_in_s == NULL)
		return true;
	seconds = json_integer_value(json_object_get(body, "expire_in"));
	*expire_in_s = seconds > 0 && seconds <= LOCAL_RECORDING_TOKEN_LIFETIME_MAX_S
			       ? (long)seconds
			       : LOCAL_RECORDING_TOKEN_LIFETIME_S;
	return true;
}

/* For a second call: both together keep the time-out of one. */
static struct zoom_endpoint with_time_left(const struct zoom_endpoint *zoom, int64_t started_ms)
{
	struct zoom_endpoint in_time_left = *zoom;

	in_time_left.timeout_ms -= (long)(clock_monotonic_ms() - started_ms);
	return in_time_left;
}

/* "Cannot access Webinar information" has the code of another refusal, so the words decide. */
static bool is_webinar_answer(const struct zoom_failure *failure)
{
	return failure->class == ZOOM_FAILURE_REFUSED && failure->code != NULL &&
	       strcmp(failure->code, "3000") == 0 && strcasestr(failure->reason, "webinar") != NULL;
}

bool zoom_api_get_local_recording_token(const struct zoom_endpoint *zoom, struct arena *arena,
					const char *access_token, int64_t meeting_id,
					const char **token, long *expire_in_s,
					struct zoom_failure *failure)
{
	static const char format[] = "/%s/%" PRId64 "/jointoken/local_recording%s";
	struct zoom_get get = {"local_recording_token",
			       arena_printf(arena, format, "meetings", meeting_id,
					    "?bypass_waiting_room=true"),
			       access_token};
	const int64_t started_ms = clock_monotonic_ms();
	struct zoom_endpoint in_time_left;

	if (get_token(zoom, arena, &get, token, expire_in_s, failure))
		return true;
	if (!is_webinar_answer(failure))
		return false;
	in_time_left = with_time_left(zoom, started_ms);
	get.path = arena_printf(arena, format, "webinars", meeting_id, "");
	return get_token(&in_time_left, arena, &get, token, expire_in_s, failure);
}

bool zoom_api_get_onbehalf_token(const struct zoom_endpoint *zoom, struct arena *arena,
				 const char *access_token, int64_t meeting_id, const char **token,
				 struct zoom_failure *failure)
{
	struct zoom_get get = {"onbehalf_token", "/users/me/token?type=onbehalf", access_token};

	if (meeting_id != 0)
		get.path = arena_printf(arena, "%s&meeting_id=%" PRId64, get.path, meeting_id);
	return get_token(zoom, arena, &get, token, NULL, failure);
}

bool zoom_api_get_zak(const struct zoom_endpoint *zoom, struct arena *arena,
		      const char *access_token, enum zoom_zak_call first, const char **token,
		      struct zoom_failure *failure)
{
	static const char *const paths[] = {
		[ZOOM_ZAK_CALL_ZAK] = "/users/me/zak",
		[ZOOM_ZAK_CALL_TOKEN] = "/users/me/token?type=zak",
	};
	const enum zoom_zak_call second =
		first == ZOOM_ZAK_CALL_ZAK ? ZOOM_ZAK_CALL_TOKEN : ZOOM_ZAK_CALL_ZAK;
	const int64_t started_ms = clock_monotonic_ms();
	struct zoom_get get = {"zak", paths[first], access_token};
	struct zoom_endpoint in_time_left;

	if (get_token(zoom, arena, &get, token, NULL, failure))
		return true;
	if (failure->class != ZOOM_FAILURE_SCOPE)
		return false;
	in_time_left = with_time_left(zoom, started_ms);
	get.path = paths[second];
	return get_token(&in_time_left, arena, &get, token, NULL, failure);
}
