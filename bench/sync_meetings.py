"""sync_meetings.py DATABASE: writes meetings as the worker's sync of a user with 100,000 of them does.

300 of them a transaction (src/worker/meeting_sync.c), over and over until it is killed; prints "writing" once
it has begun.
"""

import itertools
import sqlite3
import sys
import time

PAGE = 300
MEETINGS = 100_000
FIRST_MEETING_ID = 90_000_000_000
PAUSE_S = 0.002  # Zoom's part, at its very best

LEARN = ("INSERT INTO zoom_meetings (meeting_id, app_id, connection_id, known_at) VALUES (?, ?, ?, ?)"
         " ON CONFLICT (meeting_id, app_id) DO UPDATE"
         " SET connection_id = excluded.connection_id, known_at = excluded.known_at")

database = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
database.execute("PRAGMA synchronous = FULL")
connection_id, app_id = database.execute("SELECT id, app_id FROM zoom_oauth_connections").fetchone()
for page in itertools.count():
    known_at = time.time_ns() // 1000
    first = FIRST_MEETING_ID + page * PAGE % MEETINGS
    database.execute("BEGIN IMMEDIATE")
    database.executemany(LEARN, [(first + number, app_id, connection_id, known_at) for number in range(PAGE)])
    database.execute("COMMIT")
    if page == 0:
        print("writing", flush=True)
    time.sleep(PAUSE_S)
