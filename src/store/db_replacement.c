#include "store/db_replacement.h"

#include "base/failpoint.h"
#include "store/db.h"
#include "store/db_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* What SQLite keeps beside a database: two that hold content of it, and one that is only made of that. */
static const char wal_suffix[] = "-wal", journal_suffix[] = "-journal", index_suffix[] = "-shm";

static const char draft_suffix[] = ".restoring", aside_suffix[] = ".replaced-";

/* Who has just opened the old file waits so long for its lock, and some more to be late. */
enum { OPENERS_MS = DB_BUSY_TIMEOUT_MS + 500, LOOK_AGAIN_MS = 10 };

static bool fail(const char *path, struct error *err)
{
	return error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
}

static bool fail_in_use(const struct db_replacement *replacement, const char *by, struct error *err)
{
	return error_set(err, ERROR_CONFLICT,
			 "database %s is in use by %s; stop Hallpass first: "
			 "systemctl stop 'hallpass-*.socket' 'hallpass-*.service'",
			 replacement->database, by);
}

static void free_text(char **text)
{
	free(*text);
}

static void close_folder(DIR **folder)
{
	if (*folder != NULL)
		closedir(*folder);
}

static const char *folder_of(struct arena *arena, const char *file)
{
	return dirname(arena_strdup(arena, file));
}

static const char *name_of(struct arena *arena, const char *file)
{
	return basename(arena_strdup(arena, file));
}

/* By its absolute path, for SQLite takes some others for something else. */
static bool find_file(struct arena *arena, const char *database, const char **path,
		      struct error *err)
{
	SCOPED(free_text) char *folder = realpath(folder_of(arena, database), NULL);
	SCOPED(free_text) char *real = NULL;

	if (folder == NULL)
		return fail(database, err);
	real = realpath(database, NULL);
	if (real == NULL && errno != ENOENT)
		return fail(database, err);
	*path = real != NULL ? arena_strdup(arena, real)
			     : arena_printf(arena, "%s/%s", folder, name_of(arena, database));
	return true;
}

bool db_replacement_find_owner(struct arena *arena, const char *database, struct stat *owner,
			       struct error *err)
{
	const char *path;

	if (!find_file(arena, database, &path, err))
		return false;
	if (stat(path, owner) == 0)
		return true;
	if (errno != ENOENT || stat(folder_of(arena, path), owner) != 0)
		return fail(path, err);
	owner->st_mode = 0600;
	return true;
}

static bool remove_file(const char *path, struct error *err)
{
	return unlink(path) == 0 || errno == ENOENT || fail(path, err);
}

static const char *beside(const struct db_replacement *replacement, const char *file,
			  const char *suffix)
{
	return arena_printf(replacement->arena, "%s%s", file, suffix);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool remove_draft(const struct db_replacement *replacement, struct error *err)
{
	const char *draft = replacement->draft;

	return remove_file(draft, err) &&
	       remove_file(beside(replacement, draft, wal_suffix), err) &&
	       remove_file(beside(replacement, draft, journal_suffix), err) &&
	       remove_file(beside(replacement, draft, index_suffix), err);
}

static bool sync_folder(const struct db_replacement *replacement, struct error *err)
{
	return fsync(replacement->folder) == 0 ||
	       fail(folder_of(replacement->arena, replacement->database), err);
}

/* Only one at a time works on the databases of a folder. */
static bool lock_folder(struct db_replacement *replacement, struct error *err)
{
	const char *folder = folder_of(replacement->arena, replacement->database);

	replacement->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (replacement->folder < 0)
		return fail(folder, err);
	if (flock(replacement->folder, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno != EWOULDBLOCK)
		return fail(folder, err);
	return error_set(err, ERROR_CONFLICT, "another `hallpass restore` is at work in %s",
			 folder);
}

/*
 * Has SQLite move what is in the WAL into the file, and remove the WAL as it closes; which it also does
 * where it cannot read the file.
 */
static void empty_wal(const struct db_replacement *replacement, struct db_gate *gate)
{
	SCOPED(db_close) struct db *db = NULL;
	struct error ignored;

	if (is_there(replacement->database) &&
	    db_open(&db, replacement->database, gate, &ignored) &&
	    db_script(db, "PRAGMA wal_checkpoint(TRUNCATE);", &ignored))
		return;
}

static bool check_alone(const struct db_replacement *replacement, const char *suffix,
			struct error *err)
{
	return !is_there(beside(replacement, replacement->database, suffix)) ||
	       error_set(
		       err, ERROR_CONFLICT,
		       "%s%s belongs to another database than the copy and would spoil it; run this "
		       "again, and if it is still there then, move it away",
		       replacement->database, suffix);
}

static bool lock_file(struct db_replacement *replacement, struct error *err)
{
	struct db_user user;

	replacement->file = open(replacement->database, O_RDWR | O_CLOEXEC);
	if (replacement->file < 0)
		return errno == ENOENT || fail(replacement->database, err);
	return db_lock_take(replacement->file, &user) || fail_in_use(replacement, user.name, err);
}

static bool lock_processes(struct db_replacement *replacement, struct holder *holder,
			   struct error *err)
{
	bool is_alone;

	return holder_exclude_others(holder, &is_alone, err) &&
	       (is_alone || fail_in_use(replacement, "a process that is at rest", err));
}

static bool is_database(const struct db_replacement *replacement, const char *path)
{
	struct stat database, other;

	return replacement->file >= 0 && fstat(replacement->file, &database) == 0 &&
	       lstat(path, &other) == 0 && database.st_dev == other.st_dev &&
	       database.st_ino == other.st_ino;
}

/* Second names of the database, which runs that were cut off before step 4 have left. */
static bool remove_names(const struct db_replacement *replacement, struct error *err)
{
	const char *folder = folder_of(replacement->arena, replacement->database);
	const char *start =
		arena_printf(replacement->arena, "%s%s",
			     name_of(replacement->arena, replacement->database), aside_suffix);
	SCOPED(close_folder) DIR *list = opendir(folder);
	const struct dirent *entry;

	if (list == NULL)
		return fail(folder, err);
	while ((entry = readdir(list)) != NULL) {
		const char *path = arena_printf(replacement->arena, "%s/%s", folder, entry->d_name);

		if (strncmp(entry->d_name, start, strlen(start)) == 0 &&
		    is_database(replacement, path) && !remove_file(path, err))
			return false;
	}
	return true;
}

bool db_replacement_begin(struct db_replacement *replacement, struct arena *arena,
			  const char *database, struct db_gate *gate, struct holder *holder,
			  struct error *err)
{
	*replacement = (struct db_replacement){.arena = arena, .folder = -1, .file = -1};
	if (!find_file(arena, database, &replacement->database, err) ||
	    !db_replacement_find_owner(arena, database, &replacement->like, err) ||
	    !lock_folder(replacement, err))
		return false;
	replacement->draft = beside(replacement, replacement->database, draft_suffix);
	if (!remove_draft(replacement, err))
		return false;
	empty_wal(replacement, gate);
	return lock_file(replacement, err) && lock_processes(replacement, holder, err) &&
	       check_alone(replacement, wal_suffix, err) &&
	       check_alone(replacement, journal_suffix, err) && remove_names(replacement, err);
}

bool db_replacement_fill(const struct db_replacement *replacement, const struct db_source *source,
			 struct error *err)
{
	const struct stat *like = &replacement->like;
	const char *draft = replacement->draft;
	const int file = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool filled;

	if (file < 0)
		return fail(draft, err);
	if (fchown(file, like->st_uid, like->st_gid) != 0 ||
	    fchmod(file, like->st_mode & 07777) != 0)
		filled = error_set(err, ERROR_STORAGE,
				   "%s cannot get the owner and mode of the database: %s; run this "
				   "as that owner, or as root",
				   draft, strerror(errno));
	else
		filled = db_source_copy(source, file, draft, err);
	close(file);
	failpoint("restore.filled");
	return filled;
}

static bool sync_draft(const struct db_replacement *replacement, struct error *err)
{
	const char *draft = replacement->draft;
	const int file = open(draft, O_RDONLY | O_CLOEXEC);
	const bool synced = file >= 0 && fsync(file) == 0;

	if (!synced)
		fail(draft, err);
	if (file >= 0)
		close(file);
	if (!synced || !is_there(beside(replacement, draft, wal_suffix)))
		return synced;
	return error_set(err, ERROR_STORAGE,
			 "%s: SQLite could not write all of it; see whether the disk is full",
			 draft);
}

static void name_aside(struct db_replacement *replacement)
{
	time_t now = time(NULL);
	char at[32];
	struct tm utc;

	do {
		strftime(at, sizeof(at), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
		replacement->aside = arena_printf(replacement->arena, "%s%s%s",
						  replacement->database, aside_suffix, at);
		now++;
	} while (is_there(replacement->aside));
}

/* Step 3, where there is an old one. */
static bool keep_aside(struct db_replacement *replacement, struct error *err)
{
	if (replacement->file < 0)
		return true;
	name_aside(replacement);
	if (link(replacement->database, replacement->aside) != 0)
		return fail(replacement->aside, err);
	failpoint("restore.kept");
	return sync_folder(replacement, err);
}

/*
 * Who had the old file open before it was renamed, but not yet locked, would go on with it. A lease for
 * writing is given where nobody else has it open; a file system without leases gives none.
 */
static void wait_for_openers(const struct db_replacement *replacement)
{
	const int64_t until_ms = clock_monotonic_ms() + OPENERS_MS;

	/* Whoever opens it later, by its new name, has us told by a signal: one that does nothing. */
	if (replacement->file < 0 || fcntl(replacement->file, F_SETSIG, SIGURG) != 0)
		return;
	while (fcntl(replacement->file, F_SETLEASE, F_WRLCK) != 0)
		if (clock_monotonic_ms() < until_ms)
			clock_pause_ms(LOOK_AGAIN_MS);
		else
			return;
	fcntl(replacement->file, F_SETLEASE, F_UNLCK);
}

bool db_replacement_switch(struct db_replacement *replacement, struct error *err)
{
	struct error why;

	if (!sync_draft(replacement, err) || !keep_aside(replacement, err))
		return false;
	if (rename(replacement->draft, replacement->database) != 0) {
		fail(replacement->database, err);
		if (replacement->aside != NULL)
			unlink(replacement->aside);
		return false;
	}
	failpoint("restore.switched");
	wait_for_openers(replacement);
	if (sync_folder(replacement, &why))
		return true;
	return error_set(err, ERROR_STORAGE,
			 "the database was replaced, but whether that outlives a power cut is not "
			 "known: %s",
			 why.message);
}

void db_replacement_end(struct db_replacement *replacement)
{
	struct error ignored;

	if (replacement->arena == NULL)
		return;
	if (replacement->draft != NULL && !remove_draft(replacement, &ignored))
		replacement->draft = NULL; /* the next one removes it */
	if (replacement->file >= 0)
		close(replacement->file);
	if (replacement->folder >= 0)
		close(replacement->folder);
	replacement->arena = NULL;
}
