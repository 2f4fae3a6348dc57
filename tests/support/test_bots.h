/* Bots for tests of the store and of what stands on it. What fails here fails the test. */
#ifndef SUPPORT_TEST_BOTS_H
#define SUPPORT_TEST_BOTS_H

#include "base/arena.h"
#include "store/bot.h"
#include "store/db.h"

enum { TEST_MEETING = 123456789 };

/* A bot of TEST_PROJECT (support/test_rows.h) that nobody has added yet: ready, made at `at`. */
struct bot test_bot(instant at);

struct bot test_bot_add(struct db *db, struct arena *arena, struct bot bot);

/* As it is stored. */
struct bot test_bot_read(struct db *db, struct arena *arena, int64_t id);

/* "type/sub_type type …" of all its events. */
const char *test_bot_history(struct db *db, struct arena *arena, int64_t id);

#endif
