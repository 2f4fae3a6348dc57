-- From schema version 1 to 2: what bots need to be run, what we notify, and what happened.

CREATE TABLE zoom_log (
	id INTEGER PRIMARY KEY,
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	connection_id INTEGER,
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
CREATE INDEX zoom_authorizations_leased ON zoom_authorizations (app_id, lease_until)
	WHERE lease_until IS NOT NULL;
CREATE INDEX zoom_authorizations_waiting ON zoom_authorizations (app_id, exchanged_at)
	WHERE next_attempt_at IS NOT NULL;

ALTER TABLE zoom_oauth_connections RENAME COLUMN profile_at TO pmi_at;
ALTER TABLE zoom_oauth_connections ADD COLUMN personal_name_at INTEGER NOT NULL DEFAULT 0;
UPDATE zoom_oauth_connections SET personal_name_at = pmi_at;
DROP INDEX zoom_oauth_connections_by_state;
CREATE INDEX zoom_oauth_connections_by_state ON zoom_oauth_connections (state, project_id, id);
CREATE INDEX zoom_oauth_connections_of_app ON zoom_oauth_connections (app_id, id);
CREATE INDEX zoom_oauth_connections_of_app_by_state ON zoom_oauth_connections (app_id, state, id);

DROP INDEX zoom_meetings_by_age;

ALTER TABLE zoom_meeting_participants RENAME TO former_participants;
CREATE TABLE zoom_meeting_participants (
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	meeting_id INTEGER NOT NULL,
	connection_id INTEGER NOT NULL REFERENCES zoom_oauth_connections (id) ON DELETE CASCADE,
	session TEXT NOT NULL,
	is_present INTEGER NOT NULL CHECK (is_present IN (0, 1)),
	changed_at INTEGER NOT NULL,
	PRIMARY KEY (meeting_id, app_id, connection_id, session)
) STRICT, WITHOUT ROWID;
INSERT INTO zoom_meeting_participants (app_id, meeting_id, connection_id, session, is_present, changed_at)
	SELECT app_id, meeting_id, connection_id, '', is_present, changed_at FROM former_participants;
DROP TABLE former_participants;
CREATE INDEX zoom_meeting_participants_of_connection ON zoom_meeting_participants (connection_id);
CREATE INDEX zoom_meeting_participants_by_age ON zoom_meeting_participants (changed_at);

ALTER TABLE bots ADD COLUMN joined_state TEXT;
ALTER TABLE bots ADD COLUMN onbehalf_user_timeout_s INTEGER;
ALTER TABLE bots ADD COLUMN held_until INTEGER;
ALTER TABLE bots ADD COLUMN runner_id TEXT;
ALTER TABLE bots ADD COLUMN lease_token_sha256 BLOB;
ALTER TABLE bots ADD COLUMN lease_s INTEGER;
ALTER TABLE bots ADD COLUMN lease_expires_at INTEGER;
CREATE INDEX bots_by_state ON bots (project_id, state, id);
CREATE INDEX bots_due ON bots (project_id, coalesce(join_at, created_at))
	WHERE state IN ('scheduled', 'staged', 'ready');
CREATE INDEX bots_held ON bots (held_until, project_id)
	WHERE held_until IS NOT NULL AND state IN ('scheduled', 'staged', 'ready');
CREATE INDEX bots_leased ON bots (lease_expires_at, project_id) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX bots_by_sign_of_life ON bots ((lease_expires_at - lease_s * 1000000)) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX bots_by_age ON bots (updated_at);

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

CREATE TABLE webhooks (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	bot_id INTEGER REFERENCES bots (id) ON DELETE CASCADE,
	url TEXT NOT NULL,
	triggers TEXT NOT NULL,
	secret BLOB NOT NULL,
	former_secret BLOB,
	former_secret_until INTEGER,
	disabled_at INTEGER,
	disabled_reason TEXT,
	failing_since INTEGER,
	failures INTEGER NOT NULL DEFAULT 0,
	pauses INTEGER NOT NULL DEFAULT 0,
	paused_until INTEGER,
	due_at INTEGER,
	holder INTEGER,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_of_project ON webhooks (project_id, bot_id, id);
CREATE INDEX webhooks_of_bot ON webhooks (bot_id, id) WHERE bot_id IS NOT NULL;
CREATE INDEX webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhooks_held ON webhooks (holder) WHERE holder IS NOT NULL;

CREATE TABLE webhook_deliveries (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,
	webhook_id INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
	trigger_name TEXT NOT NULL,
	subject TEXT NOT NULL,
	body TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
	next_attempt_at INTEGER,
	attempts INTEGER NOT NULL DEFAULT 0,
	last_attempt_at INTEGER,
	last_duration_ms INTEGER,
	last_status INTEGER,
	last_answer TEXT,
	last_error TEXT,
	finished_at INTEGER,
	created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (webhook_id, state, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at, id)
	WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_subject ON webhook_deliveries (webhook_id, subject, id)
	WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
