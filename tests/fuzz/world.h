/*
 * What a family is fuzzed in: a process with a database, a key file and a project that has one of
 * everything, under ids and secrets that never change, so that a seed of the corpus can name them.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "serve/context.h"

/* What stands in the rows of every world. */
#define WORLD_API_KEY        "hp_fuzz"
#define WORLD_WEBHOOK_SECRET "webhook-secret"

struct world {
	char folder[64];
	struct process process;
	struct context context;
	int64_t writes; /* to the database, when it was last as it should be */
};

void world_open(struct world *world);

/* As it was: what the last request changed is gone, and time stands still. */
void world_reset(struct world *world);

void world_close(struct world *world);

#endif
