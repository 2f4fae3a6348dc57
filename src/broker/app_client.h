/*
 * What an app shows Zoom. Its secret may be replaced while Zoom is asked, and then Zoom's refusal of it
 * was about yesterday's, as one of a refresh token may be.
 */
#ifndef BROKER_APP_CLIENT_H
#define BROKER_APP_CLIENT_H

#include "broker/broker.h"
#include "store/app.h"
#include "zoom/oauth.h"

#include <stdbool.h>

/* *client lives in the broker's arena, like the app. */
bool app_client_open(const struct broker *broker, const struct app *app,
		     struct zoom_client_credentials *client, struct error *err) MUST_CHECK;

/* Whether the app has another secret by now, or is gone; inside the caller's transaction. */
bool app_client_has_changed(const struct broker *broker, int64_t app_id,
			    const struct zoom_client_credentials *client, bool *has_changed,
			    struct error *err) MUST_CHECK;

#endif
