/* How long each of many calls took, and what there is to say of them. One for each thread. */
#ifndef BENCH_LATENCIES_H
#define BENCH_LATENCIES_H

#include <stddef.h>
#include <stdint.h>

struct latencies {
	int64_t *us;
	size_t count, room;
	long failures; /* calls that did not bring what was expected; not in `us` */
};

int64_t latencies_now_us(void); /* of a clock that only goes forward */

void latencies_add(struct latencies *latencies, int64_t us);

/* Moves all of `from` into `into`. */
void latencies_merge(struct latencies *into, struct latencies *from);

/* One line of JSON on standard output. Sorts. */
void latencies_print(struct latencies *latencies, int64_t elapsed_us);

#endif
