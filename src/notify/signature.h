/*
 * How a notification is signed: as Standard Webhooks (zoom-facts 8) and as Attendee (5.1), with the
 * same secret. Also how a signature of Attendee's is checked. Pure but for signature_make_secret().
 */
#ifndef NOTIFY_SIGNATURE_H
#define NOTIFY_SIGNATURE_H

#include "base/arena.h"
#include "base/crypto.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "whsec_" and base64 of 32 random bytes. */
const char *signature_make_secret(struct arena *arena);

/*
 * The key that a secret stands for: base64, with or without "whsec_" in front of it (Attendee shows its
 * own without). False where it is not base64, or of nothing.
 */
bool signature_read_secret(struct arena *arena, const char *secret, struct span *key) MUST_CHECK;

/*
 * The value of webhook-signature: "v1,…" for each key, newest first, with a space between. `id` and the
 * timestamp (epoch seconds) are those of the headers webhook-id and webhook-timestamp.
 */
const char *signature_standard(struct arena *arena, const struct span *keys, size_t key_count,
			       const char *id, int64_t timestamp_s, const char *body,
			       size_t body_size);

/* The value of X-Webhook-Signature: over the canonical JSON, whatever the body's own spelling of it. */
const char *signature_attendee(struct arena *arena, const struct span *key, const json_t *body);

/* The same for a body that is canonical already. */
const char *signature_of_canonical(struct arena *arena, const struct span *key,
				   const struct span *body);

/* Whether `signature` (NULL: there was none) is that; in constant time. */
bool signature_attendee_is_valid(struct arena *arena, const struct span *key, const json_t *body,
				 const char *signature);

#endif
