/* Projects: who owns what. */
#ifndef STORE_PROJECT_H
#define STORE_PROJECT_H

#include "base/clock.h"
#include "store/db.h"

struct project {
	int64_t id;
	const char *public_id; /* "proj_…" */
	const char *name;
	instant created_at;
};

/* Fills in id and public_id. */
bool project_add(struct db *db, struct arena *arena, const char *name, instant now,
		 struct project *project, struct error *err) MUST_CHECK;

/* *found is false where there is none. */
bool project_find(struct db *db, struct arena *arena, const char *public_id, bool *found,
		  struct project *project, struct error *err) MUST_CHECK;

/* All of them, oldest first; the array lives in the arena. */
bool project_list(struct db *db, struct arena *arena, struct project **projects, size_t *count,
		  struct error *err) MUST_CHECK;

/* What would go with it, apart from its API keys. */
struct project_holdings {
	int64_t app_count, connection_count, bot_count;
};
bool project_count_holdings(struct db *db, int64_t id, struct project_holdings *holdings,
			    struct error *err) MUST_CHECK;

/* With everything it owns. */
bool project_remove(struct db *db, int64_t id, struct error *err) MUST_CHECK;

#endif
