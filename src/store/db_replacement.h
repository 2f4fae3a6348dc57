/*
 * Another database in the place of one that nobody uses. It is made ready beside it, as a draft, and gets
 * its name in one step; what was there keeps another name. Killed at any point it leaves the one or the
 * other, whole:
 *
 *  1. Everybody else is kept out. What the old one's WAL holds is moved into its file, so that the file
 *     alone is whole, and nothing lies beside it that SQLite would take for the new one's.
 *  2. The draft is filled, looked at and mended by the caller, and is one file on the disk.
 *  3. The old file gets a second name.
 *  4. The draft is renamed.
 *
 * Who was about to open the old file is waited for: it would write beside the new one.
 */
#ifndef STORE_DB_REPLACEMENT_H
#define STORE_DB_REPLACEMENT_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/holder.h"
#include "store/db_gate.h"
#include "store/db_source.h"

#include <stdbool.h>
#include <sys/stat.h>

struct db_replacement {
	struct arena *arena;  /* NULL: not begun */
	const char *database; /* the file itself, where the configured name is a link */
	const char *draft;    /* where the new one is made ready */
	const char *aside;    /* where the old one is after it; NULL: there is none */
	int folder, file;     /* both locked; file is the old one, -1: there is none */
	struct stat like;     /* owner, group and mode that the new one gets */
};

/*
 * Whose a database of that name is, or would be. Who is root should become that user before step 1, so
 * that nothing here is root's that others need, and no link of theirs leads root astray.
 */
bool db_replacement_find_owner(struct arena *arena, const char *database, struct stat *owner,
			       struct error *err) MUST_CHECK;

/*
 * Step 1. ERROR_CONFLICT, saying who it is, where a process uses the database, or lives that has used it.
 * Nobody else can until db_replacement_end().
 */
bool db_replacement_begin(struct db_replacement *replacement, struct arena *arena,
			  const char *database, struct db_gate *gate, struct holder *holder,
			  struct error *err) MUST_CHECK;

/* Step 2: makes the draft, with owner and mode of the old one. SQLite may open it then. */
bool db_replacement_fill(const struct db_replacement *replacement, const struct db_source *source,
			 struct error *err) MUST_CHECK;

/* Steps 3 and 4, of a draft that nobody has open. */
bool db_replacement_switch(struct db_replacement *replacement, struct error *err) MUST_CHECK;

/* Removes the draft, if it is there still. */
void db_replacement_end(struct db_replacement *replacement);

#endif
