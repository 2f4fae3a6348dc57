/*
 * Somebody who has taken a program over: loaded into it with LD_PRELOAD, he waits until it opens its
 * database, and then tries once each of the deeds that INTRUDER names ("read:/etc/passwd connect:8080").
 * How each went is a line on standard error: "intruder read:/etc/passwd EACCES", or "… done".
 *
 * With NO_LANDLOCK set to the number of an error, the program finds a kernel that answers it with that.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_opened(const char *path, int flags)
{
	const int file = open(path, flags | O_CLOEXEC, 0600);

	return file >= 0 && close(file) == 0;
}

static bool reads(const char *path)
{
	return has_opened(path, O_RDONLY);
}

static bool writes(const char *path)
{
	return has_opened(path, O_WRONLY | O_CREAT);
}

/* In a child, for it would be this program's end. */
static bool runs(const char *path)
{
	const pid_t child = vfork();
	int status;

	if (child == 0) {
		execl(path, path, NULL);
		_exit(errno);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	errno = WEXITSTATUS(status);
	return errno == 0;
}

static struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)strtol(port, NULL, 10)),
				    .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static bool connects(const char *port)
{
	const struct sockaddr_in to = loopback(port);
	const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool connected = connect(connection, (const struct sockaddr *)&to, sizeof(to)) == 0;
	const int failure = errno;

	close(connection);
	errno = failure;
	return connected;
}

static bool takes(const char *port)
{
	const struct sockaddr_in at = loopback(port);
	const int taker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool taken = bind(taker, (const struct sockaddr *)&at, sizeof(at)) == 0;
	const int failure = errno;

	close(taker);
	errno = failure;
	return taken;
}

/* That it would arrive is enough. */
static bool signals(const char *pid)
{
	return kill((pid_t)strtol(pid, NULL, 10), 0) == 0;
}

static const struct {
	const char *name;
	bool (*is_done)(const char *what);
} deeds[] = {
	{"read", reads},       {"write", writes}, {"run", runs},
	{"connect", connects}, {"take", takes},   {"signal", signals},
};

static void try(const char *word)
{
	const char *what = strchr(word, ':') + 1;

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strncmp(word, deeds[i].name, strlen(deeds[i].name)) == 0)
			dprintf(STDERR_FILENO, "intruder %s %s\n", word,
				deeds[i].is_done(what) ? "done" : strerrorname_np(errno));
}

static void intrude(void)
{
	char *words = strdup(getenv("INTRUDER")), *rest = words;

	for (const char *word; (word = strsep(&rest, " ")) != NULL;)
		try(word);
	free(words);
}

int sqlite3_open_v2(const char *path, void **database, int flags, const char *vfs)
{
	static bool has_tried;
	int (*real)(const char *, void **, int, const char *) = dlsym(RTLD_NEXT, "sqlite3_open_v2");

	if (!__atomic_exchange_n(&has_tried, true, __ATOMIC_SEQ_CST) && getenv("INTRUDER") != NULL)
		intrude();
	return real(path, database, flags, vfs);
}

long syscall(long number, ...)
{
	long (*real)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	long arguments[6];
	va_list list;

	if (number == SYS_landlock_create_ruleset && getenv("NO_LANDLOCK") != NULL) {
		errno = (int)strtol(getenv("NO_LANDLOCK"), NULL, 10);
		return -1;
	}
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		    arguments[5]);
}
