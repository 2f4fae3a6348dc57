/*
 * commits: what a disk allows who commits by himself: rows of 600 bytes put into a database of SQLite's, each in
 * a transaction of its own, one after the other, and each on the disk before the next.
 *
 *   commits FILE SECONDS     the file is made anew; prints a line of JSON (latencies.h)
 */
#include "latencies.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_BYTES = 600 };

static void must(sqlite3 *db, int result)
{
	if (result == SQLITE_OK || result == SQLITE_DONE)
		return;
	fprintf(stderr, "commits: %s\n", sqlite3_errmsg(db));
	exit(EXIT_FAILURE);
}

static sqlite3 *open_database(const char *path)
{
	sqlite3 *db;

	remove(path);
	must(NULL, sqlite3_open(path, &db));
	must(db, sqlite3_exec(db,
			      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			      "PRAGMA wal_autocheckpoint = 10000;"
			      "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT",
			      NULL, NULL, NULL));
	return db;
}

static void add(sqlite3 *db, sqlite3_stmt *insert)
{
	must(db, sqlite3_step(insert));
	must(db, sqlite3_reset(insert));
}

int main(int argc, char **argv)
{
	struct latencies latencies = {0};
	const int64_t started_us = latencies_now_us();
	int64_t now_us = started_us, end_us, began_us;
	char text[ROW_BYTES + 1];
	sqlite3_stmt *insert;
	sqlite3 *db;

	if (argc != 3) {
		fprintf(stderr, "usage: commits FILE SECONDS\n");
		return 2;
	}
	end_us = started_us + strtol(argv[2], NULL, 10) * 1000000;
	memset(text, 'x', ROW_BYTES);
	text[ROW_BYTES] = '\0';
	db = open_database(argv[1]);
	must(db, sqlite3_prepare_v2(db, "INSERT INTO notes (text) VALUES (?)", -1, &insert, NULL));
	must(db, sqlite3_bind_text(insert, 1, text, -1, SQLITE_STATIC));
	while (now_us < end_us) {
		began_us = now_us;
		add(db, insert);
		now_us = latencies_now_us();
		latencies_add(&latencies, now_us - began_us);
	}
	latencies_print(&latencies, now_us - started_us);
	sqlite3_finalize(insert);
	sqlite3_close(db);
	return EXIT_SUCCESS;
}
