/* `hallpass migrate` */
#include "cli/command.h"

#include "store/migrate.h"

#include <stdio.h>

bool run_migrate(struct call *call, struct error *err)
{
	const char *path = call->process.config.database;
	int from;

	if (!migrate_run(call->db, &from, err))
		return false;
	if (from == SCHEMA_VERSION)
		printf("database %s: has schema version %d already, nothing to do\n", path, from);
	else
		printf("database %s: migrated from schema version %d to %d\n", path, from,
		       SCHEMA_VERSION);
	return true;
}
