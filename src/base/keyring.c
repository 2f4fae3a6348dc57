#include "base/keyring.h"

#include "base/crypto.h"
#include "base/encode.h"
#include "base/key_file.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	SEAL_VERSION = 1,
	HEADER_BYTES = 1 + KEY_ID_BYTES,
};

/*
 * What the file holds now, and after that what it held before: a value that was read just before its
 * key was dropped still opens.
 */
struct keyring {
	char path[PATH_MAX];
	pthread_rwlock_t lock;
	struct key_set keys;
};

static void *allocate_undumped(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, size, MADV_DONTDUMP) != 0)
		abort();
	return memory;
}

bool keyring_open(struct keyring **keyring, const char *path, struct error *err)
{
	struct keyring *opened = allocate_undumped(sizeof(*opened));

	pthread_rwlock_init(&opened->lock, NULL);
	snprintf(opened->path, sizeof(opened->path), "%s", path);
	if (!key_file_read(&opened->keys, path, err)) {
		keyring_close(&opened);
		return false;
	}
	*keyring = opened;
	return true;
}

void keyring_close(struct keyring **keyring)
{
	if (*keyring == NULL)
		return;
	pthread_rwlock_destroy(&(*keyring)->lock);
	explicit_bzero(*keyring, sizeof(**keyring));
	munmap(*keyring, sizeof(**keyring));
	*keyring = NULL;
}

static const struct key *find_key(const struct key_set *keys, const unsigned char *id)
{
	for (size_t i = 0; i < keys->count; i++)
		if (memcmp(keys->keys[i].id, id, KEY_ID_BYTES) == 0)
			return &keys->keys[i];
	return NULL;
}

static void remember_older(struct key_set *keys, const struct key_set *older)
{
	for (size_t i = 0; i < older->count && keys->count < KEYS_MAX; i++)
		if (find_key(keys, older->keys[i].id) == NULL)
			keys->keys[keys->count++] = older->keys[i];
}

/* Keys may be rotated while we serve. A file that cannot be read now leaves us with what we have. */
static void read_again_if_changed(struct keyring *keyring)
{
	struct key_set fresh;
	struct error ignored;
	bool changed;

	pthread_rwlock_rdlock(&keyring->lock);
	changed = key_file_has_changed(&keyring->keys, keyring->path);
	pthread_rwlock_unlock(&keyring->lock);
	if (!changed || !key_file_read(&fresh, keyring->path, &ignored))
		return;
	pthread_rwlock_wrlock(&keyring->lock);
	remember_older(&fresh, &keyring->keys);
	keyring->keys = fresh;
	pthread_rwlock_unlock(&keyring->lock);
	key_set_wipe(&fresh);
}

static struct key newest_key(struct keyring *keyring)
{
	struct key key;

	read_again_if_changed(keyring);
	pthread_rwlock_rdlock(&keyring->lock);
	key = keyring->keys.keys[0];
	pthread_rwlock_unlock(&keyring->lock);
	return key;
}

static bool copy_key(struct keyring *keyring, const unsigned char *id, struct key *key)
{
	const struct key *found;

	pthread_rwlock_rdlock(&keyring->lock);
	found = find_key(&keyring->keys, id);
	if (found != NULL)
		*key = *found;
	pthread_rwlock_unlock(&keyring->lock);
	return found != NULL;
}

/* A key that we do not know may have been added since the file was read. */
static bool key_of(struct keyring *keyring, const unsigned char *id, struct key *key)
{
	if (copy_key(keyring, id, key))
		return true;
	read_again_if_changed(keyring);
	return copy_key(keyring, id, key);
}

/* No part can run into the next one: the lengths are fixed by the separators, which no name holds. */
static struct span associated_data(struct arena *arena, const struct seal_place *place)
{
	const char *text = arena_printf(arena, "hallpass|%s|%s|%s|%lld", place->table,
					place->column, place->row, place->project_id);

	return (struct span){text, strlen(text)};
}

struct sealed keyring_seal(struct keyring *keyring, struct arena *arena,
			   const struct seal_place *place, const char *text)
{
	struct span associated;
	unsigned char *bytes;
	struct key key;
	size_t size;

	if (text == NULL)
		return (struct sealed){0};
	key = newest_key(keyring);
	associated = associated_data(arena, place);
	size = HEADER_BYTES + AEAD_NONCE_BYTES + strlen(text) + AEAD_TAG_BYTES;
	bytes = arena_alloc(arena, size);
	bytes[0] = SEAL_VERSION;
	memcpy(bytes + 1, key.id, KEY_ID_BYTES);
	aead_seal(key.bytes, &associated, text, strlen(text), bytes + HEADER_BYTES);
	explicit_bzero(&key, sizeof(key));
	return (struct sealed){bytes, size};
}

static bool is_sealed(struct sealed sealed)
{
	return sealed.size >= HEADER_BYTES + AEAD_NONCE_BYTES + AEAD_TAG_BYTES &&
	       sealed.bytes[0] == SEAL_VERSION;
}

bool keyring_sealed_with_newest(struct keyring *keyring, struct sealed sealed)
{
	struct key key = newest_key(keyring);
	const bool is_newest =
		is_sealed(sealed) && memcmp(sealed.bytes + 1, key.id, KEY_ID_BYTES) == 0;

	explicit_bzero(&key, sizeof(key));
	return is_newest;
}

static_assert(KEY_NAME_BYTES == 2 * KEY_ID_BYTES + 1, "it is the id in hex");

bool keyring_name_key(struct sealed sealed, char name[static KEY_NAME_BYTES])
{
	if (!is_sealed(sealed))
		return false;
	hex_encode(sealed.bytes + 1, KEY_ID_BYTES, name);
	return true;
}

bool keyring_has_key_of(struct keyring *keyring, struct sealed sealed)
{
	struct key key;
	const bool has = is_sealed(sealed) && key_of(keyring, sealed.bytes + 1, &key);

	explicit_bzero(&key, sizeof(key));
	return has;
}

bool keyring_open_sealed(struct keyring *keyring, struct arena *arena,
			 const struct seal_place *place, struct sealed sealed, const char **text,
			 struct error *err)
{
	struct span associated;
	struct key key;
	char *plain;
	bool opened;

	if (sealed.bytes == NULL) {
		*text = NULL;
		return true;
	}
	if (!is_sealed(sealed))
		return error_set_code(err, ERROR_INTERNAL, "credentials_unreadable",
				      "%s.%s of %s is not a sealed value", place->table,
				      place->column, place->row);
	associated = associated_data(arena, place);
	plain = arena_alloc(arena, sealed.size);
	opened = key_of(keyring, sealed.bytes + 1, &key) &&
		 aead_open(key.bytes, &associated, sealed.bytes + HEADER_BYTES,
			   sealed.size - HEADER_BYTES, plain);
	explicit_bzero(&key, sizeof(key));
	if (!opened)
		return error_set_code(err, ERROR_INTERNAL, "credentials_unreadable",
				      "no key of encryption_key_file opens %s.%s of %s: run "
				      "`hallpass doctor`, which says what to do",
				      place->table, place->column, place->row);
	plain[sealed.size - HEADER_BYTES - AEAD_NONCE_BYTES - AEAD_TAG_BYTES] = '\0';
	*text = plain;
	return true;
}
