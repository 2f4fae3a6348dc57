/* A copy of a database, which is to be put in the place of one: its file, and what SQLite keeps beside it. */
#ifndef STORE_DB_SOURCE_H
#define STORE_DB_SOURCE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

enum { DB_SOURCE_FILES = 3 }; /* the database, its WAL, its rollback journal */

struct db_source {
	struct arena *arena;
	const char *path;           /* NULL: not open */
	int files[DB_SOURCE_FILES]; /* -1: there is none */
};

/* Opens them for reading. ERROR_CONFLICT where somebody has it open, for then it is no copy. */
bool db_source_open(struct db_source *source, struct arena *arena, const char *path,
		    struct error *err) MUST_CHECK;
void db_source_close(struct db_source *source);

/* Whether it is the file that `path` names. */
bool db_source_is(const struct db_source *source, const char *path);

/*
 * Into `file`, which is empty, and for the others into new files beside `path`, its name. SQLite makes
 * one of them when it opens it.
 */
bool db_source_copy(const struct db_source *source, int file, const char *path, struct error *err)
	MUST_CHECK;

#endif
