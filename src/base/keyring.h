/*
 * The keys for credentials at rest, and values sealed with them.
 *
 * Key file: one key a line, 32 bytes in base64, newest first; `#` comments. The newest seals, all
 * of them open. A sealed value is: version (1 byte), key id (4 bytes), nonce, ciphertext, tag. It
 * is bound to its place (table, column, row and project), so that it opens nowhere else.
 */
#ifndef BASE_KEYRING_H
#define BASE_KEYRING_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct keyring;

/* ERROR_INVALID names the file and what is wrong with it; refused if others than its owner and group may read it. */
bool keyring_open(struct keyring **keyring, const char *path, struct error *err) MUST_CHECK;
void keyring_close(struct keyring **keyring);

/* Makes a key file with one fresh key, mode 0600. ERROR_CONFLICT where the file is there already. */
bool keyring_create_file(const char *path, struct error *err) MUST_CHECK;

/* A sealed value, or none (bytes NULL, size 0: SQL's NULL). */
struct sealed {
	const unsigned char *bytes;
	size_t size;
};

/* The place of a value: e.g. { "zoom_oauth_connections", "refresh_token", "zoauth_…", 7 }. */
struct seal_place {
	const char *table, *column, *row;
	long long project_id;
};

/* NULL text seals to none. The result lives in the arena. */
struct sealed keyring_seal(const struct keyring *keyring, struct arena *arena,
			   const struct seal_place *place, const char *text);

/*
 * The text, in the arena; *text is NULL for none. ERROR_INTERNAL with code "credentials_unreadable"
 * where no key opens it or it was sealed for another place.
 */
bool keyring_open_sealed(const struct keyring *keyring, struct arena *arena,
			 const struct seal_place *place, struct sealed sealed, const char **text,
			 struct error *err) MUST_CHECK;

#endif
