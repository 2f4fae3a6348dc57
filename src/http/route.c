#include "http/route.h"

#include "base/encode.h"

#include <assert.h>
#include <string.h>

bool waits_for_nothing(const struct request *request)
{
	(void)request;
	return false;
}

bool waits_for_zoom(const struct request *request)
{
	(void)request;
	return true;
}

bool waits_for_zoom_if_room(const struct request *request)
{
	(void)request;
	return true;
}

/* Segment by segment; a `:name` takes any segment but an empty one. */
static bool path_matches(const struct route *route, struct request *request)
{
	const char *pattern = route->path, *path = request->path;

	request->parameter_count = 0;
	while (*pattern == '/' && *path == '/') {
		const size_t pattern_length = strcspn(++pattern, "/");
		const size_t path_length = strcspn(++path, "/");

		if (*pattern == ':') {
			const char *value =
				percent_decode(request->arena, path, path_length, false);

			if (path_length == 0 || value == NULL)
				return false;
			assert(request->parameter_count < HTTP_PATH_PARAMETERS_MAX);
			request->parameters[request->parameter_count++] =
				(struct http_parameter){arena_strndup(request->arena, pattern + 1,
								      pattern_length - 1),
							value};
		} else if (path_length != pattern_length ||
			   strncmp(pattern, path, path_length) != 0) {
			return false;
		}
		pattern += pattern_length;
		path += path_length;
	}
	return *pattern == '\0' && *path == '\0';
}

bool route_find(const struct route *routes, size_t count, struct request *request,
		const struct route **route, const char **allow, struct error *err)
{
	bool is_written_out = false;

	*allow = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!path_matches(&routes[i], request) ||
		    (is_written_out && request->parameter_count > 0))
			continue;
		is_written_out |= request->parameter_count == 0;
		if (strcmp(routes[i].method, request->method) == 0) {
			*route = &routes[i];
			*allow = NULL;
			return true;
		}
		*allow = *allow == NULL
				 ? routes[i].method
				 : arena_printf(request->arena, "%s, %s", *allow, routes[i].method);
	}
	if (*allow == NULL)
		return error_set(err, ERROR_NOT_FOUND, "there is nothing at this path");
	return error_set(err, ERROR_METHOD, "%.16s is not served at this path, only %s",
			 request->method, *allow);
}
