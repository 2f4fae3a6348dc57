/* The configuration, as a file and as a variable of the environment. */
#include "base/config.h"
#include "fuzz/input.h"

#include <assert.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	char path[INPUT_PATH_BYTES];
	const int file = input_file(input, size, path);
	char *of_file[] = {arena_printf(&arena, "HALLPASS_CONFIG=%s", path), NULL};
	char *of_environment[] = {arena_printf(&arena, "HALLPASS_%s",
					       input_text(&arena, input, size)),
				  "HALLPASS_CONFIG=", NULL};
	struct config config;
	struct error err = {0};

	if (!config_read(&config, of_file, &err))
		assert(err.kind == ERROR_INVALID);
	else
		assert(config.threads >= 1 && config.zoom_timeout_ms >= 100);
	if (!config_read(&config, of_environment, &err))
		assert(err.kind == ERROR_INVALID);
	close(file);
	return 0;
}
