#include "store/db_line.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* It belongs to the open file rather than the process (F_OFD_…), so that no other close() drops it. */
static struct flock places(short type, int64_t first, int64_t count)
{
	return (struct flock){.l_type = type,
			      .l_whence = SEEK_SET,
			      .l_start = first,
			      .l_len = count};
}

/* The operator's commands run as root, and a file of root's would keep the services out. */
static bool owns(const char *database)
{
	struct stat status;

	return stat(database, &status) == 0 && status.st_uid == geteuid();
}

static bool open_file(struct db_line *line, const char *database, int flags)
{
	char path[PATH_MAX];

	if (line->file < 0 && snprintf(path, sizeof(path), "%s-line", database) < PATH_MAX)
		line->file = open(path, O_RDWR | O_CLOEXEC | flags, 0660);
	return line->file >= 0;
}

bool db_line_has_before(struct db_line *line, const char *database, int64_t place)
{
	struct flock before = places(F_WRLCK, 0, place);

	return open_file(line, database, 0) && fcntl(line->file, F_OFD_GETLK, &before) == 0 &&
	       before.l_type != F_UNLCK;
}

void db_line_stand(struct db_line *line, const char *database, int64_t place)
{
	struct flock own = places(F_WRLCK, place, 1);

	if (line->place == 0 && open_file(line, database, owns(database) ? O_CREAT : 0) &&
	    fcntl(line->file, F_OFD_SETLK, &own) == 0)
		line->place = place;
}

void db_line_leave(struct db_line *line)
{
	struct flock own = places(F_UNLCK, line->place, 1);

	if (line->place != 0)
		fcntl(line->file, F_OFD_SETLK, &own);
	line->place = 0;
}

void db_line_close(struct db_line *line)
{
	if (line->file >= 0)
		close(line->file);
	line->file = -1;
}
