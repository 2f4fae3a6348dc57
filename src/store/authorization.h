/*
 * Authorization codes that were posted, the tokens that they brought, and the answers (table
 * zoom_authorizations). See src/broker/authorization.h.
 */
#ifndef STORE_AUTHORIZATION_H
#define STORE_AUTHORIZATION_H

#include "base/clock.h"
#include "base/crypto.h"
#include "store/db.h"

struct authorization {
	int64_t app_id;
	unsigned char code_sha256[SHA256_BYTES];
	const char *public_id;
	const char *request; /* JSON: what was asked for */
	/* Between the exchange and the answer; none else. */
	struct sealed access_token, refresh_token;
	const char *scopes;
	instant access_token_expires_at;
	instant asked_at;          /* when Zoom was asked for the tokens, … */
	instant exchanged_at;      /* … and gave them; 0: not yet */
	instant renewal_began_at;  /* one whose answer is not stored; 0: none */
	instant exchange_began_at; /* the same of the exchange */
	int attempts;
	int64_t connection_id; /* what came of it; 0: nothing yet */
	int answer_status;     /* 0: not answered */
	const char *answer_body;
	instant created_at;
	int64_t holder_process; /* number of the process of whoever works on it; 0: nobody does */
};

struct seal_place authorization_access_token_place(const struct authorization *authorization,
						   int64_t project_id);
struct seal_place authorization_refresh_token_place(const struct authorization *authorization,
						    int64_t project_id);

bool authorization_find(struct db *db, struct arena *arena, int64_t app_id,
			const unsigned char code_sha256[static SHA256_BYTES], bool *found,
			struct authorization *authorization, struct error *err) MUST_CHECK;

enum { AUTHORIZATION_HOLDER_BYTES = 17 }; /* with its NUL */

struct authorization_lease {
	const char *holder; /* who takes it, … */
	int64_t process;    /* … in this process */
	int64_t dead_process; /* one that is known to have ended, so that its lease has too; 0: none */
	instant until;
};

/*
 * Makes the row where there is none, and takes the lease on it where nobody has it and it is not
 * done: *claimed is false else. Where there are no tokens yet the exchange begins now.
 */
bool authorization_claim(struct db *db, const struct authorization *authorization,
			 const struct authorization_lease *lease, instant now, bool *claimed,
			 struct error *err) MUST_CHECK;

/*
 * Ends the lease, and writes exchange_began_at; a row that holds nothing and leaves no doubt goes.
 * next_attempt_at 0: the worker need not finish it.
 */
bool authorization_release(struct db *db, const struct authorization *authorization,
			   const char *holder, instant next_attempt_at, struct error *err)
	MUST_CHECK;

/* Before Zoom is asked for newer tokens, and after an answer that left the old ones good (0). */
bool authorization_note_renewal(struct db *db, const struct authorization *authorization,
				instant began_at, struct error *err) MUST_CHECK;

/* Writes the tokens, scopes and their three times; nothing is in doubt; the worker is due at next_attempt_at. */
bool authorization_store_tokens(struct db *db, const struct authorization *authorization,
				instant next_attempt_at, struct error *err) MUST_CHECK;

/*
 * It is done: the tokens are wiped; connection_id 0 where it made none. *settled is false, and nothing
 * changed, where it was done before, or has other tokens by now than those of exchanged_at.
 */
bool authorization_settle(struct db *db, const struct authorization *authorization,
			  int64_t connection_id, bool *settled, struct error *err) MUST_CHECK;

/* What was answered, for whoever posts the code again. */
bool authorization_record_answer(struct db *db, int64_t app_id,
				 const unsigned char code_sha256[static SHA256_BYTES], int status,
				 const char *body, struct error *err) MUST_CHECK;

/* The one that is due longest to be finished, whoever has its lease. */
bool authorization_find_due(struct db *db, struct arena *arena, instant now, bool *found,
			    struct authorization *authorization, struct error *err) MUST_CHECK;

/*
 * Takes the lease on what is to be finished, where nobody has it: *taken is false else. It is due again
 * when the lease is over.
 */
bool authorization_take(struct db *db, const struct authorization *authorization,
			const struct authorization_lease *lease, instant now, bool *taken,
			struct error *err) MUST_CHECK;

/* It is not due before `at`. */
bool authorization_put_off(struct db *db, const struct authorization *authorization, instant at,
			   struct error *err) MUST_CHECK;

/* When the next one is due; 0: none is. */
bool authorization_next_due(struct db *db, instant *at, struct error *err) MUST_CHECK;

/* Exchanges of the app that began at `since` or later and have no answer, oldest first; at most `limit`. */
bool authorization_list_in_doubt(struct db *db, struct arena *arena, int64_t app_id, instant since,
				 int limit, struct authorization **authorizations, int *count,
				 struct error *err) MUST_CHECK;

/* Those of the app that were made by `made_by` and have a lease beyond `leased_at`; at most `limit`. */
bool authorization_list_leased(struct db *db, struct arena *arena, int64_t app_id, instant made_by,
			       instant leased_at, int limit, struct authorization **authorizations,
			       int *count, struct error *err) MUST_CHECK;

/*
 * Whether the app has one that was made by `made_by` and whose tokens, of after `since`, wait for it to be
 * finished, whether anybody is at it or not.
 */
bool authorization_has_waiting(struct db *db, int64_t app_id, instant made_by, instant since,
			       bool *has, struct error *err) MUST_CHECK;

/*
 * Drops at most `limit` rows that were made before then and have nothing left to be finished; those in
 * doubt only where they were made before doubt_before.
 */
bool authorization_clean_up(struct db *db, instant before, instant doubt_before, int limit,
			    int64_t *removed, struct error *err) MUST_CHECK;

#endif
