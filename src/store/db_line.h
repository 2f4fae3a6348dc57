/*
 * The line of the processes that write. SQLite has none: whoever looks first after a commit writes next, so
 * that one which commits without pause keeps out those who look now and then. So each transaction has a place,
 * a microsecond of the monotonic clock, which all processes share; who came earlier, or is to be let pass, has
 * a lower one. Whoever has to wait stands there, by a lock on that byte of a file beside the database, which
 * the kernel drops when its process ends; and nobody begins while somebody stands before his place.
 */
#ifndef STORE_DB_LINE_H
#define STORE_DB_LINE_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

/* One's place in it; { .file = -1 } is one that needs no other start. */
struct db_line {
	int file;      /* -1: not opened, for nobody has stood there yet, as far as we know */
	int64_t place; /* 0: stands nowhere */
	bool is_stuck; /* for the others: who stands before them did not begin, though nobody wrote */
};

/*
 * Whether somebody else stands before that place. Where that cannot be told nobody does: SQLite's lock is what
 * counts.
 */
bool db_line_has_before(struct db_line *line, const char *database, int64_t place) MUST_CHECK;

/* Stands there from now on, if not yet. Where that cannot be, or another has the very same place: nowhere. */
void db_line_stand(struct db_line *line, const char *database, int64_t place);

/* Of who stands somewhere or does not. */
void db_line_leave(struct db_line *line);

void db_line_close(struct db_line *line);

#endif
