#include "store/db_backup.h"

#include "store/db_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void close_handle(sqlite3 **handle)
{
	sqlite3_close(*handle);
}

/* Whoever may read a backup has the database; and SQLite would write over a file that is there. */
static bool make_private_file(const char *path, struct error *err)
{
	const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (file >= 0) {
		close(file);
		return true;
	}
	if (errno == EEXIST)
		return error_set(err, ERROR_CONFLICT, "%s: exists; name a file that does not",
				 path);
	return error_set(err, ERROR_STORAGE,
			 "%s: %s; name a file in a folder that you may write in", path,
			 strerror(errno));
}

static void free_text(char **text)
{
	free(*text);
}

/* By its absolute path: a name like ":memory:" means something else to SQLite. */
static bool copy_pages(struct db *db, const char *path, struct error *err)
{
	SCOPED(free_text) char *absolute = realpath(path, NULL);
	SCOPED(close_handle) sqlite3 *copy = NULL;
	sqlite3_backup *backup;
	int result;

	if (absolute == NULL)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
	if (db_connection_of(db)->handle == NULL)
		return db_fail(db, db->connection->open_result, err);
	if (sqlite3_open_v2(absolute, &copy, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, sqlite3_errmsg(copy));
	backup = sqlite3_backup_init(copy, "main", db->connection->handle, "main");
	if (backup == NULL)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, sqlite3_errmsg(copy));
	/* All in one step, of one snapshot, which in WAL mode waits for no writer. */
	result = sqlite3_backup_step(backup, -1);
	sqlite3_backup_finish(backup);
	if (result != SQLITE_DONE)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, sqlite3_errstr(result));
	return true;
}

bool db_backup(struct db *db, const char *path, struct error *err)
{
	if (!make_private_file(path, err))
		return false;
	if (copy_pages(db, path, err))
		return true;
	unlink(path);
	return false;
}
