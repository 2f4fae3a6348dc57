/*
 * A write transaction, which rolls back at the end of its scope unless it was committed:
 *
 *	SCOPED(transaction_end) struct transaction transaction = {0};
 *	if (!transaction_begin(&transaction, db, err))
 *		return false;
 *	…
 *	return transaction_commit(&transaction, err);
 *
 * Short, and never open while the network is waited for.
 */
#ifndef STORE_TRANSACTION_H
#define STORE_TRANSACTION_H

#include "store/db.h"

struct transaction {
	struct db *db;         /* NULL: not open */
	bool was_rung_at_mark; /* see transaction_mark() */
};

bool transaction_begin(struct transaction *transaction, struct db *db, struct error *err)
	MUST_CHECK;

/*
 * The same, past the line of this process's writers and, for a while, that of the processes: for what is lost
 * for good if this process dies before it is on the disk, and for what many wait for.
 */
bool transaction_begin_first(struct transaction *transaction, struct db *db, struct error *err)
	MUST_CHECK;

/* The same, for whom somebody waits: gives up at deadline_ms of clock_monotonic_ms(), where that is sooner. */
bool transaction_begin_first_until(struct transaction *transaction, struct db *db,
				   int64_t deadline_ms, struct error *err) MUST_CHECK;

/* After success it is on the disk, whatever fails next. */
bool transaction_commit(struct transaction *transaction, struct error *err) MUST_CHECK;

void transaction_end(struct transaction *transaction);

/*
 * A part of it that can be undone by itself: from the mark on, until it is kept or undone, with no other
 * mark in between. False, of undoing too, where the database has lost the whole transaction.
 */
bool transaction_mark(struct transaction *transaction, struct error *err) MUST_CHECK;
bool transaction_keep(struct transaction *transaction, struct error *err) MUST_CHECK;
bool transaction_undo(struct transaction *transaction, struct error *err) MUST_CHECK;

/* What is written in the transaction that is open is work for the worker: its commit rings the doorbell. */
void transaction_ring(struct db *db);

/* A snapshot for several reads that must agree with each other; ends as a transaction does. */
bool transaction_begin_read(struct transaction *transaction, struct db *db, struct error *err)
	MUST_CHECK;

#endif
