/*
 * SQLite's locks on the file of a database, without SQLite: so that they can be seen, and taken, of a
 * file that is damaged, too. Whoever has used a database in WAL mode holds one until it closes it. Where
 * they are is part of SQLite's file format ("The Lock-Byte Page").
 */
#ifndef STORE_DB_LOCK_H
#define STORE_DB_LOCK_H

#include "base/attr.h"

#include <stdbool.h>

struct db_user {
	char name
		[64]; /* "bots (process 123)", or "another process" where the system does not tell */
};

/* Whether another process has the open file's database open: who. */
bool db_lock_find_user(int file, struct db_user *user) MUST_CHECK;

/*
 * Keeps everybody out until the file is closed, which must be open for writing. False where somebody is
 * in it: *user says who. Not for a process that has the database open by SQLite, too.
 */
bool db_lock_take(int file, struct db_user *user) MUST_CHECK;

#endif
