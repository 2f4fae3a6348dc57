/* Events that Zoom sends: /api/v1/zoom_oauth/webhooks and, with the app in the path, …/webhooks/:id. */
#ifndef API_ZOOM_WEBHOOKS_H
#define API_ZOOM_WEBHOOKS_H

#include "http/route.h"

/* The address of all apps: the event is for every app whose secret proves it. */
handler post_zoom_event;

/* The address of one app. */
handler post_zoom_app_event;

#endif
