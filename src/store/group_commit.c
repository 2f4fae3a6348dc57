#include "store/group_commit.h"

#include "store/transaction.h"

#include <assert.h>

/* That wait at a time: more would make neither fuller pages nor fewer commits, only memory. */
enum { MEMBERS_MAX = 256 };

void group_open(struct group_queue *queue)
{
	*queue = (struct group_queue){0};
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->has_room, NULL);
}

void group_close(struct group_queue *queue)
{
	pthread_cond_destroy(&queue->has_room);
	pthread_mutex_destroy(&queue->lock);
}

bool group_add(struct group_queue *queue, struct group_member *member)
{
	bool leads;

	member->next = NULL;
	pthread_mutex_lock(&queue->lock);
	while (queue->count >= MEMBERS_MAX)
		pthread_cond_wait(&queue->has_room, &queue->lock);
	if (queue->last != NULL)
		queue->last->next = member;
	else
		queue->first = member;
	queue->last = member;
	queue->count++;
	leads = !queue->is_led;
	queue->is_led = true;
	pthread_mutex_unlock(&queue->lock);
	return leads;
}

static struct group_member *take_all(struct group_queue *queue)
{
	struct group_member *members;

	pthread_mutex_lock(&queue->lock);
	members = queue->first;
	queue->first = queue->last = NULL;
	if (queue->count >= MEMBERS_MAX)
		pthread_cond_broadcast(&queue->has_room);
	queue->count = 0;
	pthread_mutex_unlock(&queue->lock);
	return members;
}

bool group_leave(struct group_queue *queue)
{
	bool is_empty;

	pthread_mutex_lock(&queue->lock);
	is_empty = queue->first == NULL;
	queue->is_led = !is_empty;
	pthread_mutex_unlock(&queue->lock);
	return is_empty;
}

static void fail_all(struct group_member *members, const struct error *why)
{
	for (struct group_member *member = members; member != NULL; member = member->next) {
		member->is_stored = false;
		*member->err = *why;
	}
}

struct group_member *group_refuse(struct group_queue *queue, const struct error *why)
{
	struct group_member *members = take_all(queue);

	fail_all(members, why);
	return members;
}

static bool work_together(struct db *db, struct group_member *members, struct error *err)
{
	const struct group_work *work;

	if (members == NULL)
		return true;
	work = members->work;
	if (!work->begin(db, members, err))
		return false;
	for (struct group_member *member = members; member != NULL; member = member->next) {
		assert(member->work == work);
		if (!work->store(db, member->part, err))
			return false;
	}
	return work->end(db, members, err);
}

void group_commit_alone(struct db *db, struct group_member *member)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct group_member *next = member->next;

	member->next = NULL;
	member->is_stored = transaction_begin(&transaction, db, member->err) &&
			    work_together(db, member, member->err) &&
			    transaction_commit(&transaction, member->err);
	member->next = next;
}

/* What the others would meet with as well. */
static bool is_of_database(const struct error *err)
{
	return err->kind == ERROR_BUSY || err->kind == ERROR_STORAGE;
}

/* What it has stored is undone where it fails. False: the transaction is lost, for *why. */
static bool store_marked(struct transaction *transaction, struct group_member *member,
			 struct error *why)
{
	struct group_member *next = member->next;

	member->next = NULL;
	member->is_stored = transaction_mark(transaction, member->err) &&
			    work_together(transaction->db, member, member->err) &&
			    transaction_keep(transaction, member->err);
	member->next = next;
	if (member->is_stored)
		return true;
	if (!is_of_database(member->err))
		return transaction_undo(transaction, why);
	*why = *member->err;
	return false;
}

static bool store_one_by_one(struct db *db, struct group_member *members, struct error *why)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin_first(&transaction, db, why))
		return false;
	for (struct group_member *member = members; member != NULL; member = member->next)
		if (!store_marked(&transaction, member, why))
			return false;
	return transaction_commit(&transaction, why);
}

/*
 * The group is complete when the transaction has begun: who came while another process was waited for is
 * in it, or, if that was in vain, need not wait for it again. Where a member's work fails all of it is
 * undone, and done once more in one transaction that each has a part of, which can be undone by itself: so
 * who fails costs the others no commit. That a part can be undone has its price, which a group of which none
 * fails does not pay.
 */
struct group_member *group_commit(struct db *db, struct group_queue *queue)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error why = {0};
	const bool began = transaction_begin_first(&transaction, db, &why);
	struct group_member *members = take_all(queue);
	const bool worked = began && work_together(db, members, &why);
	const bool is_anothers = began && !worked && !is_of_database(&why) && members->next != NULL;

	if (worked && transaction_commit(&transaction, &why)) {
		for (struct group_member *member = members; member != NULL; member = member->next)
			member->is_stored = true;
		return members;
	}
	transaction_end(&transaction);
	if (!is_anothers || !store_one_by_one(db, members, &why))
		fail_all(members, &why);
	return members;
}

/* A thread whose member is in the queue, and is this. */
struct waiter {
	bool (*store)(struct db *db, void *part, struct error *err);
	void *part;
	pthread_cond_t called;
	bool is_to_lead, is_through;
};

static bool need_nothing(struct db *db, struct group_member *members, struct error *err)
{
	(void)db;
	(void)members;
	(void)err;
	return true;
}

static bool store_of_waiter(struct db *db, void *part, struct error *err)
{
	const struct waiter *waiter = part;

	return waiter->store(db, waiter->part, err);
}

static const struct group_work waiters_work = {need_nothing, store_of_waiter, need_nothing};

static void call(struct waiter *waiter, bool *to)
{
	*to = true;
	pthread_cond_signal(&waiter->called);
}

static void pass_lead(struct group_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_led = queue->first != NULL;
	if (queue->is_led) {
		struct waiter *first = queue->first->part;

		call(first, &first->is_to_lead);
	}
	pthread_mutex_unlock(&queue->lock);
}

/* The next group need not wait until all of this one know. Whoever does is gone, and its member with it. */
static void lead(struct db *db, struct group_queue *queue)
{
	struct group_member *member = group_commit(db, queue), *next;

	pass_lead(queue);
	pthread_mutex_lock(&queue->lock);
	for (; member != NULL; member = next) {
		struct waiter *waiter = member->part;

		next = member->next;
		call(waiter, &waiter->is_through);
	}
	pthread_mutex_unlock(&queue->lock);
}

/* True: its member is the first in the queue. */
static bool wait_to_lead(struct group_queue *queue, struct waiter *waiter)
{
	pthread_mutex_lock(&queue->lock);
	while (!waiter->is_to_lead && !waiter->is_through)
		pthread_cond_wait(&waiter->called, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
	return waiter->is_to_lead;
}

bool group_store(struct db *db, bool (*store)(struct db *db, void *part, struct error *err),
		 void *part, struct error *err)
{
	struct waiter waiter = {.store = store, .part = part, .called = PTHREAD_COND_INITIALIZER};
	struct group_member own = {.work = &waiters_work, .part = &waiter, .err = err};
	struct group_queue *queue = db_group(db);

	db_rest(db);
	if (group_add(queue, &own) || wait_to_lead(queue, &waiter))
		lead(db, queue);
	return own.is_stored;
}
