/* `hallpass init`: makes what is missing and never touches what is there, so it may be run again. */
#include "base/key_file.h"
#include "cli/command.h"
#include "store/db_gate.h"

#include "store/migrate.h"
#include "store/sealed_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Makes the folder that the file is to be in, but not the folders above: a wrong path is not built up. */
static bool make_folder(struct call *call, const char *file, struct error *err)
{
	const char *slash = strrchr(file, '/');
	const char *folder;

	if (slash == NULL || slash == file)
		return true;
	folder = arena_strndup(call->arena, file, (size_t)(slash - file));
	if (mkdir(folder, 0700) == 0)
		printf("folder %s: made\n", folder);
	else if (errno != EEXIST)
		return error_set(
			err, ERROR_STORAGE,
			"folder %s: %s; make it yourself or name another in the configuration",
			folder, strerror(errno));
	return true;
}

static bool open_existing(struct call *call, struct error *err)
{
	struct process *process = &call->process;

	process->gate = db_gate_open();
	return !is_there(process->config.database) ||
	       db_open(&call->db, process->config.database, process->gate, err);
}

/*
 * A fresh key opens nothing that is stored already. Whoever has lost the key file is told so here,
 * and not by every request afterwards.
 */
static bool check_nothing_is_locked(struct call *call, struct error *err)
{
	bool has_secrets = false;
	int version = 0;

	if (call->is_yes || call->db == NULL)
		return true;
	if (!migrate_version(call->db, &version, err))
		return false;
	if (version > 0 &&
	    (!migrate_check(call->db, err) || !sealed_value_exists(call->db, &has_secrets, err)))
		return false;
	if (!has_secrets)
		return true;
	return error_set(
		err, ERROR_CONFLICT,
		"key file %s is missing, but database %s holds secrets sealed with its keys: "
		"put back your copy of it, or give the secrets up with: hallpass init --yes",
		call->process.config.encryption_key_file, call->process.config.database);
}

static bool make_key_file(struct call *call, struct error *err)
{
	const char *path = call->process.config.encryption_key_file;

	if (is_there(path)) {
		printf("key file %s: is there already, left as it is\n", path);
		return true;
	}
	if (!check_nothing_is_locked(call, err) || !make_folder(call, path, err) ||
	    !key_file_create(path, err))
		return false;
	printf("key file %s: made; keep a copy apart from the database's\n", path);
	return true;
}

static bool make_database(struct call *call, struct error *err)
{
	const char *path = call->process.config.database;
	int version = 0;

	if (call->db != NULL && !migrate_version(call->db, &version, err))
		return false;
	if (version > 0) {
		printf("database %s: is there already with schema version %d, left as it is\n",
		       path, version);
		return true;
	}
	/* An empty file is what an interrupted init leaves. */
	db_close(&call->db);
	if (!make_folder(call, path, err) || !db_create(&call->db, path, call->process.gate, err) ||
	    !migrate_run(call->db, &version, err))
		return false;
	printf("database %s: made, schema version %d\n", path, SCHEMA_VERSION);
	return true;
}

bool run_init(struct call *call, struct error *err)
{
	return open_existing(call, err) && make_key_file(call, err) && make_database(call, err);
}
