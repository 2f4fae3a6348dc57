/* What lies on this machine: configuration, key file, folders, disk, and who may do what with them. */
#include "cli/doctor.h"
#include "cli/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	FREE_MB_NEEDED = 50,
	FREE_MB_WANTED = 500, /* as packaging/monitoring has it */
};

/* Root could read it: the services may not. */
static void note_config(struct examination *examination, const char *file)
{
	if (*file == '\0')
		examination_note(examination, LEVEL_OK, "config", NULL,
				 "no file, for HALLPASS_CONFIG names none: defaults and HALLPASS_ "
				 "variables alone");
	else if (access(file, R_OK) != 0)
		examination_note(examination, LEVEL_FAIL, "config",
				 "let the user of the services read it", "%s: %s", file,
				 strerror(errno));
	else
		examination_note(examination, LEVEL_OK, "config", NULL, "read from %s", file);
}

/* From here on root looks with the eyes of the services. */
void doctor_check_config(struct examination *examination)
{
	struct config *config = &examination->call->process.config;
	struct error err = {0};

	if (!config_read(config, examination->call->environment, &err)) {
		examination_note(examination, LEVEL_FAIL, "config",
				 "correct it, then run doctor again", "%s", err.message);
		return;
	}
	examination->has_config = true;
	if (!owner_become(examination->call->arena, config->database, &err))
		examination_note(examination, LEVEL_FAIL, "user", "see what is said of the folders",
				 "what the services may do is not known: %s", err.message);
	note_config(examination, config->file);
}

/* The keyring itself refuses a file that others may read. */
void doctor_check_key_file(struct examination *examination)
{
	struct process *process = &examination->call->process;
	const char *path = process->config.encryption_key_file;
	struct error err = {0};
	struct stat status;

	if (!examination->has_config)
		return;
	if (!keyring_open(&process->keyring, path, &err)) {
		examination_note(examination, LEVEL_FAIL, "key file",
				 "let who runs Hallpass read it, and nobody else", "%s",
				 err.message);
		return;
	}
	examination->has_keyring = true;
	if (stat(path, &status) == 0)
		examination_note(examination, LEVEL_OK, "key file", NULL, "%s, mode %04o", path,
				 (unsigned)status.st_mode & 07777);
}

static const char *folder_of(const char *file, struct arena *arena)
{
	const char *slash = strrchr(file, '/');

	return slash == NULL   ? "."
	       : slash == file ? "/"
			       : arena_strndup(arena, file, (size_t)(slash - file));
}

/* mending: what to do where it is there, and not for who runs Hallpass. */
static void check_folder(struct examination *examination, const char *check, const char *file,
			 int access_needed, const char *mending)
{
	struct arena *arena = examination->call->arena;
	const char *folder = folder_of(file, arena);
	struct stat status;

	if (stat(folder, &status) != 0 || access(folder, access_needed) != 0)
		examination_note(examination, LEVEL_FAIL, check,
				 errno == ENOENT ? "`hallpass init` makes it" : mending, "%s: %s",
				 folder, strerror(errno));
	else if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
		examination_note(examination, LEVEL_FAIL, check,
				 arena_printf(arena, "run: chmod o-w %s", folder),
				 "%s: mode %04o lets anybody replace the files in it", folder,
				 (unsigned)status.st_mode & 07777);
	else
		examination_note(examination, LEVEL_OK, check, NULL, "%s, mode %04o", folder,
				 (unsigned)status.st_mode & 07777);
}

void doctor_check_folders(struct examination *examination)
{
	const struct config *config = &examination->call->process.config;

	if (!examination->has_config)
		return;
	check_folder(examination, "key folder", config->encryption_key_file, X_OK,
		     "let who runs Hallpass enter it");
	check_folder(examination, "database folder", config->database, W_OK | X_OK,
		     "give it to who runs Hallpass, for SQLite writes files beside its own");
}

void doctor_check_disk(struct examination *examination)
{
	struct call *call = examination->call;
	static const char advice[] =
		"make room: what cannot be written is lost, refreshed tokens first";
	const char *folder;
	struct statvfs disk;
	int64_t free_mb;

	if (!examination->has_config)
		return;
	folder = folder_of(call->process.config.database, call->arena);
	if (statvfs(folder, &disk) != 0) {
		examination_note(examination, LEVEL_FAIL, "disk", "see what is said of the folder",
				 "%s: %s", folder, strerror(errno));
		return;
	}
	free_mb = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize / 1000000;
	examination_note(examination,
			 free_mb < FREE_MB_NEEDED   ? LEVEL_FAIL
			 : free_mb < FREE_MB_WANTED ? LEVEL_WARN
						    : LEVEL_OK,
			 "disk", free_mb < FREE_MB_WANTED ? advice : NULL,
			 "%" PRId64 " MB are free where the database lies", free_mb);
}

/* Put there by root, as with cp, where it is another's folder. */
static bool is_only_roots(const char *folder, const struct stat *file)
{
	struct stat status;

	return geteuid() == 0 && file->st_uid == 0 && stat(folder, &status) == 0 &&
	       status.st_uid != 0;
}

/* Whether there was nothing to say of it. */
static bool check_database_file(struct examination *examination, const char *path,
				const struct stat *status)
{
	struct arena *arena = examination->call->arena;
	const char *folder = folder_of(path, arena);

	if ((status->st_mode & S_IRWXO) != 0)
		examination_note(examination, LEVEL_FAIL, "database file",
				 arena_printf(arena, "run: chmod o= %s", path),
				 "%s: mode %04o lets anybody in", path,
				 (unsigned)status->st_mode & 07777);
	else if (access(path, R_OK | W_OK) != 0)
		examination_note(examination, LEVEL_FAIL, "database file",
				 "give it to who runs Hallpass", "%s: %s", path, strerror(errno));
	else if (is_only_roots(folder, status))
		examination_note(
			examination, LEVEL_WARN, "database file",
			arena_printf(arena,
				     "unless root runs Hallpass, run: chown --reference=%s %s",
				     folder, path),
			"%s: is root's, and its folder another's", path);
	else
		return true;
	return false;
}

/* The database and what SQLite keeps beside it, which has the same content. */
void doctor_check_database_modes(struct examination *examination)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	const char *database = examination->call->process.config.database;
	bool is_well = true;

	if (!examination->has_config)
		return;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		const char *path =
			arena_printf(examination->call->arena, "%s%s", database, suffixes[i]);
		struct stat status;

		/* doctor_check_database() says so where the database is missing. */
		if (stat(path, &status) == 0 && !check_database_file(examination, path, &status))
			is_well = false;
	}
	if (is_well && access(database, F_OK) == 0)
		examination_note(examination, LEVEL_OK, "database file", NULL, "%s", database);
}
