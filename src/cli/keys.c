/*
 * A new encryption key while everything serves: it is put before the old one, every stored value is
 * sealed anew, and the old key goes. Everybody seals inside the write transaction that stores the
 * value, with the key that is the file's newest then. So whoever still took the old key has committed
 * before the first transaction here begins, one pass over all values finds every one of them, and
 * after it nothing needs the old key. Killed at any point it leaves a key file that opens everything,
 * and the next run goes on. Of two runs at once each would drop the key that the other seals with, so the
 * second is refused.
 */
#include "base/failpoint.h"
#include "base/key_file.h"
#include "cli/command.h"
#include "store/sealed_value.h"
#include "store/transaction.h"

#include <stdio.h>

/* For each transaction: so long nobody has to wait for those who came before, unless one of them hangs. */
enum { PATIENCE_MS = 60 * 1000 };

struct rotation {
	struct call *call;
	int64_t sealed_anew;
	int64_t unreadable; /* no key opens them, so no key is kept for them */
};

static bool seal_anew(struct rotation *rotation, size_t column, const struct sealed_value *value,
		      struct arena *arena, struct error *err)
{
	struct keyring *keyring = rotation->call->process.keyring;
	struct error unreadable;
	const char *text;
	bool replaced;

	if (keyring_sealed_with_newest(keyring, value->sealed))
		return true;
	if (!keyring_open_sealed(keyring, arena, &value->place, value->sealed, &text,
				 &unreadable)) {
		rotation->unreadable++;
		return true;
	}
	if (!sealed_value_replace(rotation->call->db, column, value,
				  keyring_seal(keyring, arena, &value->place, text), &replaced,
				  err))
		return false;
	rotation->sealed_anew += replaced;
	return true;
}

/* One batch is one transaction, short enough for requests to come between. */
static bool rotate_batch(struct rotation *rotation, size_t column, const char **after,
			 struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct sealed_value *values;
	int count;

	if (!transaction_begin(&transaction, rotation->call->db, err) ||
	    !sealed_value_list(rotation->call->db, &arena, column, *after, &values, &count, err))
		return false;
	for (int i = 0; i < count; i++)
		if (!seal_anew(rotation, column, &values[i], &arena, err))
			return false;
	*after = count < SEALED_VALUES_MAX
			 ? ""
			 : arena_strdup(rotation->call->arena, values[count - 1].place.row);
	failpoint("keys.sealing");
	return transaction_commit(&transaction, err);
}

static bool rotate_all(struct rotation *rotation, struct error *err)
{
	for (size_t column = 0; column < SEALED_COLUMN_COUNT; column++) {
		const char *after = "";

		do {
			if (!rotate_batch(rotation, column, &after, err))
				return false;
			failpoint("keys.sealed");
		} while (*after != '\0');
	}
	failpoint("keys.all_sealed");
	return true;
}

/* More than one key in the file: a rotation before this one was cut off, and this one finishes it. */
static bool start(struct key_file *file, struct error *err)
{
	const char *path = file->path;
	struct key_set keys;
	size_t count;

	if (!key_file_read(&keys, path, err))
		return false;
	count = keys.count;
	key_set_wipe(&keys);
	if (count > 1) {
		printf("%s holds %zu keys: finishing the rotation that was interrupted\n", path,
		       count);
		return true;
	}
	if (!key_file_add(file, err))
		return false;
	failpoint("keys.added");
	printf("%s: a new key was put before the old one\n", path);
	return true;
}

/* What was cut off in the middle is half done and does no harm, but that has to be said. */
static bool fail_half_way(const struct error *why, struct error *err)
{
	char held[64];

	snprintf(held, sizeof(held), "other writers have held the database for %d s",
		 PATIENCE_MS / 1000);
	return error_set_code(
		err, why->kind, why->code,
		"%s; the key file still opens everything: run `hallpass keys rotate` again, which "
		"goes on from here",
		why->kind == ERROR_BUSY ? held : why->message);
}

bool run_keys_rotate(struct call *call, struct error *err)
{
	SCOPED(key_file_unlock) struct key_file file = {.lock = -1};
	struct rotation rotation = {.call = call};
	struct error why = {0};

	db_set_patience(call->db, PATIENCE_MS);
	if (!key_file_lock(&file, call->process.config.encryption_key_file, err) ||
	    !start(&file, err))
		return false;
	if (!rotate_all(&rotation, &why) || !key_file_keep_newest(&file, &why))
		return fail_half_way(&why, err);
	failpoint("keys.dropped");
	printf("%lld values were sealed anew; the old key was dropped\n",
	       (long long)rotation.sealed_anew);
	if (rotation.unreadable > 0)
		printf("%lld values are opened by no key, neither before nor now; run: hallpass doctor\n",
		       (long long)rotation.unreadable);
	return true;
}
