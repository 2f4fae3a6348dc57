#include "store/db_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PENDING_BYTE = 0x40000000, LOCK_BYTES = 512 };

/* It belongs to the open file rather than the process (F_OFD_…), so that no other close() drops it. */
static struct flock all_locks(void)
{
	return (struct flock){.l_type = F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_start = PENDING_BYTE,
			      .l_len = LOCK_BYTES};
}

/* pid 0: nobody knows. */
static void name_process(pid_t pid, struct db_user *user)
{
	char path[64], program[32] = "a program";
	FILE *file;

	snprintf(user->name, sizeof(user->name), "another process");
	if (pid <= 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (file != NULL && fgets(program, sizeof(program), file) != NULL)
		program[strcspn(program, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
	snprintf(user->name, sizeof(user->name), "%s (process %d)", program, (int)pid);
}

bool db_lock_find_user(int file, struct db_user *user)
{
	struct flock lock = all_locks();

	if (fcntl(file, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		return false;
	/* A lock that belongs to an open file, like ours, has no process: -1. */
	name_process(lock.l_pid, user);
	return true;
}

bool db_lock_take(int file, struct db_user *user)
{
	struct flock lock = all_locks();

	if (fcntl(file, F_OFD_SETLK, &lock) == 0)
		return true;
	if (!db_lock_find_user(file, user)) /* it has ended since */
		name_process(0, user);
	return false;
}
