/*
 * Brings what commits have put into the write-ahead log over to the database, on a thread of its own: by
 * itself SQLite has the thread do it whose commit makes the log long, while all other writers of the process
 * wait for that one, for as long as it takes to write thousands of scattered pages.
 */
#ifndef STORE_DB_CHECKPOINT_H
#define STORE_DB_CHECKPOINT_H

#include "base/attr.h"

#include <stdbool.h>

struct checkpointer;
struct db_gate;

/* Begins whenever there are so many pages in the log. The thread is started when it is first needed. */
struct checkpointer *checkpointer_open(struct db_gate *gate, int pages_min);

/* Waits for what is under way. NULL is none. */
void checkpointer_close(struct checkpointer **checkpointer);

/*
 * After a commit, of the log's pages then. False where there is no thread that would see to it: the caller
 * may do it.
 */
bool checkpointer_tell(struct checkpointer *checkpointer, const char *path, int pages) MUST_CHECK;

#endif
