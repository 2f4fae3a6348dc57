#include "base/backoff.h"

int64_t backoff_s(int failures, int64_t first_s, int64_t max_s, uint32_t spread)
{
	int64_t wait_s = first_s;

	for (int i = 1; i < failures && wait_s < max_s; i++)
		wait_s *= 2;
	if (wait_s > max_s)
		wait_s = max_s;
	return wait_s / 2 + (wait_s - wait_s / 2) * (int64_t)(spread & 0xffff) / 0xffff;
}
