/* What libFuzzer calls, and what the fuzzers of this folder take an input for. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* The input as text, to its first NUL; lives in the arena. */
char *input_text(struct arena *arena, const uint8_t *input, size_t size);

/* The input as a file of mode 0600 that is nowhere on a disk: a descriptor to be closed, and its path. */
enum { INPUT_PATH_BYTES = 32 };
int input_file(const uint8_t *input, size_t size, char path[static INPUT_PATH_BYTES]);

#endif
