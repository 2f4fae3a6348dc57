/*
 * The line of the processes that write. SQLite has none: whoever looks first after a commit writes next, so
 * that one which commits without pause keeps out those who look now and then. So whoever has waited long
 * stands first, by a lock on a file beside the database, which the kernel drops when its process ends; and
 * while somebody does, nobody else begins.
 */
#ifndef STORE_DB_LINE_H
#define STORE_DB_LINE_H

#include "base/attr.h"

#include <stdbool.h>

/* One's place in it; { .file = -1 } is one that needs no other start. */
struct db_line {
	int file; /* -1: not opened, for nobody has stood there yet, as far as we know */
	bool is_first;
	bool is_stuck; /* for the others: who stands first did not begin, though nobody wrote */
};

/* Whether somebody else stands first. Where that cannot be told nobody does: SQLite's lock is what counts. */
bool db_line_is_anothers(struct db_line *line, const char *database) MUST_CHECK;

/* Stands first from now on, unless somebody else does: then, or where that cannot be, is_first stays false. */
void db_line_stand_first(struct db_line *line, const char *database);

/* Of who stands first or does not. */
void db_line_leave(struct db_line *line);

void db_line_close(struct db_line *line);

#endif
