/*
 * Zoom's OAuth endpoints (zoom-facts 1.2 to 1.6): /token with its grants, and /revoke. These
 * functions only speak the protocol; what their outcome means for a connection, src/broker knows.
 */
#ifndef ZOOM_OAUTH_H
#define ZOOM_OAUTH_H

#include "base/arena.h"
#include "zoom/call.h"
#include "zoom/failure.h"

#include <stdbool.h>

struct zoom_client_credentials {
	const char *client_id, *client_secret;
};

struct zoom_token_set {
	const char *access_token;
	const char *refresh_token; /* NULL where a refresh brought none: then the old one goes on */
	const char *scope;         /* space separated; NULL where Zoom does not say */
	long expires_in_s;         /* 1 … 86400; 3600 where Zoom sent nothing readable */
};

/* zoom_is_resting() for the functions below: what is better not begun before Zoom is asked again. */
bool zoom_oauth_is_resting(const struct zoom_endpoint *zoom, struct arena *arena,
			   struct zoom_failure *failure);

/* True where Zoom takes the pair (grant_type=client_credentials). */
bool zoom_oauth_check_client(const struct zoom_endpoint *zoom, struct arena *arena,
			     const struct zoom_client_credentials *credentials,
			     struct zoom_failure *failure) MUST_CHECK;

/* code_verifier may be NULL. On success there is a refresh token. */
bool zoom_oauth_exchange_code(const struct zoom_endpoint *zoom, struct arena *arena,
			      const struct zoom_client_credentials *credentials, const char *code,
			      const char *redirect_uri, const char *code_verifier,
			      struct zoom_token_set *tokens, struct zoom_failure *failure)
	MUST_CHECK;

/*
 * On success the refresh token given is dead, and tokens->refresh_token must be kept before
 * anything else. (NULL: Zoom did not rotate, and the one given stays valid.) Never sent twice.
 */
bool zoom_oauth_refresh(const struct zoom_endpoint *zoom, struct arena *arena,
			const struct zoom_client_credentials *credentials,
			const char *refresh_token, struct zoom_token_set *tokens,
			struct zoom_failure *failure) MUST_CHECK;

bool zoom_oauth_revoke(const struct zoom_endpoint *zoom, struct arena *arena,
		       const struct zoom_client_credentials *credentials, const char *access_token,
		       struct zoom_failure *failure) MUST_CHECK;

#endif
