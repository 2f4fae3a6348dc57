#include "store/app_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 256 }; /* more apps than that share places, and are read anew more often */

struct slot {
	struct arena arena; /* of what follows */
	struct app app;     /* public_id NULL: nothing is known */
	const char *webhook_secret;
};

struct app_cache {
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
};

struct app_cache *app_cache_open(void)
{
	struct app_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		abort();
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void app_cache_close(struct app_cache **cache)
{
	if (*cache == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		arena_release(&(*cache)->slots[i].arena);
	pthread_mutex_destroy(&(*cache)->lock);
	free(*cache);
	*cache = NULL;
}

static struct slot *slot_of(struct app_cache *cache, const char *public_id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *c = public_id; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return &cache->slots[hash % SLOTS];
}

static struct app copy_of(const struct app *app, struct arena *arena)
{
	return (struct app){
		.id = app->id,
		.public_id = arena_strdup(arena, app->public_id),
		.project_id = app->project_id,
		.client_id = arena_strdup(arena, app->client_id),
		.webhook_secret = {arena_memdup(arena, app->webhook_secret.bytes,
						app->webhook_secret.size),
				   app->webhook_secret.size},
		.is_active = app->is_active,
	};
}

bool app_cache_find(struct app_cache *cache, struct arena *arena, const char *public_id,
		    struct app *app, const char **webhook_secret)
{
	struct slot *slot = slot_of(cache, public_id);
	bool found;

	pthread_mutex_lock(&cache->lock);
	found = slot->app.public_id != NULL && strcmp(slot->app.public_id, public_id) == 0;
	if (found) {
		*app = copy_of(&slot->app, arena);
		*webhook_secret = arena_strdup(arena, slot->webhook_secret);
	}
	pthread_mutex_unlock(&cache->lock);
	return found;
}

void app_cache_keep(struct app_cache *cache, const struct app *app, const char *webhook_secret)
{
	struct slot *slot = slot_of(cache, app->public_id);

	pthread_mutex_lock(&cache->lock);
	arena_release(&slot->arena);
	slot->app = copy_of(app, &slot->arena);
	slot->webhook_secret = arena_strdup(&slot->arena, webhook_secret);
	pthread_mutex_unlock(&cache->lock);
}
