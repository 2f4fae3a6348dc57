#include "serve/access.h"

#include "store/api_key.h"

#include <string.h>
#include <strings.h>

/* "Token KEY" or "Bearer KEY", the scheme in any case; NULL for anything else. */
static const char *key_of(const char *header)
{
	const size_t scheme = strcspn(header, " ");
	const char *key = header + scheme;

	if (!(scheme == 5 && strncasecmp(header, "Token", 5) == 0) &&
	    !(scheme == 6 && strncasecmp(header, "Bearer", 6) == 0))
		return NULL;
	key += strspn(key, " ");
	return *key != '\0' ? key : NULL;
}

bool access_check_api_key(struct context *context, const struct request *request, struct error *err)
{
	const char *header = request_header(request, "authorization");
	const char *key;
	bool found;

	if (header == NULL || *header == '\0')
		return error_set_code(err, ERROR_UNAUTHENTICATED, "missing_api_key",
				      "send your API key in the header `Authorization: Token KEY`");
	key = key_of(header);
	if (key == NULL)
		return error_set_code(
			err, ERROR_UNAUTHENTICATED, "invalid_api_key",
			"the Authorization header must read `Token KEY` or `Bearer KEY`");
	if (!api_key_find_project(context->db, key, &found, &context->project_id, err))
		return false;
	if (!found)
		return error_set_code(err, ERROR_UNAUTHENTICATED, "invalid_api_key",
				      "the API key is not known, or was revoked");
	return true;
}
