/*
 * The keys for credentials at rest, and values sealed with them.
 *
 * The newest key of the key file (base/key_file.h) seals, all of them open. A sealed value is: version
 * (1 byte), key id (4 bytes), nonce, ciphertext, tag. It is bound to its place (table, column, row and
 * project), so that it opens nowhere else. Any thread may use a keyring.
 *
 * The file may be replaced at any time: what is sealed after that is sealed with its newest key. So
 * who seals inside a write transaction cannot be overtaken by a rotation that drops the key.
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

/* A sealed value, or none (bytes NULL, size 0: SQL's NULL). */
struct sealed {
	const unsigned char *bytes;
	size_t size;
};

/* The place of a value: e.g. { "zoom_oauth_credentials", "refresh_token", "zoauth_…", 7 }. */
struct seal_place {
	const char *table, *column, *row;
	long long project_id;
};

/* NULL text seals to none. The result lives in the arena. */
struct sealed keyring_seal(struct keyring *keyring, struct arena *arena,
			   const struct seal_place *place, const char *text);

/* Whether the newest key sealed it; false for what is no sealed value. */
bool keyring_sealed_with_newest(struct keyring *keyring, struct sealed sealed);

/*
 * The text, in the arena; *text is NULL for none. ERROR_INTERNAL with code "credentials_unreadable"
 * where no key opens it or it was sealed for another place.
 */
bool keyring_open_sealed(struct keyring *keyring, struct arena *arena,
			 const struct seal_place *place, struct sealed sealed, const char **text,
			 struct error *err) MUST_CHECK;

/* The number of the key that sealed it, as hex; false for what is no sealed value. */
enum { KEY_NAME_BYTES = 9 };
bool keyring_name_key(struct sealed sealed, char name[static KEY_NAME_BYTES]) MUST_CHECK;

/* Whether the file has that key. */
bool keyring_has_key_of(struct keyring *keyring, struct sealed sealed) MUST_CHECK;

#endif
