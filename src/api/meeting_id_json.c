#include "api/meeting_id_json.h"

json_t *meeting_id_json(int64_t meeting_id)
{
	return meeting_id != 0 ? json_sprintf("%lld", (long long)meeting_id) : json_null();
}
