#include "fuzz/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

char *input_text(struct arena *arena, const uint8_t *input, size_t size)
{
	return arena_memdup(arena, input, size);
}

int input_file(const uint8_t *input, size_t size, char path[static INPUT_PATH_BYTES])
{
	const int file = memfd_create("input", MFD_CLOEXEC);

	if (file < 0 || fchmod(file, 0600) != 0 || write(file, input, size) != (ssize_t)size)
		abort();
	snprintf(path, INPUT_PATH_BYTES, "/proc/self/fd/%d", file);
	return file;
}
