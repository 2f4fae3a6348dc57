/* Whether the file is whole. */
#ifndef STORE_DB_INTEGRITY_H
#define STORE_DB_INTEGRITY_H

#include "store/db.h"

/* PRAGMA integrity_check and foreign_key_check: *finding is NULL where all is well. */
bool db_integrity_check(struct db *db, struct arena *arena, const char **finding, struct error *err)
	MUST_CHECK;

#endif
