/* Rows for tests that need somebody to own what they store: a project, its app, its connections. */
#ifndef SUPPORT_TEST_ROWS_H
#define SUPPORT_TEST_ROWS_H

#include "support/test_database.h"

/* The ids that test_rows_add() gives. Both apps are of one project; Ada and Bob have authorized the first. */
enum { TEST_PROJECT = 1, TEST_APP = 1, TEST_OTHER_APP = 2, TEST_ADA = 1, TEST_BOB = 2 };

void test_rows_add(struct db *db);

/* A database that has them. */
struct test_database test_rows_open(void);

#endif
