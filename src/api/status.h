/* Handlers of /health and /ready. */
#ifndef API_STATUS_H
#define API_STATUS_H

#include "http/route.h"

handler get_health, get_ready;

#endif
