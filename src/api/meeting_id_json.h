/* Meeting ids as the API writes them. */
#ifndef API_MEETING_ID_JSON_H
#define API_MEETING_ID_JSON_H

#include <jansson.h>
#include <stdint.h>

/* Text, for Zoom writes numbers here and text there, and to customers they are opaque; null for 0. */
json_t *meeting_id_json(int64_t meeting_id);

#endif
