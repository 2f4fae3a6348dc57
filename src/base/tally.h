/*
 * Counts that all processes of this machine share and that outlive each of them: a file beside the
 * database, mapped by every process. Counting takes no lock and no system call; a process that is
 * killed at any point leaves every count as far as it came. Where the file cannot be had (a disk that
 * is full, a folder that is read only), a process counts for itself.
 *
 * A series is named as Prometheus has it: a family, and labels like `method="GET",status="200"`. The
 * family's name tells what it is: …_total counts, …_seconds is a histogram of durations.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TALLY_NAME_BYTES = 184, /* of a family and its labels; what is longer is not counted */
	TALLY_BUCKETS = 14,     /* of a histogram, with the one that has no bound */
};

/* Upper bounds of the buckets but the last. */
extern const int64_t tally_bounds_us[TALLY_BUCKETS - 1];

struct tallies;

/* `database` is the file beside which it is; the owner is the same. Never NULL. */
struct tallies *tallies_open(const char *database);
void tallies_close(struct tallies **tallies);

/* False where this process counts for itself. */
bool tallies_are_shared(const struct tallies *tallies);

/* Any thread may count. tallies may be NULL, in a test that counts nothing. */
void tally_add(struct tallies *tallies, const char *family, const char *labels);
void tally_time(struct tallies *tallies, const char *family, const char *labels,
		int64_t duration_us);

/*
 * The same for labels that have no end (one for each app): once half of the file is taken, what is new
 * is counted under `other_labels`, so that there is room for the rest.
 */
void tally_add_one_of_many(struct tallies *tallies, const char *family, const char *labels,
			   const char *other_labels);

struct tally {
	const char *family, *labels;
	uint64_t count;                  /* of a histogram: of all its buckets */
	uint64_t buckets[TALLY_BUCKETS]; /* each by itself */
	uint64_t sum_us;
};

/* All of them, by family and labels, in the arena; returns how many. */
size_t tallies_read(const struct tallies *tallies, struct arena *arena, struct tally **list);

#endif
