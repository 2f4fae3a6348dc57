#include "api/openapi.h"

#include "http/message.h"

/* docs/openapi.yaml, as the Makefile put it into the program. */
extern const char openapi_json[];

bool get_openapi(struct context *context, const struct request *request, struct response *response,
		 struct error *err)
{
	(void)context;
	(void)request;
	(void)err;
	response->status = 200;
	response->content_type = "application/json";
	response->body = openapi_json;
	return true;
}
