/*
 * The Zoom credentials of a connection and the refresh lease on them (table zoom_oauth_credentials).
 * Every change of the tokens makes a new generation; the functions here change nothing where the
 * generation they are told is not the stored one. Why that loses no token: src/broker/refresh.h.
 */
#ifndef STORE_CREDENTIALS_H
#define STORE_CREDENTIALS_H

#include "base/clock.h"
#include "store/connection.h"
#include "store/db.h"

struct credentials {
	int64_t connection_id;
	int64_t generation;
	struct sealed refresh_token; /* none: erased */
	struct sealed access_token;  /* none: no good one is known */
	instant access_token_issued_at, access_token_expires_at;
	instant authorized_at, refreshed_at;
	int64_t refresh_holder; /* 0: nobody is refreshing */
	instant refresh_lease_until;
	int refresh_attempts;
};

/* Where the tokens of a connection are sealed to. */
struct seal_place credentials_refresh_token_place(const struct connection *connection);
struct seal_place credentials_access_token_place(const struct connection *connection);

/* *found is false where the connection has no row. */
bool credentials_find(struct db *db, struct arena *arena, int64_t connection_id, bool *found,
		      struct credentials *credentials, struct error *err) MUST_CHECK;

/* New tokens, as sealed for the connection. */
struct sealed_tokens {
	struct sealed refresh_token, access_token;
	instant issued_at, expires_at; /* of the access token */
};

/* The user has authorized: makes the row or replaces what is in it, whatever the generation was. */
bool credentials_replace(struct db *db, int64_t connection_id, const struct sealed_tokens *tokens,
			 instant now, instant next_refresh_at, struct error *err) MUST_CHECK;

/*
 * Takes the lease for the attempt `holder`: *claimed is false where another has it and it has not run out,
 * or the generation has moved on, or the credentials were erased. dead_holder is one that nobody is at any
 * more, as is known, so that its lease counts as run out; 0: none.
 */
bool credentials_claim_refresh(struct db *db, int64_t connection_id, int64_t generation,
			       int64_t holder, int64_t dead_holder, instant now,
			       instant lease_until, bool *claimed, struct error *err) MUST_CHECK;

/*
 * Keeps what a refresh brought and ends the lease. A refresh token of none keeps the old one.
 * *stored is false, and nothing changed, where the generation has moved on.
 */
bool credentials_store_refreshed(struct db *db, int64_t connection_id, int64_t generation,
				 const struct sealed_tokens *tokens, instant next_refresh_at,
				 bool *stored, struct error *err) MUST_CHECK;

/* Ends the lease of a refresh that brought nothing, and counts it. Nothing where another has it now. */
bool credentials_release_refresh(struct db *db, int64_t connection_id, int64_t holder,
				 struct error *err) MUST_CHECK;

/* Forgets the tokens; the generation grows, so that a refresh under way stores nothing. */
bool credentials_erase(struct db *db, int64_t connection_id, struct error *err) MUST_CHECK;

/* Zoom says that they are dead: nothing is to be renewed any more. The refresh token stays, in case Zoom is wrong. */
bool credentials_park(struct db *db, int64_t connection_id, struct error *err) MUST_CHECK;

/* The worker is to try them at `at`, or earlier where that was due before. */
bool credentials_schedule_refresh(struct db *db, int64_t connection_id, instant at,
				  struct error *err) MUST_CHECK;

/*
 * All that are to be renewed some time, in all projects, are due from `at` on, spread over so many
 * seconds; what is due before stays so. *count tells how many there are.
 */
bool credentials_schedule_all(struct db *db, instant at, int64_t spread_s, int64_t *count,
			      struct error *err) MUST_CHECK;

/* Those of the app that were postponed are tried at `at`. */
bool credentials_retry_postponed(struct db *db, int64_t app_id, instant at, struct error *err)
	MUST_CHECK;

struct due_refresh {
	int64_t connection_id;
	int64_t generation; /* of the tokens that are to be renewed */
	int attempts;       /* that have failed in a row */
};

/* As connection_claim_sync(), of several: those that are due longest, up to limit, put off to lease_until. */
bool credentials_claim_due_refreshes(struct db *db, instant now, instant lease_until, int limit,
				     struct due_refresh *refreshes, int *count, struct error *err)
	MUST_CHECK;

/* It did not work for now, for the attempts-th time in a row, whether Zoom was asked or not. */
bool credentials_postpone_refresh(struct db *db, int64_t connection_id, instant next_at,
				  int attempts, struct error *err) MUST_CHECK;

/* When the next refresh is due; 0: none is. */
bool credentials_next_refresh(struct db *db, instant *at, struct error *err) MUST_CHECK;

#endif
