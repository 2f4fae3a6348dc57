/* From whatever version a database has to the one that this program is written for. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/db.h"

enum { SCHEMA_VERSION = 2 };

/* 0 for an empty database. ERROR_STORAGE where the file holds something else. */
bool migrate_version(struct db *db, int *version, struct error *err) MUST_CHECK;

/* Applies what is missing, all of it or nothing. *from is the version that was there. */
bool migrate_run(struct db *db, int *from, struct error *err) MUST_CHECK;

/* ERROR_STORAGE, saying what to run, unless the database has SCHEMA_VERSION. */
bool migrate_check(struct db *db, struct error *err) MUST_CHECK;

#endif
