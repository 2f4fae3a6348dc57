/*
 * Every sealed value of the database, whatever table it is in, with the place that it is sealed to:
 * for what must see all of them, such as whether the key file still opens what is stored. A new
 * sealed column has its row in sealed_value.c.
 */
#ifndef STORE_SEALED_VALUE_H
#define STORE_SEALED_VALUE_H

#include "store/db.h"

enum {
	SEALED_COLUMN_COUNT = 9,
	SEALED_VALUES_MAX = 256, /* of one list */
};

struct sealed_value {
	struct seal_place place;
	struct sealed sealed;
};

/*
 * Up to SEALED_VALUES_MAX values of one column (0 … SEALED_COLUMN_COUNT - 1), in the order of their
 * rows' names: those after the row `after`, "" for the first ones. No value is none. Fewer than
 * SEALED_VALUES_MAX means that these were the last.
 */
bool sealed_value_list(struct db *db, struct arena *arena, size_t column, const char *after,
		       struct sealed_value **values, int *count, struct error *err) MUST_CHECK;

enum { UNREADABLE_NAMED_MAX = 5, MISSING_KEYS_MAX = 8 };

/* A key that is not in the key file, and how many values it sealed. */
struct missing_key {
	char name[KEY_NAME_BYTES];
	int64_t count;
};

struct sealed_value_tally {
	int64_t count;
	int64_t unreadable_count;                           /* no key opens them in their place */
	struct seal_place unreadable[UNREADABLE_NAMED_MAX]; /* the first of them, in the arena */
	struct missing_key missing_keys[MISSING_KEYS_MAX];  /* the first that were met */
	int missing_key_count;
};

/* Tries all values against the keys, a batch at a time, so that writers and checkpoints go on. */
bool sealed_value_check(struct db *db, struct arena *arena, struct keyring *keyring,
			struct sealed_value_tally *tally, struct error *err) MUST_CHECK;

/*
 * Puts a value sealed anew in the place of `value`, unless it has changed since it was read: then
 * *replaced is false.
 */
bool sealed_value_replace(struct db *db, size_t column, const struct sealed_value *value,
			  struct sealed anew, bool *replaced, struct error *err) MUST_CHECK;

/* Whether there is any. */
bool sealed_value_exists(struct db *db, bool *exists, struct error *err) MUST_CHECK;

#endif
