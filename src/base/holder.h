/*
 * Which processes of this machine live: each has a random number and holds a lock for its life, which
 * the kernel drops whichever way it ends. So others can tell whether who took a lease is still there.
 * What a process may give up without being able to say so gets a number of its own.
 */
#ifndef BASE_HOLDER_H
#define BASE_HOLDER_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct holder;

/* Nothing is opened or locked before the number is first asked for. `database` names the lock's file. */
struct holder *holder_open(const char *database);
void holder_close(struct holder **holder);

/* This process's number, 1 or more; takes the lock. Any thread may ask. */
bool holder_number(struct holder *holder, int64_t *number, struct error *err) MUST_CHECK;

/*
 * A number for one thing that this process does, which dies with it, or when it is ended. For this process
 * itself it is dead from the start: who asks is not at it.
 */
bool holder_begin(struct holder *holder, int64_t *number, struct error *err) MUST_CHECK;
void holder_end(struct holder *holder, int64_t number);

/* Whether who has that number lives. ERROR_STORAGE where that cannot be told. */
bool holder_is_alive(struct holder *holder, int64_t number, bool *is_alive, struct error *err)
	MUST_CHECK;

/*
 * Takes the numbers of all that may come, so that nobody else gets one before holder_close(). *is_alone
 * is false, and nothing is taken, where a process has one. Makes no file where there is none.
 */
bool holder_exclude_others(struct holder *holder, bool *is_alone, struct error *err) MUST_CHECK;

#endif
