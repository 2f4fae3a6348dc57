/*
 * The file of keys for credentials at rest: one key a line, 32 bytes in base64, newest first; `#`
 * comments. It is only ever replaced whole.
 */
#ifndef BASE_KEY_FILE_H
#define BASE_KEY_FILE_H

#include "base/crypto.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum { KEY_ID_BYTES = 4, KEYS_MAX = 64 };

struct key {
	unsigned char id[KEY_ID_BYTES]; /* derived from the key: no file can name it wrongly */
	unsigned char bytes[AEAD_KEY_BYTES];
};

struct key_set {
	size_t count;
	struct key keys[KEYS_MAX]; /* newest first */
	ino_t inode;               /* of the file that was read, … */
	struct timespec changed;   /* … and its state, to tell whether it has been replaced */
};

/*
 * ERROR_INVALID names the file and what is wrong with it; refused if others than its owner and group
 * may read it. The caller wipes the set.
 */
bool key_file_read(struct key_set *keys, const char *path, struct error *err) MUST_CHECK;
void key_set_wipe(struct key_set *keys);

/* Whether there is another file now than the one that was read. False where there is none at all. */
bool key_file_has_changed(const struct key_set *keys, const char *path);

/* Makes a file with one fresh key, mode 0600. ERROR_CONFLICT where it is there already. */
bool key_file_create(const char *path, struct error *err) MUST_CHECK;

/* One that nobody else changes meanwhile. */
struct key_file {
	const char *path;
	int lock; /* the file itself, whichever it is by now; -1: not ours */
};

/*
 * Until key_file_unlock() or the end of the process. ERROR_CONFLICT where another process has it. Who only
 * reads the file minds no lock.
 */
bool key_file_lock(struct key_file *file, const char *path, struct error *err) MUST_CHECK;
void key_file_unlock(struct key_file *file);

/* Puts a fresh key before the others. Owner and mode stay. */
bool key_file_add(struct key_file *file, struct error *err) MUST_CHECK;

/* Drops all but the newest key. */
bool key_file_keep_newest(struct key_file *file, struct error *err) MUST_CHECK;

#endif
