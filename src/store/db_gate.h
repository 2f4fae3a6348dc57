/*
 * The gate belongs to the process and lets its threads write one after the other, since SQLite has one
 * writer and waiting in line is cheaper than colliding; who goes first passes the line, but for those in it
 * who have waited long. It also keeps the connections of those that rest, so that a process has as many as
 * work at the same time rather than one for each thread.
 */
#ifndef STORE_DB_GATE_H
#define STORE_DB_GATE_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct checkpointer;
struct db_connection;
struct db_gate;
struct group_queue;

struct db_gate *db_gate_open(void);
void db_gate_close(struct db_gate **gate);

/*
 * From then on a thread of its own makes the process's checkpoints (db_checkpoint.h), each when so many pages
 * are in the log. For a process that lives on, before it has other threads.
 */
enum { DB_CHECKPOINT_PAGES = 10000 };
void db_gate_checkpoint_aside(struct db_gate *gate, int pages_min);

/* What follows is for the store's own files. False where the deadline of the monotonic clock passed. */
bool db_gate_enter(struct db_gate *gate, bool goes_first, int64_t deadline_ms) MUST_CHECK;
void db_gate_leave(struct db_gate *gate);

struct checkpointer *db_gate_checkpointer(const struct db_gate *gate); /* NULL: none */

struct group_queue *db_gate_group(struct db_gate *gate);

/*
 * An idle one of that file, or NULL: open one. Either way it counts as used. Where all are, who may wait
 * stands in line, and what is given back goes to who has waited longest.
 */
struct db_connection *db_gate_take(struct db_gate *gate, const char *path, bool may_wait);

/* Back among the idle ones, unless there are enough or it is to be closed. */
void db_gate_give_back(struct db_gate *gate, struct db_connection *connection, bool is_reusable);

#endif
