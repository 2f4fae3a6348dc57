#include "support/test_thread.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LOOKS = 20 }; /* in a row: a lock that is held for a moment does not last as long */

static bool is_asleep(int id)
{
	char path[64], status[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	if (fgets(status, sizeof(status), file) == NULL)
		status[0] = '\0';
	fclose(file);
	return strstr(status, ") S ") != NULL;
}

void test_thread_await_sleep(const atomic_int *id)
{
	for (int looks = 0; looks < LOOKS;) {
		clock_pause_ms(1);
		looks = is_asleep(atomic_load(id)) ? looks + 1 : 0;
	}
}
