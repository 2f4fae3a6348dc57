#include "base/failpoint.h"

#ifdef HALLPASS_FAILPOINTS

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES = 128, PAUSE_MS_MAX = 60 * 1000, LOOK_AGAIN_MS = 5 };

static const char armed[] = "failpoint", taken[] = "failpoint.taken", go[] = "failpoint.go",
		  clock_error[] = "failpoint.clock";

/* False where there is no such file. */
static bool read_text(const char *path, char text[static TEXT_BYTES])
{
	const int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (file < 0)
		return false;
	size = read(file, text, TEXT_BYTES - 1);
	close(file);
	text[size > 0 ? size : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return size > 0;
}

/* Whoever renames the file has it; whoever reads the new one finds it whole. */
static bool take(const char *text)
{
	char draft[64], line[TEXT_BYTES + 32];
	int file, length;

	snprintf(draft, sizeof(draft), "%s.%d", armed, (int)getpid());
	if (rename(armed, draft) != 0)
		return false;
	length = snprintf(line, sizeof(line), "%s %d\n", text, (int)getpid());
	file = open(draft, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (file < 0 || write(file, line, (size_t)length) != length || close(file) != 0)
		abort();
	return rename(draft, taken) == 0;
}

static void pause_until_go(void)
{
	const int64_t until_ms = clock_monotonic_ms() + PAUSE_MS_MAX;

	while (access(go, F_OK) != 0 && clock_monotonic_ms() < until_ms)
		clock_pause_ms(LOOK_AGAIN_MS);
}

void failpoint(const char *name)
{
	const size_t length = strlen(name);
	char text[TEXT_BYTES];
	const char *action = text + length + 1;

	if (!read_text(armed, text) || strncmp(text, name, length) != 0 || text[length] != ' ' ||
	    !take(text))
		return;
	if (strcmp(action, "kill") == 0)
		raise(SIGKILL);
	else if (strcmp(action, "stop") == 0)
		raise(SIGSTOP);
	else if (strcmp(action, "pause") == 0)
		pause_until_go();
	else
		abort();
}

instant failpoint_clock_error(void)
{
	char text[TEXT_BYTES];

	return read_text(clock_error, text) ? strtoll(text, NULL, 10) * SECOND : 0;
}

const char *failpoint_folder(void)
{
	return ".";
}

int64_t failpoint_shorten(int64_t ms)
{
	return ms / 60;
}

#endif
