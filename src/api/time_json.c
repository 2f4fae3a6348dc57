#include "api/time_json.h"

json_t *instant_json(instant at)
{
	char text[INSTANT_TEXT_BYTES];

	if (at == 0)
		return json_null();
	instant_format(at, text);
	return json_string(text);
}
