#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

struct buffer buffer_of(size_t size_max)
{
	return (struct buffer){.size_max = size_max};
}

void buffer_release(struct buffer *buffer)
{
	if (buffer->bytes != NULL)
		explicit_bzero(buffer->bytes, buffer->capacity);
	free(buffer->bytes);
	*buffer = (struct buffer){.size_max = buffer->size_max};
}

/* Not realloc(), which would leave an unwiped copy of what may be a secret behind. */
static void grow(struct buffer *buffer, size_t needed)
{
	size_t capacity = buffer->capacity > 0 ? buffer->capacity : 512;
	char *bytes;

	while (capacity < needed)
		capacity *= 2;
	bytes = malloc(capacity);
	if (bytes == NULL)
		abort();
	if (buffer->bytes != NULL) {
		memcpy(bytes, buffer->bytes, buffer->size);
		explicit_bzero(buffer->bytes, buffer->capacity);
		free(buffer->bytes);
	}
	buffer->bytes = bytes;
	buffer->capacity = capacity;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
	if (size > buffer->size_max - buffer->size)
		return false;
	if (buffer->size + size + 1 > buffer->capacity)
		grow(buffer, buffer->size + size + 1);
	if (size > 0)
		memcpy(buffer->bytes + buffer->size, bytes, size);
	buffer->size += size;
	buffer->bytes[buffer->size] = '\0';
	return true;
}
