/*
 * Which of Zoom's scopes a capability needs (zoom-facts 2 and 5.1), by their granular names and the
 * classic ones that include them. Pure.
 */
#ifndef BROKER_SCOPES_H
#define BROKER_SCOPES_H

#include <stdbool.h>
#include <stddef.h>

enum { SCOPES_NEEDED_MAX = 4 };

/*
 * The granular names of what is missing among `granted` (space separated); whose it is must be read
 * whatever else is needed. Returns how many; `missing` points to constants.
 */
size_t scopes_missing(const char *granted, bool needs_local_recording, bool needs_onbehalf,
		      const char *missing[static SCOPES_NEEDED_MAX]);

#endif
