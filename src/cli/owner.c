#include "cli/owner.h"

#include "store/db_replacement.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

bool owner_become(struct arena *arena, const char *database, struct error *err)
{
	struct stat owner;

	if (geteuid() != 0)
		return true;
	if (!db_replacement_find_owner(arena, database, &owner, err))
		return false;
	if (owner.st_uid == 0)
		return true;
	if (setgroups(1, &owner.st_gid) == 0 &&
	    setresgid(owner.st_gid, owner.st_gid, owner.st_gid) == 0 &&
	    setresuid(owner.st_uid, owner.st_uid, owner.st_uid) == 0)
		return true;
	return error_set(err, ERROR_STORAGE, "cannot become the owner of %s: %s", database,
			 strerror(errno));
}
