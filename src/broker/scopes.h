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

/* Whether a ZAK may be asked for: by Zoom's own call for it, or by the one for all tokens of a user. */
enum zak_scope { ZAK_SCOPE_NONE, ZAK_SCOPE_ZAK, ZAK_SCOPE_TOKEN };

enum zak_scope scopes_zak(const char *granted);

#endif
