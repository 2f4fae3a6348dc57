/*
 * A disk on which each sync takes SLOW_DISK_MS, as it does on a cheap server: loaded into a program with
 * LD_PRELOAD, it waits before it has the kernel do what was asked for.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void take_time(void)
{
	const char *text = getenv("SLOW_DISK_MS");
	const long ms = text != NULL ? strtol(text, NULL, 10) : 0;
	const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

int fsync(int file)
{
	take_time();
	return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
	take_time();
	return (int)syscall(SYS_fdatasync, file);
}
