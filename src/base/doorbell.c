#include "base/doorbell.h"

#include "base/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void bell_path(const char *database, char path[static PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s-doorbell", database);
}

void doorbell_ring(const char *database)
{
	char path[PATH_MAX];
	int bell;

	bell_path(database, path);
	bell = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (bell < 0)
		return;
	/* A full FIFO has rung already. */
	if (write(bell, "!", 1) < 0)
		errno = 0;
	close(bell);
}

bool doorbell_open(const char *database, int *descriptor, struct error *err)
{
	char path[PATH_MAX];
	struct stat status;
	bool is_new;

	bell_path(database, path);
	is_new = mkfifo(path, 0660) == 0;
	if (!is_new && errno != EEXIST)
		return error_set(err, ERROR_STORAGE, "%s: cannot make the worker's doorbell: %s",
				 path, strerror(errno));
	/* Open for writing too, so that it never reads as ended when the last ringer has gone. */
	*descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*descriptor < 0)
		return error_set(err, ERROR_STORAGE, "%s: cannot open the worker's doorbell: %s",
				 path, strerror(errno));
	/* A plain file would always be readable, and the worker would never sleep. */
	if (fstat(*descriptor, &status) != 0 || !S_ISFIFO(status.st_mode)) {
		close(*descriptor);
		return error_set(err, ERROR_STORAGE, "%s: is in the place of the worker's doorbell",
				 path);
	}
	if (is_new && !beside_give_to_owner(*descriptor, database)) {
		close(*descriptor);
		return error_set(err, ERROR_STORAGE,
				 "%s: cannot be given to the owner of the database", path);
	}
	return true;
}

void doorbell_clear(int descriptor)
{
	char rings[256];

	while (read(descriptor, rings, sizeof(rings)) > 0)
		;
}
