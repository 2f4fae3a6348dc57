#include "latencies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t latencies_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000 + now.tv_nsec / 1000;
}

static void make_room(struct latencies *latencies, size_t count)
{
	if (latencies->count + count <= latencies->room)
		return;
	latencies->room = (latencies->count + count) * 2;
	latencies->us = realloc(latencies->us, latencies->room * sizeof(*latencies->us));
	if (latencies->us == NULL)
		abort();
}

void latencies_add(struct latencies *latencies, int64_t us)
{
	make_room(latencies, 1);
	latencies->us[latencies->count++] = us;
}

void latencies_merge(struct latencies *into, struct latencies *from)
{
	make_room(into, from->count);
	if (from->count > 0)
		memcpy(into->us + into->count, from->us, from->count * sizeof(*from->us));
	into->count += from->count;
	into->failures += from->failures;
	free(from->us);
	*from = (struct latencies){0};
}

static int compare(const void *a, const void *b)
{
	const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static double percentile_ms(const struct latencies *latencies, double percent)
{
	if (latencies->count == 0)
		return 0;
	return (double)latencies
		       ->us[(size_t)(percent / 100 * (double)(latencies->count - 1) + 0.5)] /
	       1000;
}

void latencies_print(struct latencies *latencies, int64_t elapsed_us)
{
	const double elapsed_s = (double)elapsed_us / 1e6;

	if (latencies->count > 0)
		qsort(latencies->us, latencies->count, sizeof(*latencies->us), compare);
	printf("{\"calls\": %zu, \"failures\": %ld, \"elapsed_s\": %.6f, \"per_second\": %.3f, "
	       "\"p50_ms\": %.4f, \"p90_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f}\n",
	       latencies->count, latencies->failures, elapsed_s,
	       elapsed_s > 0 ? (double)latencies->count / elapsed_s : 0,
	       percentile_ms(latencies, 50), percentile_ms(latencies, 90),
	       percentile_ms(latencies, 99), percentile_ms(latencies, 100));
}
