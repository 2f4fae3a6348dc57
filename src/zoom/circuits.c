#include "zoom/circuits.h"

#include "base/crypto.h"
#include "base/error.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The configuration names two hosts, so that a list will do. */
struct entry {
	struct circuit circuit;
	instant failing_since;
	char last_error[ERROR_MESSAGE_BYTES];
	bool has_reports; /* of calls of this process */
	bool has_news;
	struct entry *next;
	char host[]; /* NUL-terminated */
};

struct circuits {
	pthread_mutex_t lock; /* over everything */
	struct entry *first;
	struct rate_limits limits;
	bool is_used;
};

struct circuits *circuits_open(void)
{
	struct circuits *circuits = calloc(1, sizeof(*circuits));

	if (circuits == NULL)
		abort();
	pthread_mutex_init(&circuits->lock, NULL);
	return circuits;
}

void circuits_close(struct circuits **circuits)
{
	struct entry *entry, *next;

	if (*circuits == NULL)
		return;
	for (entry = (*circuits)->first; entry != NULL; entry = next) {
		next = entry->next;
		free(entry);
	}
	pthread_mutex_destroy(&(*circuits)->lock);
	free(*circuits);
	*circuits = NULL;
}

const char *circuit_host(struct arena *arena, const char *url)
{
	const char *host = strstr(url, "://");

	host = host == NULL ? url : host + strlen("://");
	return arena_strndup(arena, host, strcspn(host, "/?#"));
}

/* Takes the lock, which the caller gives back. */
static struct entry *lock_entry(struct circuits *circuits, const char *host)
{
	const size_t host_bytes = strlen(host) + 1;
	struct entry *entry;

	pthread_mutex_lock(&circuits->lock);
	for (entry = circuits->first; entry != NULL; entry = entry->next)
		if (strcmp(entry->host, host) == 0)
			return entry;
	entry = calloc(1, sizeof(*entry) + host_bytes);
	if (entry == NULL)
		abort();
	memcpy(entry->host, host, host_bytes);
	entry->next = circuits->first;
	circuits->first = entry;
	return entry;
}

/* While it is being probed nobody knows when, so the next second is as good as any. */
static int64_t next_probe_in_ms(const struct circuit *circuit, int64_t now_ms)
{
	return circuit->state == CIRCUIT_PROBING ? 1000 : circuit->next_probe_ms - now_ms;
}

static struct zoom_circuit describe(const struct entry *entry, struct arena *arena, instant now,
				    int64_t now_ms)
{
	return (struct zoom_circuit){
		.host = arena_strdup(arena, entry->host),
		.failing_since = entry->failing_since,
		.next_probe_at = now + next_probe_in_ms(&entry->circuit, now_ms) * MILLISECOND,
		.failed_probes = entry->circuit.failed_probes,
		.last_error = arena_strdup(arena, entry->last_error),
	};
}

bool circuits_is_resting(struct circuits *circuits, struct arena *arena, const char *host,
			 instant now, struct zoom_circuit *open)
{
	const int64_t now_ms = clock_monotonic_ms();
	struct entry *entry = lock_entry(circuits, host);
	const bool is_resting = circuit_is_resting(&entry->circuit, now_ms);

	if (is_resting)
		*open = describe(entry, arena, now, now_ms);
	pthread_mutex_unlock(&circuits->lock);
	return is_resting;
}

bool circuits_ask(struct circuits *circuits, struct arena *arena, const char *host, long timeout_ms,
		  instant now, struct circuit_pass *pass, struct zoom_circuit *open)
{
	const int64_t now_ms = clock_monotonic_ms();
	struct entry *entry = lock_entry(circuits, host);
	const bool may_pass = circuit_ask(&entry->circuit, now_ms, timeout_ms, pass);

	if (!may_pass)
		*open = describe(entry, arena, now, now_ms);
	pthread_mutex_unlock(&circuits->lock);
	return may_pass;
}

void circuits_report(struct circuits *circuits, const char *host, const struct circuit_pass *pass,
		     enum circuit_outcome outcome, uint64_t subject, const char *error, instant now)
{
	const int64_t now_ms = clock_monotonic_ms();
	struct entry *entry = lock_entry(circuits, host);
	struct circuit *circuit = &entry->circuit;
	const bool was_closed = circuit->state == CIRCUIT_CLOSED;

	entry->has_reports = true;
	if (circuit_report(circuit, pass, outcome, subject, now_ms, random_below(65536))) {
		entry->has_news = true;
		if (outcome == CIRCUIT_FAILED)
			snprintf(entry->last_error, sizeof(entry->last_error), "%s", error);
		if (was_closed)
			entry->failing_since =
				now - (now_ms - circuit->failing_since_ms) * MILLISECOND;
	}
	pthread_mutex_unlock(&circuits->lock);
}

void circuits_adopt(struct circuits *circuits, const struct zoom_circuit *open, instant now)
{
	struct entry *entry = lock_entry(circuits, open->host);

	if (!entry->has_reports && entry->circuit.state == CIRCUIT_CLOSED) {
		circuit_adopt(&entry->circuit, open->failed_probes,
			      (open->next_probe_at - now) / MILLISECOND, clock_monotonic_ms());
		entry->failing_since = open->failing_since;
		snprintf(entry->last_error, sizeof(entry->last_error), "%s", open->last_error);
	}
	pthread_mutex_unlock(&circuits->lock);
}

bool circuits_find_limit(struct circuits *circuits, uint64_t subject, instant now, instant *until)
{
	bool found;

	pthread_mutex_lock(&circuits->lock);
	found = rate_limits_find(&circuits->limits, subject, now, until);
	pthread_mutex_unlock(&circuits->lock);
	return found;
}

void circuits_note_limit(struct circuits *circuits, uint64_t subject, instant now, instant until)
{
	pthread_mutex_lock(&circuits->lock);
	rate_limits_note(&circuits->limits, subject, now, until);
	pthread_mutex_unlock(&circuits->lock);
}

bool circuits_are_new(struct circuits *circuits)
{
	bool was_used;

	pthread_mutex_lock(&circuits->lock);
	was_used = circuits->is_used;
	circuits->is_used = true;
	pthread_mutex_unlock(&circuits->lock);
	return !was_used;
}

static struct entry *find_news(struct circuits *circuits)
{
	struct entry *entry = circuits->first;

	while (entry != NULL && !entry->has_news)
		entry = entry->next;
	return entry;
}

bool circuits_have_news(struct circuits *circuits)
{
	bool has_news;

	pthread_mutex_lock(&circuits->lock);
	has_news = find_news(circuits) != NULL;
	pthread_mutex_unlock(&circuits->lock);
	return has_news;
}

bool circuits_take_news(struct circuits *circuits, struct arena *arena, instant now,
			struct zoom_circuit *news, bool *is_open)
{
	struct entry *entry;

	pthread_mutex_lock(&circuits->lock);
	entry = find_news(circuits);
	if (entry != NULL) {
		entry->has_news = false;
		*is_open = entry->circuit.state != CIRCUIT_CLOSED;
		*news = describe(entry, arena, now, clock_monotonic_ms());
	}
	pthread_mutex_unlock(&circuits->lock);
	return entry != NULL;
}
