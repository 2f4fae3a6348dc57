/* The file of `hallpass import`. */
#include "cli/import_file.h"
#include "fuzz/input.h"

#include <assert.h>
#include <string.h>

static void check(const struct import_connection *connection)
{
	assert(strncmp(connection->id, "zo", 2) == 0 && strlen(connection->id) >= 20);
	assert(connection->client_id != NULL && connection->user_id != NULL);
	assert(connection->metadata[0] == '{' && connection->scopes != NULL);
	assert(!connection->is_connected || connection->refresh_token != NULL);
	assert(connection->is_connected || connection->failure_error != NULL);
	for (size_t i = 0; i < connection->meeting_count; i++)
		assert(connection->meeting_ids[i] > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	const instant now = 1769861400 * SECOND; /* ten minutes after the seeds were exported */
	struct import_file file;
	struct error err = {0};

	if (!import_file_read(&arena, (const char *)input, size, now, &file, &err)) {
		assert(err.kind == ERROR_INVALID && err.message[0] != '\0');
		return 0;
	}
	assert(file.exported_at <= now + HOUR);
	for (size_t i = 0; i < file.connection_count; i++)
		check(&file.connections[i]);
	return 0;
}
