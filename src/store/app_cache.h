/*
 * The apps that events came for lately, with their webhook secrets opened: of a process, for all of its
 * threads. What it gives may be out of date, for any process may change an app at any time; so whoever uses
 * it checks with app_has_webhook_secret(), inside the transaction in which the event is stored.
 */
#ifndef STORE_APP_CACHE_H
#define STORE_APP_CACHE_H

#include "store/app.h"

struct app_cache;

struct app_cache *app_cache_open(void);
void app_cache_close(struct app_cache **cache);

/* False where it is not known. Copies into the arena; names, secrets of its own and times are not kept. */
bool app_cache_find(struct app_cache *cache, struct arena *arena, const char *public_id,
		    struct app *app, const char **webhook_secret);

/* In the place of what was known of that app, and perhaps of another one. */
void app_cache_keep(struct app_cache *cache, const struct app *app, const char *webhook_secret);

#endif
