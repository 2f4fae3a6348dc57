/* How long to wait before trying again. Pure. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/*
 * After `failures` in a row (1 or more): first_s doubled for each further failure, at most max_s;
 * then spread between half of that and all of it by `spread` (0 … 65535), lest all try at once.
 */
int64_t backoff_s(int failures, int64_t first_s, int64_t max_s, uint32_t spread);

#endif
