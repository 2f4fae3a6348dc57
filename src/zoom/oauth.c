#include "zoom/oauth.h"

#include "base/encode.h"
#include "http/json.h"

#include <stdlib.h>
#include <string.h>

enum { EXPIRES_IN_DEFAULT_S = 3600, EXPIRES_IN_MAX_S = 86400 };

/* A field of the form; one whose value is NULL is left out. */
struct form_field {
	const char *name, *value;
};

/* Secrets go into the body, not into the query, which access logs keep. */
static const char *form_of(struct arena *arena, const struct form_field *fields, size_t count)
{
	const char *form = "";

	for (size_t i = 0; i < count; i++)
		if (fields[i].value != NULL)
			form = arena_printf(arena, "%s%s%s=%s", form, form[0] == '\0' ? "" : "&",
					    fields[i].name, percent_encode(arena, fields[i].value));
	return form;
}

static const char *basic_authorization(struct arena *arena,
				       const struct zoom_client_credentials *credentials)
{
	const char *pair =
		arena_printf(arena, "%s:%s", credentials->client_id, credentials->client_secret);

	return arena_printf(arena, "Basic %s", base64_encode(arena, pair, strlen(pair)));
}

struct zoom_post {
	const char *kind; /* what it counts as */
	const char *path;
	const struct zoom_client_credentials *credentials;
	const char *form;
};

/* Returns the answer's JSON object for the caller to decref, or NULL with *failure filled. */
static json_t *post_form(const struct zoom_endpoint *zoom, struct arena *arena,
			 const struct zoom_post *post, struct zoom_failure *failure)
{
	const struct http_header headers[] = {
		{"Authorization", basic_authorization(arena, post->credentials)},
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Accept", "application/json"},
	};
	const struct http_call call = {
		.method = "POST",
		.url = arena_printf(arena, "%s%s", zoom->oauth_url, post->path),
		.headers = headers,
		.header_count = COUNT_OF(headers),
		.body = post->form,
		.body_size = strlen(post->form),
		.timeout_ms = zoom->timeout_ms,
	};

	return zoom_call(zoom, arena, post->kind, &call, true, failure);
}

static bool is_token(const json_t *value)
{
	const char *text = json_whole_string(value);

	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text < 0x21 || *text > 0x7e)
			return false;
	return true;
}

/* Never a reason to throw tokens away: what cannot be read counts as not sent. */
static long expires_in_of(const json_t *body)
{
	const json_t *value = json_object_get(body, "expires_in");
	const long long seconds = json_is_string(value)
					  ? strtoll(json_string_value(value), NULL, 10)
					  : json_integer_value(value);

	if (seconds < 1)
		return EXPIRES_IN_DEFAULT_S;
	return seconds > EXPIRES_IN_MAX_S ? EXPIRES_IN_MAX_S : (long)seconds;
}

/* A missing refresh token is the caller's to judge; one that is there must be usable. */
static bool read_tokens(struct arena *arena, const json_t *body, struct zoom_token_set *tokens,
			struct zoom_failure *failure)
{
	const json_t *access_token = json_object_get(body, "access_token");
	const json_t *refresh_token = json_object_get(body, "refresh_token");
	const char *scope = json_whole_string(json_object_get(body, "scope"));

	if (!is_token(access_token))
		return zoom_refuse_answer(arena, "access_token", failure);
	if (refresh_token != NULL && !json_is_null(refresh_token) && !is_token(refresh_token))
		return zoom_refuse_answer(arena, "a usable refresh_token", failure);
	*tokens = (struct zoom_token_set){
		.access_token = arena_strdup(arena, json_string_value(access_token)),
		.refresh_token = arena_strdup(arena, json_string_value(refresh_token)),
		.scope = arena_strdup(arena, scope),
		.expires_in_s = expires_in_of(body),
	};
	return true;
}

static bool request_tokens(const struct zoom_endpoint *zoom, struct arena *arena,
			   const struct zoom_post *post, bool needs_refresh_token,
			   struct zoom_token_set *tokens, struct zoom_failure *failure)
{
	SCOPED(json_decrefp) json_t *body = post_form(zoom, arena, post, failure);

	if (body == NULL || !read_tokens(arena, body, tokens, failure))
		return false;
	if (needs_refresh_token && tokens->refresh_token == NULL)
		return zoom_refuse_answer(arena, "refresh_token", failure);
	return true;
}

bool zoom_oauth_is_resting(const struct zoom_endpoint *zoom, struct arena *arena,
			   struct zoom_failure *failure)
{
	return zoom_is_resting(zoom, arena, zoom->oauth_url, failure);
}

bool zoom_oauth_check_client(const struct zoom_endpoint *zoom, struct arena *arena,
			     const struct zoom_client_credentials *credentials,
			     struct zoom_failure *failure)
{
	const struct zoom_post post = {"client_credentials", "/token", credentials,
				       "grant_type=client_credentials"};
	struct zoom_token_set unused;

	return request_tokens(zoom, arena, &post, false, &unused, failure);
}

bool zoom_oauth_exchange_code(const struct zoom_endpoint *zoom, struct arena *arena,
			      const struct zoom_client_credentials *credentials, const char *code,
			      const char *redirect_uri, const char *code_verifier,
			      struct zoom_token_set *tokens, struct zoom_failure *failure)
{
	const struct form_field fields[] = {
		{"grant_type", "authorization_code"},
		{"code", code},
		{"redirect_uri", redirect_uri},
		{"code_verifier", code_verifier},
	};
	const struct zoom_post post = {"authorization_code", "/token", credentials,
				       form_of(arena, fields, COUNT_OF(fields))};

	return request_tokens(zoom, arena, &post, true, tokens, failure);
}

bool zoom_oauth_refresh(const struct zoom_endpoint *zoom, struct arena *arena,
			const struct zoom_client_credentials *credentials,
			const char *refresh_token, struct zoom_token_set *tokens,
			struct zoom_failure *failure)
{
	const struct form_field fields[] = {
		{"grant_type", "refresh_token"},
		{"refresh_token", refresh_token},
	};
	const struct zoom_post post = {"refresh_token", "/token", credentials,
				       form_of(arena, fields, COUNT_OF(fields))};

	return request_tokens(zoom, arena, &post, false, tokens, failure);
}

bool zoom_oauth_revoke(const struct zoom_endpoint *zoom, struct arena *arena,
		       const struct zoom_client_credentials *credentials, const char *access_token,
		       struct zoom_failure *failure)
{
	const struct form_field fields[] = {{"token", access_token}};
	const struct zoom_post post = {"revoke", "/revoke", credentials,
				       form_of(arena, fields, COUNT_OF(fields))};
	SCOPED(json_decrefp) json_t *body = post_form(zoom, arena, &post, failure);

	/* Whatever the body of a 2xx says: nothing in it is needed. */
	return body != NULL || (failure->status >= 200 && failure->status <= 299);
}
