/* API keys. The key itself is shown once and never stored; its SHA-256 finds it. */
#ifndef STORE_API_KEY_H
#define STORE_API_KEY_H

#include "base/clock.h"
#include "store/db.h"

struct api_key {
	int64_t id;
	const char *public_id; /* "key_…" */
	const char *name;
	const char *start; /* the key's first characters, to recognize it by */
	instant created_at;
	instant revoked_at; /* 0: it is good */
};

/* *key is the key, in the arena: the only time that anybody sees it. */
bool api_key_add(struct db *db, struct arena *arena, int64_t project_id, const char *name,
		 instant now, struct api_key *added, const char **key, struct error *err)
	MUST_CHECK;

/* *found is false for an unknown key and for a revoked one. */
bool api_key_find_project(struct db *db, const char *key, bool *found, int64_t *project_id,
			  struct error *err) MUST_CHECK;

/* All of the project's, revoked ones too, oldest first. */
bool api_key_list(struct db *db, struct arena *arena, int64_t project_id, struct api_key **keys,
		  size_t *count, struct error *err) MUST_CHECK;

/* *found is false where there is none. Revoking twice keeps the first time. */
bool api_key_revoke(struct db *db, const char *public_id, instant now, bool *found,
		    struct error *err) MUST_CHECK;

#endif
