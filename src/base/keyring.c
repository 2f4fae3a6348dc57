#include "base/keyring.h"

#include "base/crypto.h"
#include "base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SEAL_VERSION = 1,
	KEY_ID_BYTES = 4,
	HEADER_BYTES = 1 + KEY_ID_BYTES,
	KEYS_MAX = 64,
};

struct key {
	unsigned char
		id[KEY_ID_BYTES]; /* derived from the key, so that no file can name it wrongly */
	unsigned char bytes[AEAD_KEY_BYTES];
};

struct keyring {
	size_t key_count;
	struct key keys[KEYS_MAX]; /* newest first */
};

static void file_close(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
}

static void key_set(struct key *key, const unsigned char *bytes)
{
	static const char label[] = "hallpass key id";
	const struct span parts[] = {{label, sizeof(label) - 1}};
	unsigned char digest[SHA256_BYTES];

	memcpy(key->bytes, bytes, AEAD_KEY_BYTES);
	hmac_sha256(bytes, AEAD_KEY_BYTES, parts, 1, digest);
	memcpy(key->id, digest, KEY_ID_BYTES);
}

/* One line of the file: a key, or nothing. */
static bool read_line(struct keyring *keyring, char *line, const char *path, int number,
		      struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	unsigned char *bytes;
	size_t size;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	for (size = strlen(line); size > 0 && strchr(" \t", line[size - 1]) != NULL; size--)
		line[size - 1] = '\0';
	if (*line == '\0')
		return true;
	bytes = base64_decode(&arena, line, &size);
	if (bytes == NULL || size != AEAD_KEY_BYTES)
		return error_set(err, ERROR_INVALID,
				 "%s line %d: not a key: expected %d bytes in base64", path, number,
				 AEAD_KEY_BYTES);
	if (keyring->key_count == KEYS_MAX)
		return error_set(err, ERROR_INVALID, "%s line %d: more than %d keys", path, number,
				 KEYS_MAX);
	key_set(&keyring->keys[keyring->key_count++], bytes);
	return true;
}

/* What does not fit is skipped: it is more than any key, and less than a comment may be. */
static bool next_line(FILE *file, char *line, int size)
{
	int c = '\n';

	if (fgets(line, size, file) == NULL)
		return false;
	if (strchr(line, '\n') == NULL)
		do
			c = fgetc(file);
		while (c != EOF && c != '\n');
	return true;
}

static bool read_file(struct keyring *keyring, const char *path, struct error *err)
{
	SCOPED(file_close) FILE *file = fopen(path, "re");
	struct stat status;
	char line[256];
	bool good = true;

	if (file == NULL)
		return error_set(err, ERROR_INVALID,
				 "encryption_key_file %s: %s; `hallpass init` makes one", path,
				 strerror(errno));
	if (fstat(fileno(file), &status) != 0)
		return error_set(err, ERROR_INVALID, "encryption_key_file %s: %s", path,
				 strerror(errno));
	if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		return error_set(
			err, ERROR_INVALID,
			"encryption_key_file %s: mode %04o lets others in; run: chmod 600 %s", path,
			(unsigned)(status.st_mode & 07777), path);
	for (int number = 1; good && next_line(file, line, sizeof(line)); number++)
		good = read_line(keyring, line, path, number, err);
	explicit_bzero(line, sizeof(line));
	if (good && keyring->key_count == 0)
		return error_set(err, ERROR_INVALID, "encryption_key_file %s: holds no key", path);
	return good;
}

bool keyring_open(struct keyring **keyring, const char *path, struct error *err)
{
	struct keyring *opened = calloc(1, sizeof(*opened));

	if (opened == NULL)
		abort();
	if (!read_file(opened, path, err)) {
		keyring_close(&opened);
		return false;
	}
	*keyring = opened;
	return true;
}

void keyring_close(struct keyring **keyring)
{
	if (*keyring != NULL)
		explicit_bzero(*keyring, sizeof(**keyring));
	free(*keyring);
	*keyring = NULL;
}

static void descriptor_close(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
}

bool keyring_create_file(const char *path, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(descriptor_close)
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	unsigned char key[AEAD_KEY_BYTES];
	const char *text;

	if (file < 0)
		return error_set(err, errno == EEXIST ? ERROR_CONFLICT : ERROR_INVALID,
				 "encryption_key_file %s: %s", path, strerror(errno));
	random_bytes(key, sizeof(key));
	text = arena_printf(
		&arena,
		"# Hallpass: keys for credentials at rest, newest first. Keep a copy apart from the database.\n%s\n",
		base64_encode(&arena, key, sizeof(key)));
	explicit_bzero(key, sizeof(key));
	if (write(file, text, strlen(text)) != (ssize_t)strlen(text) || fsync(file) != 0) {
		const int reason = errno;

		unlink(path);
		return error_set(err, ERROR_STORAGE, "encryption_key_file %s: %s", path,
				 strerror(reason));
	}
	return true;
}

/* No part can run into the next one: the lengths are fixed by the separators, which no name holds. */
static struct span associated_data(struct arena *arena, const struct seal_place *place)
{
	const char *text = arena_printf(arena, "hallpass|%s|%s|%s|%lld", place->table,
					place->column, place->row, place->project_id);

	return (struct span){text, strlen(text)};
}

struct sealed keyring_seal(const struct keyring *keyring, struct arena *arena,
			   const struct seal_place *place, const char *text)
{
	const struct key *key = &keyring->keys[0];
	struct span associated;
	unsigned char *bytes;
	size_t size;

	if (text == NULL)
		return (struct sealed){0};
	associated = associated_data(arena, place);
	size = HEADER_BYTES + AEAD_NONCE_BYTES + strlen(text) + AEAD_TAG_BYTES;
	bytes = arena_alloc(arena, size);
	bytes[0] = SEAL_VERSION;
	memcpy(bytes + 1, key->id, KEY_ID_BYTES);
	aead_seal(key->bytes, &associated, text, strlen(text), bytes + HEADER_BYTES);
	return (struct sealed){bytes, size};
}

bool keyring_open_sealed(const struct keyring *keyring, struct arena *arena,
			 const struct seal_place *place, struct sealed sealed, const char **text,
			 struct error *err)
{
	struct span associated;
	char *plain;

	if (sealed.bytes == NULL) {
		*text = NULL;
		return true;
	}
	if (sealed.size < HEADER_BYTES + AEAD_NONCE_BYTES + AEAD_TAG_BYTES ||
	    sealed.bytes[0] != SEAL_VERSION)
		return error_set_code(err, ERROR_INTERNAL, "credentials_unreadable",
				      "%s.%s of %s is not a sealed value", place->table,
				      place->column, place->row);
	associated = associated_data(arena, place);
	plain = arena_alloc(arena, sealed.size);
	for (size_t i = 0; i < keyring->key_count; i++) {
		const struct key *key = &keyring->keys[i];

		if (memcmp(sealed.bytes + 1, key->id, KEY_ID_BYTES) != 0 ||
		    !aead_open(key->bytes, &associated, sealed.bytes + HEADER_BYTES,
			       sealed.size - HEADER_BYTES, plain))
			continue;
		plain[sealed.size - HEADER_BYTES - AEAD_NONCE_BYTES - AEAD_TAG_BYTES] = '\0';
		*text = plain;
		return true;
	}
	return error_set_code(err, ERROR_INTERNAL, "credentials_unreadable",
			      "no key of encryption_key_file opens %s.%s of %s", place->table,
			      place->column, place->row);
}
