/* Meetings: which connection would serve one, and why, or why none would. */
#ifndef API_ZOOM_MEETINGS_H
#define API_ZOOM_MEETINGS_H

#include "http/route.h"

handler get_zoom_meeting;

#endif
