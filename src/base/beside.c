#include "base/beside.h"

#include <sys/stat.h>
#include <unistd.h>

bool beside_give_to_owner(int file, const char *database)
{
	struct stat status;

	return geteuid() != 0 || stat(database, &status) != 0 ||
	       fchown(file, status.st_uid, status.st_gid) == 0;
}
