/* `hallpass backup` */
#include "cli/command.h"
#include "store/db_backup.h"

#include "store/migrate.h"

#include <stdio.h>

/* Any version is copied: a backup is what one makes before migrating. */
bool run_backup(struct call *call, struct error *err)
{
	int version;

	if (!migrate_version(call->db, &version, err) || !db_backup(call->db, call->operand, err))
		return false;
	printf("backup %s: made of %s; its secrets open only with the keys of %s\n", call->operand,
	       call->process.config.database, call->process.config.encryption_key_file);
	return true;
}
