#include "store/db_checkpoint.h"

#include "base/clock.h"
#include "store/db_gate.h"
#include "store/db_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUNDS_MAX = 8,
	NEARLY_PAGES = 200,
	TURN_WAIT_MS = 200,
	READERS_WAIT_MS = 20,
};

struct checkpointer {
	struct db_gate *gate;
	int pages_min;
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t told;
	pthread_t thread;
	char *path; /* NULL: there is no thread yet */
	bool is_due, is_over;
	int pages_left; /* in the log, where it could not be emptied; 0 where it was */
};

/*
 * Writers go on meanwhile, so that each round leaves what they have added, which is less each time. False where
 * a reader still needs the database as it was, or another process is at it.
 */
static bool catch_up(sqlite3 *handle)
{
	int copied = 0;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		const int copied_before = copied;
		int pages;

		if (sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages,
					      &copied) != SQLITE_OK ||
		    copied < pages)
			return false;
		if (copied - copied_before <= NEARLY_PAGES)
			return true;
	}
	/* They are faster: they have to wait now. */
	return true;
}

static int wait_briefly(void *unused, int count)
{
	(void)unused;
	if (count >= READERS_WAIT_MS)
		return 0;
	clock_pause_ms(1);
	return 1;
}

/*
 * Has the next writer begin the log anew, which SQLite does only where all of it is copied when a writer
 * begins: with one commit on the heels of the other that would never be.
 */
static bool start_over(struct db_gate *gate, sqlite3 *handle)
{
	bool is_done;

	if (!db_gate_enter(gate, true, clock_monotonic_ms() + TURN_WAIT_MS))
		return false;
	sqlite3_busy_handler(handle, wait_briefly, NULL);
	is_done = sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL) ==
		  SQLITE_OK;
	db_gate_leave(gate);
	return is_done;
}

static void close_connection(struct db_connection **connection)
{
	db_connection_close(*connection);
}

/*
 * On a connection of its own: who works would take another one in the place of one that it has, and fill that
 * one's memory with pages, too. False where it is to be tried again. What keeps it from succeeding now, commits
 * will meet with as well.
 */
static bool checkpoint(const struct checkpointer *checkpointer)
{
	SCOPED(close_connection)
	struct db_connection *connection =
		db_connection_open_again(checkpointer->path, checkpointer->gate);

	return connection->handle != NULL && catch_up(connection->handle) &&
	       start_over(checkpointer->gate, connection->handle);
}

static void *work(void *argument)
{
	struct checkpointer *checkpointer = argument;

	pthread_mutex_lock(&checkpointer->lock);
	while (!checkpointer->is_over) {
		bool is_done;

		if (!checkpointer->is_due) {
			pthread_cond_wait(&checkpointer->told, &checkpointer->lock);
			continue;
		}
		pthread_mutex_unlock(&checkpointer->lock);
		is_done = checkpoint(checkpointer);
		pthread_mutex_lock(&checkpointer->lock);
		checkpointer->is_due = false;
		if (is_done)
			checkpointer->pages_left = 0;
	}
	pthread_mutex_unlock(&checkpointer->lock);
	return NULL;
}

struct checkpointer *checkpointer_open(struct db_gate *gate, int pages_min)
{
	struct checkpointer *checkpointer = db_allocate(sizeof(*checkpointer));

	checkpointer->gate = gate;
	checkpointer->pages_min = pages_min;
	pthread_mutex_init(&checkpointer->lock, NULL);
	pthread_cond_init(&checkpointer->told, NULL);
	return checkpointer;
}

void checkpointer_close(struct checkpointer **checkpointer)
{
	struct checkpointer *closed = *checkpointer;

	if (closed == NULL)
		return;
	pthread_mutex_lock(&closed->lock);
	closed->is_over = true;
	pthread_cond_signal(&closed->told);
	pthread_mutex_unlock(&closed->lock);
	if (closed->path != NULL)
		pthread_join(closed->thread, NULL);
	pthread_cond_destroy(&closed->told);
	pthread_mutex_destroy(&closed->lock);
	free(closed->path);
	free(closed);
	*checkpointer = NULL;
}

/* With the lock. */
static bool start(struct checkpointer *checkpointer, const char *path)
{
	checkpointer->path = strdup(path);
	if (checkpointer->path == NULL)
		abort();
	if (pthread_create(&checkpointer->thread, NULL, work, checkpointer) == 0)
		return true;
	free(checkpointer->path);
	checkpointer->path = NULL;
	return false;
}

/*
 * Where the log could not be emptied it is tried again when it has grown by a tenth; fewer pages than then are
 * those of one that another process has begun anew.
 */
static bool is_long(struct checkpointer *checkpointer, int pages)
{
	if (pages < checkpointer->pages_left)
		checkpointer->pages_left = 0;
	return checkpointer->pages_left == 0
		       ? pages >= checkpointer->pages_min
		       : pages >= checkpointer->pages_left + checkpointer->pages_min / 10;
}

bool checkpointer_tell(struct checkpointer *checkpointer, const char *path, int pages)
{
	bool is_seen_to = true;

	pthread_mutex_lock(&checkpointer->lock);
	if (!checkpointer->is_due && is_long(checkpointer, pages)) {
		is_seen_to = checkpointer->path != NULL ? strcmp(checkpointer->path, path) == 0
							: start(checkpointer, path);
		if (is_seen_to) {
			checkpointer->is_due = true;
			checkpointer->pages_left = pages;
			pthread_cond_signal(&checkpointer->told);
		}
	}
	pthread_mutex_unlock(&checkpointer->lock);
	return is_seen_to;
}
