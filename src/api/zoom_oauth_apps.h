/* Handlers of /api/v1/zoom_oauth_apps… */
#ifndef API_ZOOM_OAUTH_APPS_H
#define API_ZOOM_OAUTH_APPS_H

#include "http/route.h"

handler post_app, get_apps, get_app, patch_app, delete_app, get_app_log;

/* With a new client secret, which Zoom is asked about. */
waits patch_app_waits;

#endif
