/*
 * Tokens that one database has of users whom another has too, an older copy of it: Zoom takes none but the
 * newest, which must not be lost with the database that is replaced. Of two of one authorization the
 * one of the higher generation is the newer; of two authorizations the later one, for after a restore each
 * database counts generations by itself.
 */
#ifndef STORE_NEWER_CREDENTIALS_H
#define STORE_NEWER_CREDENTIALS_H

#include "store/db.h"

/*
 * Takes those that a key opens from `from` into `to`, in the caller's transaction, to be renewed at once,
 * with what is known of refreshes that were interrupted. *count tells of how many users. Who has no refresh token
 * any more is left alone, and so is whom `to` does not have; who has another connection there has the one here.
 */
bool newer_credentials_take(struct db *to, struct db *from, struct keyring *keyring, int64_t *count,
			    struct error *err) MUST_CHECK;

#endif
