#include "base/key_file.h"

#include "base/arena.h"
#include "base/encode.h"
#include "base/failpoint.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char comment[] =
	"# Hallpass: keys for credentials at rest, newest first. Keep a copy apart from the database.\n";

static void file_close(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
}

enum { HMAC_BLOCK_BYTES = 64 };

/* SHA-256 of the key, filled up to a block and masked, with the text after it. */
static void masked_sha256(const unsigned char *key, unsigned char mask, const void *text,
			  size_t size, unsigned char digest[static SHA256_BYTES])
{
	unsigned char bytes[2 * HMAC_BLOCK_BYTES] = {0};

	assert(size <= HMAC_BLOCK_BYTES);
	memcpy(bytes, key, AEAD_KEY_BYTES);
	for (size_t i = 0; i < HMAC_BLOCK_BYTES; i++)
		bytes[i] ^= mask;
	memcpy(bytes + HMAC_BLOCK_BYTES, text, size);
	sha256(bytes, HMAC_BLOCK_BYTES + size, digest);
	explicit_bzero(bytes, sizeof(bytes));
}

/*
 * The id is the beginning of an HMAC-SHA-256. Not by hmac_sha256(), which loads OpenSSL: every program
 * reads this file at its start, and many have no other use for that.
 */
static void key_fill(struct key *key, const unsigned char *bytes)
{
	static const char label[] = "hallpass key id";
	unsigned char digest[SHA256_BYTES];

	memcpy(key->bytes, bytes, AEAD_KEY_BYTES);
	masked_sha256(bytes, 0x36, label, sizeof(label) - 1, digest);
	masked_sha256(bytes, 0x5c, digest, sizeof(digest), digest);
	memcpy(key->id, digest, KEY_ID_BYTES);
}

/* One line of the file: a key, or nothing. */
static bool read_line(struct key_set *keys, char *line, const char *path, int number,
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
		return error_set(
			err, ERROR_INVALID,
			"%s line %d: not a key: expected %d bytes in base64; put back your copy of the file",
			path, number, AEAD_KEY_BYTES);
	if (keys->count == KEYS_MAX)
		return error_set(err, ERROR_INVALID, "%s line %d: more than %d keys", path, number,
				 KEYS_MAX);
	key_fill(&keys->keys[keys->count++], bytes);
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

static const char *open_advice(int why)
{
	return why == ENOENT   ? "`hallpass init` makes one, if you have no copy to put back"
	       : why == EACCES ? "run this as the user of the services, or let that user read it"
			       : "check the path";
}

bool key_file_read(struct key_set *keys, const char *path, struct error *err)
{
	char read_ahead[512], line[256];
	SCOPED(file_close) FILE *file = fopen(path, "re");
	struct stat status;
	bool good = true;

	*keys = (struct key_set){0};
	if (file == NULL)
		return error_set(err, ERROR_INVALID, "encryption_key_file %s: %s; %s", path,
				 strerror(errno), open_advice(errno));
	if (fstat(fileno(file), &status) != 0)
		return error_set(err, ERROR_INVALID, "encryption_key_file %s: %s", path,
				 strerror(errno));
	if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		return error_set(
			err, ERROR_INVALID,
			"encryption_key_file %s: mode %04o lets others in; run: chmod g-w,o= %s",
			path, (unsigned)(status.st_mode & 07777), path);
	/* A buffer of stdio's own would go back to the heap with keys in it. */
	setvbuf(file, read_ahead, _IOFBF, sizeof(read_ahead));
	keys->inode = status.st_ino;
	keys->changed = status.st_mtim;
	for (int number = 1; good && next_line(file, line, sizeof(line)); number++)
		good = read_line(keys, line, path, number, err);
	explicit_bzero(line, sizeof(line));
	explicit_bzero(read_ahead, sizeof(read_ahead));
	if (good && keys->count == 0)
		good = error_set(err, ERROR_INVALID,
				 "encryption_key_file %s: holds no key; put back your copy of it",
				 path);
	if (!good)
		key_set_wipe(keys);
	return good;
}

void key_set_wipe(struct key_set *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}

bool key_file_has_changed(const struct key_set *keys, const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 &&
	       (status.st_ino != keys->inode || status.st_mtim.tv_sec != keys->changed.tv_sec ||
		status.st_mtim.tv_nsec != keys->changed.tv_nsec);
}

static void descriptor_close(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
}

static bool fail(const char *path, struct error *err)
{
	return error_set(err, ERROR_STORAGE, "encryption_key_file %s: %s", path, strerror(errno));
}

static bool write_keys(int file, const char *path, const struct key *keys, size_t count,
		       struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *text = comment;

	for (size_t i = 0; i < count; i++)
		text = arena_printf(&arena, "%s%s\n", text,
				    base64_encode(&arena, keys[i].bytes, sizeof(keys[i].bytes)));
	if (write(file, text, strlen(text)) != (ssize_t)strlen(text) || fsync(file) != 0)
		return fail(path, err);
	return true;
}

static struct key fresh_key(void)
{
	unsigned char bytes[AEAD_KEY_BYTES];
	struct key key;

	random_bytes(bytes, sizeof(bytes));
	key_fill(&key, bytes);
	explicit_bzero(bytes, sizeof(bytes));
	return key;
}

bool key_file_create(const char *path, struct error *err)
{
	SCOPED(descriptor_close)
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct key key;
	bool written;

	if (file < 0)
		return error_set(err, errno == EEXIST ? ERROR_CONFLICT : ERROR_INVALID,
				 "encryption_key_file %s: %s", path, strerror(errno));
	key = fresh_key();
	written = write_keys(file, path, &key, 1, err);
	explicit_bzero(&key, sizeof(key));
	if (!written)
		unlink(path);
	return written;
}

/* Makes the rename itself durable: a power cut must not bring a dropped key's file back. */
static bool sync_folder(const char *path, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(descriptor_close)
	int folder = open(dirname(arena_strdup(&arena, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return (folder >= 0 && fsync(folder) == 0) || fail(path, err);
}

static bool is_at(int file, const char *path)
{
	struct stat opened, named;

	return fstat(file, &opened) == 0 && stat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

bool key_file_lock(struct key_file *file, const char *path, struct error *err)
{
	*file = (struct key_file){path, -1};
	do {
		key_file_unlock(file);
		file->lock = open(path, O_RDONLY | O_CLOEXEC);
		if (file->lock < 0)
			return fail(path, err);
		if (flock(file->lock, LOCK_EX | LOCK_NB) != 0)
			return errno == EWOULDBLOCK
				       ? error_set(err, ERROR_CONFLICT,
						   "encryption_key_file %s: another `hallpass keys "
						   "rotate` is at work; wait for its end",
						   path)
				       : fail(path, err);
	} while (!is_at(file->lock,
			path)); /* who had it has replaced the file since it was opened */
	return true;
}

void key_file_unlock(struct key_file *file)
{
	descriptor_close(&file->lock);
	file->lock = -1;
}

static int hand_over(int *descriptor)
{
	const int handed = *descriptor;

	*descriptor = -1;
	return handed;
}

/* Whoever reads the file sees the old one or the new one, whole. The lock goes over to the new one. */
static bool replace(struct key_file *key_file, const struct key *keys, size_t count,
		    struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *path = key_file->path;
	const char *draft = arena_printf(&arena, "%s.new", path);
	SCOPED(descriptor_close) int file = -1;
	struct stat status;

	/* What a run that was killed has left is of no use to anybody. */
	if (unlink(draft) != 0 && errno != ENOENT)
		return fail(draft, err);
	file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0 || stat(path, &status) != 0 || flock(file, LOCK_EX | LOCK_NB) != 0)
		return fail(draft, err);
	if (fchown(file, status.st_uid, status.st_gid) != 0 ||
	    fchmod(file, status.st_mode & 07777) != 0)
		return fail(draft, err);
	if (!write_keys(file, draft, keys, count, err))
		return false;
	failpoint("keys.written");
	if (rename(draft, path) != 0)
		return fail(path, err);
	key_file_unlock(key_file);
	key_file->lock = hand_over(&file);
	return sync_folder(path, err);
}

bool key_file_add(struct key_file *file, struct error *err)
{
	const char *path = file->path;
	struct key_set keys;
	bool replaced;

	if (!key_file_read(&keys, path, err))
		return false;
	if (keys.count == KEYS_MAX)
		return error_set(err, ERROR_CONFLICT,
				 "encryption_key_file %s: holds %d keys already", path, KEYS_MAX);
	memmove(&keys.keys[1], &keys.keys[0], keys.count * sizeof(keys.keys[0]));
	keys.keys[0] = fresh_key();
	replaced = replace(file, keys.keys, keys.count + 1, err);
	key_set_wipe(&keys);
	return replaced;
}

bool key_file_keep_newest(struct key_file *file, struct error *err)
{
	struct key_set keys;
	bool replaced;

	if (!key_file_read(&keys, file->path, err))
		return false;
	replaced = replace(file, keys.keys, 1, err);
	key_set_wipe(&keys);
	return replaced;
}
