/* A database with two small tables, for tests of what is below the tables of the product. */
#ifndef SUPPORT_TEST_NOTES_H
#define SUPPORT_TEST_NOTES_H

#include "support/test_database.h"

/* notes (id, text UNIQUE, bytes), and remarks (note_id), which refers to them. */
struct test_database test_notes_open(void);

/* $1 is the text and $2 the bytes of a note. */
extern const char test_notes_add_sql[];

bool test_notes_add(struct db *db, const char *text, struct error *err) MUST_CHECK;
int64_t test_notes_count(struct db *db);

#endif
