/*
 * Writes of several requests in one transaction: what makes many small writes fast, since a commit costs the
 * disk the same however much is in it. Who has something to store adds it to a queue. The first to do so
 * leads: it commits what waits, and what has come meanwhile, and so on until nothing waits any more.
 *
 *	if (group_add(&queue, &member))
 *		do
 *			for (stored = group_commit(db, &queue); stored != NULL; stored = next)
 *				next = stored->next, …answer what `stored` is part of…;
 *		while (!group_leave(&queue));
 *
 * Why nothing that was acknowledged is lost: a member comes out of group_commit() exactly once, and only
 * then is its request answered. It comes out as stored only if its work returned true inside a transaction
 * whose COMMIT, with synchronous = FULL, returned success afterwards: so it is on the disk. Where the work of
 * any member fails, or the COMMIT, all of that transaction is rolled back, and whoever is stored after all
 * is so by a later transaction that committed, of which the part of whoever failed again was rolled back; the
 * others are told that they are not. A process that dies
 * before the COMMIT is through has answered none of them, and the database rolls back by itself; one that
 * dies after it has stored what somebody will send again, which deduplication makes harmless.
 */
#ifndef STORE_GROUP_COMMIT_H
#define STORE_GROUP_COMMIT_H

#include "store/db.h"

#include <pthread.h>
#include <stdbool.h>

struct group_member;

/*
 * What there is to do inside the transaction: for each member its own part, and before and after that what
 * it is enough to do once for all of them. It may run more than once, and with fewer members, what an
 * earlier run stored being undone: only the last run counts, and so must leave in the parts what it would have
 * left alone.
 */
struct group_work {
	bool (*begin)(struct db *db, struct group_member *members, struct error *err);
	bool (*store)(struct db *db, void *part, struct error *err);
	bool (*end)(struct db *db, struct group_member *members, struct error *err);
};

/* All members of a queue have the same work. */
struct group_member {
	const struct group_work *work;
	void *part;
	void *owner;       /* what it is part of, for whoever gets it back */
	bool is_stored;    /* by group_commit() … */
	struct error *err; /* … or why not; the caller's */
	struct group_member *next;
};

struct group_queue {
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t has_room;
	struct group_member *first, *last;
	int count;
	bool is_led;
};

void group_open(struct group_queue *queue);
void group_close(struct group_queue *queue);

/*
 * True for who is to lead; for the others the member is somebody else's from now on. Waits while very many
 * do already.
 */
bool group_add(struct group_queue *queue, struct group_member *member) MUST_CHECK;

/*
 * Everything that waits, stored or not. Where a member's work fails only that one is not; where the
 * transaction fails, none is. Gives up as transaction_begin() does. By who leads.
 */
struct group_member *group_commit(struct db *db, struct group_queue *queue);

/* Everything that waits, not stored for that reason: there is no database. By who leads. */
struct group_member *group_refuse(struct group_queue *queue, const struct error *why);

/* True: nothing waits, and whoever comes next leads. False: go on. By who leads. */
bool group_leave(struct group_queue *queue) MUST_CHECK;

/* The same for a member that is in no queue, in a transaction of its own. */
void group_commit_alone(struct db *db, struct group_member *member);

/*
 * For a thread that waits for its part to be stored: in the group of the process's threads that do so, which
 * the first of them leads. Goes past the line of the other writers. store() may run on another thread, and
 * more than once, as a group's work may.
 *
 * One group for all of a process, whatever they store. An answer of Zoom's, which is lost if the process dies
 * before it is on the disk, is in the next commit either way: in a group of its own it would wait for the
 * same commit under way, and then the others for one commit more, each time. What it waits for in this one is
 * their work, which is no commit: nobody's failure makes more than a second run of it.
 */
bool group_store(struct db *db, bool (*store)(struct db *db, void *part, struct error *err),
		 void *part, struct error *err) MUST_CHECK;

#endif
