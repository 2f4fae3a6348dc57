#include "api/time_json.h"

#include "http/json.h"

json_t *instant_json(instant at)
{
	return json_instant_or_null(at);
}
