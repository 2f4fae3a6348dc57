/* How long and how large the fields may be that callers send; http/message.h limits the request as a whole. */
#ifndef API_LIMITS_H
#define API_LIMITS_H

enum {
	PUBLIC_ID_BYTES_MAX = 64,
	ZOOM_USER_ID_BYTES_MAX = 128,
	DEDUPLICATION_KEY_BYTES_MAX = 255,
	METADATA_BYTES_MAX = 8 << 10, /* and of zoom_settings: JSON objects, written compactly */
	CURSOR_BYTES_MAX = 512,
	FILTER_BYTES_MAX = 255, /* an id or key that a list is narrowed to */

	CLIENT_ID_BYTES_MAX = 255,
	SECRET_BYTES_MAX = 255,
	APP_NAME_BYTES_MAX = 255,
	TOKEN_CALLBACK_NAME_BYTES_MAX = 255,
	ENGINE_BOT_ID_BYTES_MAX = 128, /* a longer one is not kept */

	AUTHORIZATION_CODE_BYTES_MAX = 4 << 10,
	REDIRECT_URI_BYTES_MAX = 2 << 10,
	CODE_VERIFIER_BYTES_MAX = 255,

	MEETING_TEXT_BYTES_MAX = 16 << 10, /* a whole invitation with the world's dial-in numbers */
	MEETING_FILTER_BYTES_MAX = 4 << 10,
	BOT_NAME_BYTES_MAX = 128,

	ONBEHALF_USER_TIMEOUT_S_MIN = 10,
	ONBEHALF_USER_TIMEOUT_S_MAX = 24 * 3600,
	ONBEHALF_USER_TIMEOUT_S_DEFAULT = 600,
	RUNNER_ID_BYTES_MAX = 128,
	LEASE_TOKEN_BYTES_MAX = 64,
	LEASE_S_MIN = 10,
	LEASE_S_MAX = 3600,
	LEASE_S_DEFAULT = 60,

	WEBHOOK_URL_BYTES_MAX = 2 << 10,
};

#endif
