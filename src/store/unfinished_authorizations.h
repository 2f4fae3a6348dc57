/*
 * Authorizations whose tokens one database has, and whose user Zoom has not told yet, for another one, an older
 * copy of it: they have made void what that knows of their users, and must not be lost with the database that is
 * replaced.
 */
#ifndef STORE_UNFINISHED_AUTHORIZATIONS_H
#define STORE_UNFINISHED_AUTHORIZATIONS_H

#include "store/db.h"

/*
 * Takes those that a key opens, of apps that `to` has, from `from` into `to`, in the caller's transaction, for the
 * worker to finish. *count tells how many. What was finished in `to` is not touched.
 */
bool unfinished_authorizations_take(struct db *to, struct db *from, struct keyring *keyring,
				    int64_t *count, struct error *err) MUST_CHECK;

#endif
