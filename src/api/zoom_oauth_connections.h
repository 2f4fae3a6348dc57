/* Handlers of /api/v1/zoom_oauth_connections…; the one that makes them is in post_connection.c. */
#ifndef API_ZOOM_OAUTH_CONNECTIONS_H
#define API_ZOOM_OAUTH_CONNECTIONS_H

#include "http/route.h"

handler post_connection, get_connections, get_connection, patch_connection, delete_connection;
handler post_connection_refresh, get_connection_meetings, get_connection_log;

/* Unless the query says that Zoom is not to be told. */
waits delete_connection_waits;

#endif
