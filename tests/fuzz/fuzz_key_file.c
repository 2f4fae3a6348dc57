/* The key file. */
#include "base/key_file.h"
#include "fuzz/input.h"

#include <assert.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	char path[INPUT_PATH_BYTES];
	const int file = input_file(input, size, path);
	struct key_set keys;
	struct error err = {0};

	if (key_file_read(&keys, path, &err))
		assert(keys.count >= 1 && keys.count <= KEYS_MAX);
	else
		assert(err.kind == ERROR_INVALID);
	key_set_wipe(&keys);
	close(file);
	return 0;
}
