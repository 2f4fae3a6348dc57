#include "base/tally.h"

#include "base/beside.h"
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SLOTS = 4096,
	PROBES_MAX = 64,
	STATE_FREE = 0,
	/* Of a slot whose name is being written; of one whose writer was killed it stays that. */
	STATE_CLAIMED = 1,
	STATES = 2,
};

/* Of the layout below: a process of another version makes a file of its own. */
static const char magic[8] = "tally 1";

const int64_t tally_bounds_us[TALLY_BUCKETS - 1] = {1000,    2500,    5000,    10000,  25000,
						    50000,   100000,  250000,  500000, 1000000,
						    2500000, 5000000, 10000000};

/* A series. Two slots may have one name, where two processes took it up at once: readers add them up. */
struct slot {
	_Atomic uint64_t state; /* else the name's hash, and the name is there */
	char name[TALLY_NAME_BYTES];
	_Atomic uint64_t values[TALLY_BUCKETS]; /* a counter has the first alone */
	_Atomic uint64_t sum_us;
};

struct page {
	char magic[sizeof(magic)];
	_Atomic uint64_t used;
	struct slot slots[SLOTS];
};

static_assert(sizeof(struct slot) == 312, "the layout is that of the magic");

struct tallies {
	struct page *page;
	bool is_shared;
};

static void descriptor_close(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
}

/* NULL where the file is none of this layout. */
static struct page *map_file(int file)
{
	struct stat status;
	struct page *page;

	if (fstat(file, &status) != 0 || status.st_size != sizeof(*page))
		return NULL;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (memcmp(page->magic, magic, sizeof(magic)) == 0)
		return page;
	munmap(page, sizeof(*page));
	return NULL;
}

static struct page *open_file(const char *path)
{
	SCOPED(descriptor_close) int file = open(path, O_RDWR | O_CLOEXEC);

	return file >= 0 ? map_file(file) : NULL;
}

/* All its blocks at once: a page that the disk has no room for would end whoever counts in it. */
static bool fill_file(int file)
{
	return posix_fallocate(file, 0, sizeof(struct page)) == 0 &&
	       pwrite(file, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic);
}

static bool is_ours(const char *path)
{
	struct page *page = open_file(path);

	if (page != NULL)
		munmap(page, sizeof(*page));
	return page != NULL;
}

/*
 * Beside a database that is there; else there is nothing to count. Whole before it has its name. Of two
 * that make it at once, one file stays, and both open that.
 */
static void make_file(const char *path, const char *database)
{
	char draft[PATH_MAX];
	struct stat status;
	int file;

	if (stat(database, &status) != 0)
		return;
	if (snprintf(draft, sizeof(draft), "%s.XXXXXX", path) >= (int)sizeof(draft))
		return;
	file = mkostemp(draft, O_CLOEXEC);
	if (file < 0)
		return;
	/* One of another version, or a damaged one, is replaced: what it counted is given up. */
	if (!fill_file(file) || !beside_give_to_owner(file, database) || fchmod(file, 0660) != 0 ||
	    link(draft, path) == 0 || is_ours(path) || rename(draft, path) != 0)
		unlink(draft);
	close(file);
}

static struct page *open_private(void)
{
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (page == MAP_FAILED)
		abort();
	return page;
}

struct tallies *tallies_open(const char *database)
{
	struct tallies *tallies = calloc(1, sizeof(*tallies));
	char path[PATH_MAX];

	if (tallies == NULL)
		abort();
	if (snprintf(path, sizeof(path), "%s-metrics", database) < (int)sizeof(path)) {
		tallies->page = open_file(path);
		if (tallies->page == NULL) {
			make_file(path, database);
			tallies->page = open_file(path);
		}
	}
	tallies->is_shared = tallies->page != NULL;
	if (!tallies->is_shared)
		tallies->page = open_private();
	return tallies;
}

void tallies_close(struct tallies **tallies)
{
	if (*tallies == NULL)
		return;
	munmap((*tallies)->page, sizeof(*(*tallies)->page));
	free(*tallies);
	*tallies = NULL;
}

bool tallies_are_shared(const struct tallies *tallies)
{
	return tallies->is_shared;
}

/* FNV-1a, and never one of the other states. */
static uint64_t hash_of(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash < STATES ? STATES : hash;
}

static bool claim(struct page *page, struct slot *slot, const char *name, uint64_t hash)
{
	uint64_t state = STATE_FREE;

	if (!atomic_compare_exchange_strong_explicit(&slot->state, &state, STATE_CLAIMED,
						     memory_order_relaxed, memory_order_relaxed))
		return false;
	memcpy(slot->name, name, strlen(name) + 1);
	atomic_store_explicit(&slot->state, hash, memory_order_release);
	atomic_fetch_add_explicit(&page->used, 1, memory_order_relaxed);
	return true;
}

/* NULL where there is no such series, and none may be made. */
static struct slot *find(struct page *page, const char *name, bool may_make)
{
	const uint64_t hash = hash_of(name);

	for (uint64_t probe = 0; probe < PROBES_MAX; probe++) {
		struct slot *slot = &page->slots[(hash + probe) % SLOTS];
		const uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

		if (state == hash && strcmp(slot->name, name) == 0)
			return slot;
		if (state != STATE_FREE)
			continue;
		if (!may_make)
			return NULL;
		if (claim(page, slot, name, hash))
			return slot;
	}
	return NULL;
}

static struct slot *find_series(struct tallies *tallies, const char *family, const char *labels,
				bool may_make)
{
	char name[TALLY_NAME_BYTES];
	const size_t family_size = strlen(family), labels_size = strlen(labels);

	if (family_size + labels_size + 2 > sizeof(name))
		return NULL;
	memcpy(name, family, family_size);
	name[family_size] = '{';
	memcpy(name + family_size + 1, labels, labels_size + 1);
	return find(tallies->page, name, may_make);
}

static void add(_Atomic uint64_t *value, uint64_t count)
{
	atomic_fetch_add_explicit(value, count, memory_order_relaxed);
}

void tally_add(struct tallies *tallies, const char *family, const char *labels)
{
	struct slot *slot;

	if (tallies == NULL)
		return;
	slot = find_series(tallies, family, labels, true);
	if (slot != NULL)
		add(&slot->values[0], 1);
}

void tally_add_one_of_many(struct tallies *tallies, const char *family, const char *labels,
			   const char *other_labels)
{
	struct slot *slot;

	if (tallies == NULL)
		return;
	slot = find_series(tallies, family, labels,
			   atomic_load_explicit(&tallies->page->used, memory_order_relaxed) <
				   SLOTS / 2);
	if (slot != NULL)
		add(&slot->values[0], 1);
	else
		tally_add(tallies, family, other_labels);
}

void tally_time(struct tallies *tallies, const char *family, const char *labels,
		int64_t duration_us)
{
	struct slot *slot;
	size_t bucket = 0;

	if (tallies == NULL)
		return;
	slot = find_series(tallies, family, labels, true);
	if (slot == NULL)
		return;
	while (bucket < TALLY_BUCKETS - 1 && duration_us > tally_bounds_us[bucket])
		bucket++;
	add(&slot->values[bucket], 1);
	add(&slot->sum_us, duration_us > 0 ? (uint64_t)duration_us : 0);
}

static int compare_names(const void *one, const void *other)
{
	const struct slot *const *a = one, *const *b = other;

	return strcmp((*a)->name, (*b)->name);
}

static void add_slot(struct tally *tally, const struct slot *slot)
{
	for (size_t i = 0; i < TALLY_BUCKETS; i++) {
		const uint64_t value = atomic_load_explicit(&slot->values[i], memory_order_relaxed);

		tally->buckets[i] += value;
		tally->count += value;
	}
	tally->sum_us += atomic_load_explicit(&slot->sum_us, memory_order_relaxed);
}

static size_t list_slots(const struct page *page, const struct slot **slots)
{
	size_t count = 0;

	for (size_t i = 0; i < SLOTS; i++)
		if (atomic_load_explicit(&page->slots[i].state, memory_order_acquire) >= STATES)
			slots[count++] = &page->slots[i];
	qsort(slots, count, sizeof(slots[0]), compare_names);
	return count;
}

size_t tallies_read(const struct tallies *tallies, struct arena *arena, struct tally **list)
{
	const struct slot **slots = arena_alloc(arena, SLOTS * sizeof(slots[0]));
	const size_t slot_count = list_slots(tallies->page, slots);
	struct tally *read = arena_alloc(arena, (slot_count + 1) * sizeof(read[0]));
	size_t count = 0;

	for (size_t i = 0; i < slot_count; i++) {
		if (i == 0 || strcmp(slots[i]->name, slots[i - 1]->name) != 0) {
			char *name = arena_strdup(arena, slots[i]->name);
			char *brace = name + strcspn(name, "{");

			read[count++].labels = *brace == '{' ? brace + 1 : brace;
			*brace = '\0';
			read[count - 1].family = name;
		}
		add_slot(&read[count - 1], slots[i]);
	}
	*list = read;
	return count;
}
