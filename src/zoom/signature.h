/* How Zoom signs what it sends (zoom-facts 3.2, 3.3). Pure functions. */
#ifndef ZOOM_SIGNATURE_H
#define ZOOM_SIGNATURE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>

enum { ZOOM_HEX_MAC_BYTES = 65 }; /* 64 hex digits and a NUL */

/*
 * True where `signature` is "v0=" + hex HMAC-SHA256 over "v0:{timestamp}:{body}" with the app's
 * webhook secret token. Constant time in the secret; `timestamp` is taken as it came.
 */
bool zoom_signature_is_valid(const char *secret, const char *timestamp, const void *body,
			     size_t body_size, const char *signature);

/*
 * False where the x-zm-request-timestamp header (epoch seconds) is no number, or further than the
 * tolerance from now, either way: Zoom's clock may run ahead of ours.
 */
bool zoom_timestamp_is_fresh(const char *timestamp, instant now, long tolerance_s);

/* The encryptedToken that answers endpoint.url_validation. */
void zoom_encrypt_plain_token(const char *secret, const char *plain_token,
			      char encrypted[static ZOOM_HEX_MAC_BYTES]);

#endif
