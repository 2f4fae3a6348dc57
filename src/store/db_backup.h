/* A copy of the database while others read and write. */
#ifndef STORE_DB_BACKUP_H
#define STORE_DB_BACKUP_H

#include "store/db.h"

/*
 * Consistent, in a new file of mode 0600; ERROR_CONFLICT where the file is there already. A copy that
 * fails is removed.
 */
bool db_backup(struct db *db, const char *path, struct error *err) MUST_CHECK;

#endif
