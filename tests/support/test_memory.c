#include "support/test_memory.h"

#include <stdlib.h>
#include <string.h>

bool test_memory_still_holds(uintptr_t place, size_t size, const char *text)
{
	/* Out of the compiler's sight, for which bytes that malloc() gives hold nothing. */
	char *volatile again = malloc(size);
	const bool holds =
		(uintptr_t)again == place && memmem(again, size, text, strlen(text)) != NULL;

	free(again);
	return holds;
}
