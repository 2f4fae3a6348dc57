#include "base/holder.h"

#include "base/beside.h"
#include "base/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct holder {
	char database[PATH_MAX], path[PATH_MAX];
	pthread_mutex_t lock;
	int file; /* -1: not opened yet */
	int64_t number;
};

struct holder *holder_open(const char *database)
{
	struct holder *holder = calloc(1, sizeof(*holder));

	if (holder == NULL)
		abort();
	snprintf(holder->database, sizeof(holder->database), "%s", database);
	snprintf(holder->path, sizeof(holder->path), "%s-holders", database);
	pthread_mutex_init(&holder->lock, NULL);
	holder->file = -1;
	return holder;
}

void holder_close(struct holder **holder)
{
	if (*holder == NULL)
		return;
	if ((*holder)->file >= 0)
		close((*holder)->file);
	pthread_mutex_destroy(&(*holder)->lock);
	free(*holder);
	*holder = NULL;
}

/*
 * Number N is the lock on byte N of a file that stays empty. It belongs to the open file rather than
 * the process (F_OFD_…), so that no other close() of this process drops it.
 */
static struct flock byte_of(int64_t number)
{
	return (struct flock){.l_type = F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_start = number,
			      .l_len = 1};
}

static bool fail(const struct holder *holder, const char *what, struct error *err)
{
	return error_set(err, ERROR_STORAGE, "%s: cannot %s: %s", holder->path, what,
			 strerror(errno));
}

static int make_file(const struct holder *holder)
{
	const int file = open(holder->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);

	if (file < 0 || beside_give_to_owner(file, holder->database))
		return file;
	close(file);
	return -1;
}

static bool lock_number(const struct holder *holder, int64_t *number, struct error *err)
{
	uint64_t random;
	struct flock lock;

	random_bytes(&random, sizeof(random));
	*number = (int64_t)(random >> 2) + 1;
	lock = byte_of(*number);
	return fcntl(holder->file, F_OFD_SETLK, &lock) == 0 ||
	       fail(holder, "take the lock of this process", err);
}

static bool take_number(struct holder *holder, struct error *err)
{
	if (holder->file >= 0)
		return true;
	holder->file = make_file(holder);
	if (holder->file < 0 && errno == EEXIST)
		holder->file = open(holder->path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	if (holder->file < 0)
		return fail(holder, "open the file of process locks", err);
	if (lock_number(holder, &holder->number, err))
		return true;
	close(holder->file);
	holder->file = -1;
	return false;
}

bool holder_number(struct holder *holder, int64_t *number, struct error *err)
{
	bool taken;

	pthread_mutex_lock(&holder->lock);
	taken = take_number(holder, err);
	*number = holder->number;
	pthread_mutex_unlock(&holder->lock);
	return taken;
}

bool holder_begin(struct holder *holder, int64_t *number, struct error *err)
{
	int64_t own;

	return holder_number(holder, &own, err) && lock_number(holder, number, err);
}

void holder_end(struct holder *holder, int64_t number)
{
	struct flock lock = byte_of(number);

	lock.l_type = F_UNLCK;
	/* Nothing can stand against that: it gives back what is ours, of a file that is open. */
	if (fcntl(holder->file, F_OFD_SETLK, &lock) != 0)
		abort();
}

bool holder_is_alive(struct holder *holder, int64_t number, bool *is_alive, struct error *err)
{
	struct flock lock = byte_of(number);
	int64_t own;

	if (!holder_number(holder, &own, err))
		return false;
	/* One's own locks are in nobody's own way, so they do not show. */
	if (number == own) {
		*is_alive = true;
		return true;
	}
	if (fcntl(holder->file, F_OFD_GETLK, &lock) != 0)
		return fail(holder, "read the process locks", err);
	*is_alive = lock.l_type != F_UNLCK;
	return true;
}

bool holder_exclude_others(struct holder *holder, bool *is_alone, struct error *err)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET}; /* to wherever bytes end */
	bool is_told = true;

	pthread_mutex_lock(&holder->lock);
	if (holder->file < 0)
		holder->file = open(holder->path, O_RDWR | O_CLOEXEC);
	*is_alone =
		holder->file < 0 ? errno == ENOENT : fcntl(holder->file, F_OFD_SETLK, &all) == 0;
	if (!*is_alone && (holder->file < 0 || (errno != EAGAIN && errno != EACCES)))
		is_told = fail(holder, "take the process locks", err);
	pthread_mutex_unlock(&holder->lock);
	return is_told;
}
