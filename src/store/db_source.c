#include "store/db_source.h"

#include "store/db_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[DB_SOURCE_FILES] = {"", "-wal", "-journal"};

static void descriptor_close(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
}

static bool fail(const char *path, struct error *err)
{
	return error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
}

/* One beside the file need not be there. */
static bool open_one(struct db_source *source, size_t number, struct error *err)
{
	const char *path = arena_printf(source->arena, "%s%s", source->path, suffixes[number]);
	int *file = &source->files[number];
	struct stat status;

	*file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*file < 0)
		return (errno == ENOENT && number > 0) ||
		       error_set(err, ERROR_STORAGE, "%s: %s; name a copy that you may read", path,
				 strerror(errno));
	if (fstat(*file, &status) != 0)
		return fail(path, err);
	return S_ISREG(status.st_mode) ||
	       error_set(err, ERROR_INVALID, "%s: is no file; name one that `hallpass backup` made",
			 path);
}

static bool check_unused(const struct db_source *source, struct error *err)
{
	struct db_user user;

	if (!db_lock_find_user(source->files[0], &user))
		return true;
	return error_set(err, ERROR_CONFLICT,
			 "%s: %s has it open, so it may change; make a copy of it with "
			 "`hallpass backup`",
			 source->path, user.name);
}

bool db_source_open(struct db_source *source, struct arena *arena, const char *path,
		    struct error *err)
{
	*source = (struct db_source){.arena = arena, .path = path, .files = {-1, -1, -1}};
	for (size_t i = 0; i < DB_SOURCE_FILES; i++)
		if (!open_one(source, i, err))
			return false;
	return check_unused(source, err);
}

void db_source_close(struct db_source *source)
{
	for (size_t i = 0; source->path != NULL && i < DB_SOURCE_FILES; i++)
		descriptor_close(&source->files[i]);
	source->path = NULL;
}

bool db_source_is(const struct db_source *source, const char *path)
{
	struct stat own, other;

	return fstat(source->files[0], &own) == 0 && stat(path, &other) == 0 &&
	       own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static bool write_all(int file, const char *bytes, size_t size)
{
	while (size > 0) {
		const ssize_t written = write(file, bytes, size);

		if (written < 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

/* *is_read is false where it failed at reading. */
static bool copy_file(int from, int to, bool *is_read)
{
	char bytes[64 << 10];
	off_t at = 0;

	for (;;) {
		const ssize_t size = pread(from, bytes, sizeof(bytes), at);

		*is_read = size >= 0;
		if (size <= 0)
			return size == 0;
		if (!write_all(to, bytes, (size_t)size))
			return false;
		at += size;
	}
}

static bool copy_one(const struct db_source *source, size_t number, int to, const char *path,
		     struct error *err)
{
	bool is_read;

	return copy_file(source->files[number], to, &is_read) ||
	       fail(is_read ? path : source->path, err);
}

bool db_source_copy(const struct db_source *source, int file, const char *path, struct error *err)
{
	if (!copy_one(source, 0, file, path, err))
		return false;
	for (size_t i = 1; i < DB_SOURCE_FILES; i++) {
		const char *beside = arena_printf(source->arena, "%s%s", path, suffixes[i]);
		SCOPED(descriptor_close) int copy = -1;

		if (source->files[i] < 0)
			continue;
		copy = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (copy < 0)
			return fail(beside, err);
		if (!copy_one(source, i, copy, beside, err))
			return false;
	}
	return true;
}
