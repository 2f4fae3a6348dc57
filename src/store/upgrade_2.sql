-- From schema version 1 to 2: what bots need to be run, what we notify, and what happened.

CREATE TABLE zoom_log (
	id INTEGER PRIMARY KEY,
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	connection_id INTEGER REFERENCES zoom_oauth_connections (id) ON DELETE SET NULL,
	at INTEGER NOT NULL,
	type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 13),
	name TEXT,
	meeting_id INTEGER,
	error TEXT,
	zoom_status INTEGER,
	zoom_code TEXT,
	zoom_tracking_id TEXT,
	event_at INTEGER,
	body_hash BLOB
) STRICT;
CREATE INDEX zoom_log_of_app ON zoom_log (app_id, id);
CREATE INDEX zoom_log_of_connection ON zoom_log (connection_id, id) WHERE connection_id IS NOT NULL;
CREATE UNIQUE INDEX zoom_log_by_event ON zoom_log (event_at, app_id, body_hash)
	WHERE body_hash IS NOT NULL;
-- Of what came before, the time of the event is not known.
INSERT INTO zoom_log (app_id, at, type, event_at, body_hash)
	SELECT app_id, received_at, 1, 0, substr(body_sha256, 1, 16) FROM zoom_events ORDER BY received_at;
DROP TABLE zoom_events;

ALTER TABLE zoom_authorizations ADD COLUMN holder_process INTEGER;
ALTER TABLE zoom_authorizations ADD COLUMN exchange_began_at INTEGER;
CREATE INDEX zoom_authorizations_in_doubt ON zoom_authorizations (app_id, exchange_began_at)
	WHERE exchange_began_at IS NOT NULL;

ALTER TABLE bots ADD COLUMN joined_state TEXT;
ALTER TABLE bots ADD COLUMN onbehalf_user_timeout_s INTEGER;
ALTER TABLE bots ADD COLUMN held_until INTEGER;
ALTER TABLE bots ADD COLUMN runner_id TEXT;
ALTER TABLE bots ADD COLUMN lease_token_sha256 BLOB;
ALTER TABLE bots ADD COLUMN lease_s INTEGER;
ALTER TABLE bots ADD COLUMN lease_expires_at INTEGER;
CREATE INDEX bots_due ON bots (project_id, coalesce(join_at, created_at))
	WHERE state IN ('scheduled', 'staged', 'ready');
CREATE INDEX bots_held ON bots (held_until, project_id)
	WHERE held_until IS NOT NULL AND state IN ('scheduled', 'staged', 'ready');
CREATE INDEX bots_leased ON bots (lease_expires_at, project_id) WHERE lease_expires_at IS NOT NULL;

CREATE TABLE token_callbacks (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	engine TEXT NOT NULL CHECK (engine IN ('attendee', 'recall', 'meeting_baas', 'meetstream')),
	name TEXT,
	secret_sha256 BLOB NOT NULL UNIQUE,
	signing_secret BLOB,
	created_at INTEGER NOT NULL,
	use_count INTEGER NOT NULL,
	last_used_at INTEGER
) STRICT;
CREATE INDEX token_callbacks_of_project ON token_callbacks (project_id, id);
CREATE TABLE token_callback_uses (
	callback_id INTEGER NOT NULL REFERENCES token_callbacks (id) ON DELETE CASCADE,
	number INTEGER NOT NULL,
	used_at INTEGER NOT NULL,
	address TEXT NOT NULL,
	engine_bot_id TEXT,
	meeting_id INTEGER,
	connection_id INTEGER REFERENCES zoom_oauth_connections (id) ON DELETE SET NULL,
	tokens TEXT NOT NULL,
	outcome TEXT NOT NULL,
	status INTEGER NOT NULL,
	PRIMARY KEY (callback_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_callback_uses_of_connection ON token_callback_uses (connection_id)
	WHERE connection_id IS NOT NULL;
CREATE INDEX token_callback_uses_by_age ON token_callback_uses (used_at);
