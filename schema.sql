-- Hallpass: everything it knows, in one SQLite file.
--
-- A project owns apps and bots; an app has connections; a connection has credentials and meetings.
-- Every `…_at` is microseconds since 1970-01-01T00:00:00Z. `id` is ours and never leaves the house;
-- `public_id` is what the API calls "id". A sealed column holds AES-256-GCM ciphertext that opens
-- only in its own row and column, with a key of the key file (src/base/keyring.h).

-- One row: the version of this file that the database has. A program refuses any other version.
CREATE TABLE schema_version (
	version INTEGER NOT NULL
) STRICT;
INSERT INTO schema_version (version) VALUES (2);

-- Who owns what: a project sees nothing of other projects.
CREATE TABLE projects (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- proj_…
	name TEXT NOT NULL,                         -- for people
	created_at INTEGER NOT NULL
) STRICT;

-- Keys that a project's programs send as `Authorization: Token …`. The key itself is not kept.
CREATE TABLE api_keys (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- key_…
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	name TEXT NOT NULL,                         -- for people: where the key is used
	key_sha256 BLOB NOT NULL UNIQUE,            -- SHA-256 of the key, which is random enough to need no salt
	key_start TEXT NOT NULL,                    -- its first characters, to recognize it by
	created_at INTEGER NOT NULL,
	revoked_at INTEGER                          -- NULL: it is good
) STRICT;
CREATE INDEX api_keys_of_project ON api_keys (project_id);

-- A customer's Zoom General App.
CREATE TABLE zoom_oauth_apps (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- zoapp_…
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	name TEXT,
	client_id TEXT NOT NULL,                    -- Zoom's; several projects may have the same Zoom app
	client_secret BLOB NOT NULL,                -- sealed
	webhook_secret BLOB,                        -- sealed; NULL: not told, its events cannot be verified
	state TEXT NOT NULL CHECK (state IN ('active', 'credentials_invalid')),
	last_verified_webhook_at INTEGER,           -- latest event whose signature was right (to the second)
	last_rejected_webhook_at INTEGER,           -- latest event whose signature or timestamp was wrong
	last_url_validation_at INTEGER,             -- latest endpoint.url_validation; Zoom asks every 72 h
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	UNIQUE (project_id, client_id)
) STRICT;
CREATE INDEX zoom_oauth_apps_by_client_id ON zoom_oauth_apps (client_id);

-- One Zoom user's authorization of an app: what is known of the user, and how it stands.
CREATE TABLE zoom_oauth_connections (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- zoauth_…
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE, -- the app's, for lists
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id),
	zoom_user_id TEXT NOT NULL,                 -- Zoom's id of the user; host_id in events
	account_id TEXT,                            -- Zoom's id of the user's account
	email TEXT,
	pmi INTEGER,                                -- personal meeting id
	personal_name TEXT,                         -- NAME of the user's /my/NAME link, lower case
	pmi_at INTEGER NOT NULL,                    -- when pmi was known to be so
	deduplication_key TEXT,                     -- the customer's own name for this user
	metadata TEXT NOT NULL,                     -- the customer's JSON object
	scopes TEXT NOT NULL,                       -- granted, space separated
	is_local_recording_token_supported INTEGER NOT NULL CHECK (is_local_recording_token_supported IN (0, 1)),
	is_onbehalf_token_supported INTEGER NOT NULL CHECK (is_onbehalf_token_supported IN (0, 1)),
	state TEXT NOT NULL CHECK (state IN ('connected', 'disconnected')),
	failure_code TEXT,                          -- why it is disconnected, for programs; NULL while connected
	failure_error TEXT,                         -- … for people, with Zoom's own words
	failure_at INTEGER,
	last_successful_sync_at INTEGER,            -- of the user's meetings
	last_attempted_sync_at INTEGER,
	next_sync_at INTEGER,                       -- when the worker reads the meetings again; NULL: not at all
	sync_attempts INTEGER NOT NULL DEFAULT 0,   -- failed in a row, for the backoff
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	personal_name_at INTEGER NOT NULL DEFAULT 0, -- when personal_name was known to be so, which Zoom's
	                                            -- events may tell without the pmi
	UNIQUE (app_id, zoom_user_id),
	UNIQUE (app_id, deduplication_key)
) STRICT;
CREATE INDEX zoom_oauth_connections_of_project ON zoom_oauth_connections (project_id, id);
CREATE INDEX zoom_oauth_connections_of_user ON zoom_oauth_connections (zoom_user_id);
CREATE INDEX zoom_oauth_connections_by_account ON zoom_oauth_connections (account_id);
CREATE INDEX zoom_oauth_connections_by_pmi ON zoom_oauth_connections (pmi) WHERE pmi IS NOT NULL;
CREATE INDEX zoom_oauth_connections_by_personal_name ON zoom_oauth_connections (personal_name)
	WHERE personal_name IS NOT NULL;
CREATE INDEX zoom_oauth_connections_by_state ON zoom_oauth_connections (state, project_id, id);
CREATE INDEX zoom_oauth_connections_of_app ON zoom_oauth_connections (app_id, id);
CREATE INDEX zoom_oauth_connections_of_app_by_state ON zoom_oauth_connections (app_id, state, id);
CREATE INDEX zoom_oauth_connections_to_sync ON zoom_oauth_connections (next_sync_at)
	WHERE next_sync_at IS NOT NULL;

-- The Zoom credentials of a connection, and who is renewing them (src/broker/refresh.h).
CREATE TABLE zoom_oauth_credentials (
	connection_id INTEGER PRIMARY KEY REFERENCES zoom_oauth_connections (id) ON DELETE CASCADE,
	generation INTEGER NOT NULL,                -- grows with every change of the tokens; a result that was
	                                            -- obtained with an older generation is never stored
	refresh_token BLOB,                         -- sealed; the newest that Zoom gave; NULL: erased
	access_token BLOB,                          -- sealed; NULL: none is known to be good
	access_token_issued_at INTEGER,
	access_token_expires_at INTEGER,
	authorized_at INTEGER NOT NULL,             -- when the user last authorized the app
	refreshed_at INTEGER NOT NULL,              -- when Zoom last gave us tokens
	refresh_holder INTEGER,                     -- lease: number of the attempt that is under way now
	                                            -- (src/base/holder.h); NULL: none is
	refresh_lease_until INTEGER,                -- after this others try, whether the holder lives or not
	next_refresh_at INTEGER,                    -- when the worker renews them; NULL: not at all
	refresh_attempts INTEGER NOT NULL DEFAULT 0 -- failed in a row, for the backoff
) STRICT;
CREATE INDEX zoom_oauth_credentials_to_refresh ON zoom_oauth_credentials (next_refresh_at)
	WHERE next_refresh_at IS NOT NULL;

-- Refreshes that Zoom may have seen and that nobody has recorded an answer to. Written before Zoom is
-- called, removed with its answer: what is left here was interrupted, or is under way.
CREATE TABLE zoom_oauth_refresh_attempts (
	connection_id INTEGER NOT NULL REFERENCES zoom_oauth_credentials (connection_id) ON DELETE CASCADE,
	holder INTEGER NOT NULL,                    -- number of the attempt; 0: no answer will come, as is known
	started_at INTEGER NOT NULL,
	PRIMARY KEY (connection_id, holder)
) STRICT, WITHOUT ROWID;

-- An authorization code that was posted: first its tokens, so that nothing that fails afterwards
-- loses them, then the answer, which a client that posts the code again gets once more.
CREATE TABLE zoom_authorizations (
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	code_sha256 BLOB NOT NULL,                  -- the code itself is not kept
	public_id TEXT NOT NULL UNIQUE,             -- names the row to the seal
	request TEXT NOT NULL,                      -- what was asked for, as JSON, to finish it later
	holder TEXT,                                -- lease: who is working on it; NULL: nobody
	lease_until INTEGER,
	access_token BLOB,                          -- sealed; NULL before the exchange and after the answer
	refresh_token BLOB,                         -- sealed; as above
	scopes TEXT,
	access_token_expires_at INTEGER,
	asked_at INTEGER,                           -- when Zoom was asked for the tokens, …
	exchanged_at INTEGER,                       -- … and gave them; NULL: not yet
	renewal_began_at INTEGER,                   -- Zoom was asked then for newer ones, and its answer is not
	                                            -- here: these may be void; NULL: nothing is in doubt
	attempts INTEGER NOT NULL DEFAULT 0,        -- failed in a row to finish it, for the backoff
	next_attempt_at INTEGER,                    -- when the worker finishes it; NULL: there is nothing to finish
	connection_id INTEGER REFERENCES zoom_oauth_connections (id) ON DELETE CASCADE,
	                                            -- what came of it; NULL: nothing yet
	answer_status INTEGER,                      -- HTTP status of the answer; NULL: not answered yet
	answer_body TEXT,                           -- JSON, without secrets
	created_at INTEGER NOT NULL,
	holder_process INTEGER,                     -- number of the holder's process (src/base/holder.h), so that
	                                            -- a dead one is replaced at once; NULL: nobody
	exchange_began_at INTEGER,                  -- Zoom was sent the code then, and its answer is not here: it
	                                            -- may have voided the user's older grant; NULL: no doubt
	PRIMARY KEY (app_id, code_sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX zoom_authorizations_to_finish ON zoom_authorizations (next_attempt_at)
	WHERE next_attempt_at IS NOT NULL;
CREATE INDEX zoom_authorizations_of_connection ON zoom_authorizations (connection_id)
	WHERE connection_id IS NOT NULL;
CREATE INDEX zoom_authorizations_by_age ON zoom_authorizations (created_at);
CREATE INDEX zoom_authorizations_in_doubt ON zoom_authorizations (app_id, exchange_began_at)
	WHERE exchange_began_at IS NOT NULL;
CREATE INDEX zoom_authorizations_leased ON zoom_authorizations (app_id, lease_until)
	WHERE lease_until IS NOT NULL;
CREATE INDEX zoom_authorizations_waiting ON zoom_authorizations (app_id, exchanged_at)
	WHERE next_attempt_at IS NOT NULL;

-- Which connection hosts a meeting, from events and syncs. There is no index by age, of which each event
-- would change a page somewhere: the clean-up walks through all of the table instead.
CREATE TABLE zoom_meetings (
	meeting_id INTEGER NOT NULL,                -- Zoom's number
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	connection_id INTEGER REFERENCES zoom_oauth_connections (id) ON DELETE CASCADE,
	                                            -- NULL: forgotten; the row stays a while, lest a late event
	                                            -- bring the meeting back
	known_at INTEGER NOT NULL,                  -- when that was so, by Zoom's clock
	is_live INTEGER NOT NULL DEFAULT 0 CHECK (is_live IN (0, 1)),
	live_at INTEGER NOT NULL DEFAULT 0,         -- when is_live was so, by Zoom's clock
	PRIMARY KEY (meeting_id, app_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX zoom_meetings_of_connection ON zoom_meetings (connection_id, meeting_id);

-- Which connected users are inside a meeting, for tokens that only work while their user is there. Who
-- joins with two devices, or anew before Zoom has missed the one before, is inside more than once.
CREATE TABLE zoom_meeting_participants (
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	meeting_id INTEGER NOT NULL,
	connection_id INTEGER NOT NULL REFERENCES zoom_oauth_connections (id) ON DELETE CASCADE,
	session TEXT NOT NULL,                      -- Zoom's number of this one joining; '': it did not say
	is_present INTEGER NOT NULL CHECK (is_present IN (0, 1)),
	changed_at INTEGER NOT NULL,                -- by Zoom's clock
	PRIMARY KEY (meeting_id, app_id, connection_id, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX zoom_meeting_participants_of_connection ON zoom_meeting_participants (connection_id);
CREATE INDEX zoom_meeting_participants_by_age ON zoom_meeting_participants (changed_at);

-- What happened to an app and to its connections, for 90 days; an event that was handled is at once its
-- own line here and what tells that a repeated delivery is one. Rows are only ever added at the end, and
-- the index that finds a delivery by its event's time grows at the end, too, whoever it is for: this is
-- written more often than all the rest. Only the rows of an app that is deleted go before their time.
CREATE TABLE zoom_log (
	id INTEGER PRIMARY KEY,
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	connection_id INTEGER,                      -- NULL: it concerns the app, or nobody who is connected. No
	                                            -- reference, for which each event would read one page more
	                                            -- of its own: who removes a connection sees to it
	at INTEGER NOT NULL,
	type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 13), -- enum log_type (src/store/log_entry.h)
	name TEXT,                                  -- of an event accepted "meeting.started"; else the code of
	                                            -- what went wrong, "invalid_grant"; NULL: nothing did
	meeting_id INTEGER,                         -- of an event; NULL: it was of no meeting
	error TEXT,                                 -- for people, or Zoom's own words where it answered
	zoom_status INTEGER,                        -- HTTP status of Zoom's answer; NULL: none came
	zoom_code TEXT,                             -- Zoom's, as it sent it
	zoom_tracking_id TEXT,                      -- which Zoom's support asks for
	event_at INTEGER,                           -- Zoom's time of an event accepted, 0 where it has none
	body_hash BLOB                              -- of its raw body, which Zoom repeats byte for byte: half
	                                            -- of the SHA-256, ample among the events of one millisecond
) STRICT;
CREATE INDEX zoom_log_of_app ON zoom_log (app_id, id);
CREATE INDEX zoom_log_of_connection ON zoom_log (connection_id, id) WHERE connection_id IS NOT NULL;
CREATE UNIQUE INDEX zoom_log_by_event ON zoom_log (event_at, app_id, body_hash)
	WHERE body_hash IS NOT NULL;

-- How many events of each name an app has had; repeated deliveries do not count.
CREATE TABLE zoom_event_counts (
	app_id INTEGER NOT NULL REFERENCES zoom_oauth_apps (id) ON DELETE CASCADE,
	name TEXT NOT NULL,                         -- "meeting.started"
	count INTEGER NOT NULL,
	last_at INTEGER NOT NULL,
	PRIMARY KEY (app_id, name)
) STRICT, WITHOUT ROWID;

-- A request to attend one meeting. It goes when nothing has happened to it for 90 days.
CREATE TABLE bots (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- bot_…
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	meeting_url TEXT NOT NULL,                  -- the join link, cleaned of the host's secrets
	meeting_id INTEGER,                         -- NULL for a /my/NAME link
	personal_name TEXT,                         -- NAME of a /my/NAME link, lower case
	is_webinar_link INTEGER NOT NULL CHECK (is_webinar_link IN (0, 1)),
	bot_name TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('scheduled', 'staged', 'ready', 'joining', 'waiting_room',
		'joined_not_recording', 'joined_recording', 'joined_recording_paused',
		'joined_recording_permission_denied', 'joining_breakout_room', 'leaving_breakout_room',
		'leaving', 'post_processing', 'ended', 'fatal_error', 'data_deleted')),
	join_flow TEXT NOT NULL CHECK (join_flow IN ('token', 'standard')), -- as last decided
	join_flow_reason TEXT,                      -- why standard; NULL for token
	connection_id INTEGER REFERENCES zoom_oauth_connections (id) ON DELETE SET NULL, -- as last decided
	asked_connection_id INTEGER REFERENCES zoom_oauth_connections (id) ON DELETE SET NULL,
	                                            -- the one that the customer named
	onbehalf_user_id TEXT,                      -- Zoom user id of zoom_settings.onbehalf_token
	zoom_settings TEXT,                         -- the customer's JSON object; NULL: none was sent
	join_at INTEGER,                            -- NULL: at once
	deduplication_key TEXT,
	metadata TEXT NOT NULL,                     -- the customer's JSON object
	recording_state TEXT NOT NULL CHECK (recording_state IN ('not_started', 'in_progress', 'complete', 'failed')),
	transcription_state TEXT NOT NULL CHECK (transcription_state IN ('not_started', 'in_progress', 'complete', 'failed')),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	joined_state TEXT,                          -- the joined_… one that a breakout room returns to; NULL: in none
	onbehalf_user_timeout_s INTEGER,            -- how long it waits for its on-behalf user; NULL: it does not
	held_until INTEGER,                         -- … and until when it does so; NULL: no runner is kept waiting
	runner_id TEXT,                             -- lease: who puts it into the meeting; NULL: nobody
	lease_token_sha256 BLOB,                    -- of what the runner proves that with; the token is not kept
	lease_s INTEGER,                            -- how long a sign of life is good for
	lease_expires_at INTEGER                    -- after this the runner is taken for dead; NULL: there is nothing
	                                            -- (more) for it to do
) STRICT;
CREATE INDEX bots_of_project ON bots (project_id, id);
CREATE INDEX bots_by_state ON bots (project_id, state, id);
CREATE INDEX bots_by_join_at ON bots (project_id, join_at);
CREATE INDEX bots_by_meeting_url ON bots (project_id, meeting_url);
CREATE INDEX bots_of_connection ON bots (connection_id) WHERE connection_id IS NOT NULL;
CREATE INDEX bots_asking_for_connection ON bots (asked_connection_id) WHERE asked_connection_id IS NOT NULL;
CREATE UNIQUE INDEX bots_by_live_deduplication_key ON bots (project_id, deduplication_key)
	WHERE state NOT IN ('ended', 'fatal_error', 'data_deleted');
CREATE INDEX bots_by_deduplication_key ON bots (project_id, deduplication_key);
CREATE INDEX bots_due ON bots (project_id, coalesce(join_at, created_at))
	WHERE state IN ('scheduled', 'staged', 'ready');
CREATE INDEX bots_held ON bots (held_until, project_id)
	WHERE held_until IS NOT NULL AND state IN ('scheduled', 'staged', 'ready');
CREATE INDEX bots_leased ON bots (lease_expires_at, project_id) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX bots_by_sign_of_life ON bots ((lease_expires_at - lease_s * 1000000)) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX bots_by_age ON bots (updated_at);

-- What happened to a bot, oldest first.
CREATE TABLE bot_events (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	bot_id INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
	type TEXT NOT NULL,
	sub_type TEXT,
	metadata TEXT,                              -- JSON object
	created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX bot_events_of_bot ON bot_events (bot_id, id);

-- Addresses that a bot engine fetches tokens from without an API key: each has a secret in its path.
CREATE TABLE token_callbacks (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- tcb_…
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	engine TEXT NOT NULL CHECK (engine IN ('attendee', 'recall', 'meeting_baas', 'meetstream')),
	name TEXT,                                  -- for people
	secret_sha256 BLOB NOT NULL UNIQUE,         -- SHA-256 of the path's secret, random enough to need no salt
	signing_secret BLOB,                        -- sealed; what attendee signs with; NULL: no signature is asked for
	created_at INTEGER NOT NULL,
	use_count INTEGER NOT NULL,                 -- how often it was called, …
	last_used_at INTEGER                        -- … and when last; NULL: never
) STRICT;
CREATE INDEX token_callbacks_of_project ON token_callbacks (project_id, id);

-- Each call of such an address: the newest ones of a callback, and for a while.
CREATE TABLE token_callback_uses (
	callback_id INTEGER NOT NULL REFERENCES token_callbacks (id) ON DELETE CASCADE,
	number INTEGER NOT NULL,                    -- the callback's use_count with this one
	used_at INTEGER NOT NULL,
	address TEXT NOT NULL,                      -- which one, by its name in the API: "zak_url"
	engine_bot_id TEXT,                         -- the bot, as the engine calls it; NULL: it did not say
	meeting_id INTEGER,                         -- NULL: none was named, or it is not known
	connection_id INTEGER REFERENCES zoom_oauth_connections (id) ON DELETE SET NULL,
	                                            -- whose tokens they are; NULL: nobody's
	tokens TEXT NOT NULL,                       -- which were handed out, space separated; '': none
	outcome TEXT NOT NULL,                      -- "minted", or why a token that was wanted is not there
	status INTEGER NOT NULL,                    -- HTTP status of the answer
	PRIMARY KEY (callback_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_callback_uses_of_connection ON token_callback_uses (connection_id)
	WHERE connection_id IS NOT NULL;
CREATE INDEX token_callback_uses_by_age ON token_callback_uses (used_at);

-- Where a project's programs want to hear what happens (src/notify/notification.h).
CREATE TABLE webhooks (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- wh_…
	project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	bot_id INTEGER REFERENCES bots (id) ON DELETE CASCADE, -- it hears of this bot alone; NULL: of the project
	url TEXT NOT NULL,
	triggers TEXT NOT NULL,                     -- what it hears of, space separated
	secret BLOB NOT NULL,                       -- sealed
	former_secret BLOB,                         -- sealed; signs too until …
	former_secret_until INTEGER,                -- … then; NULL: there is none
	disabled_at INTEGER,                        -- NULL: it is told; else nothing is written or sent
	disabled_reason TEXT,                       -- for programs: 'gone', 'failing', 'by_request'
	failing_since INTEGER,                      -- nothing but failures since then; NULL: the last try worked
	failures INTEGER NOT NULL DEFAULT 0,        -- in a row, whichever deliveries they were
	pauses INTEGER NOT NULL DEFAULT 0,          -- in a row: each is longer than the one before
	paused_until INTEGER,                       -- nothing is sent before, whatever is due; NULL: no pause
	due_at INTEGER,                             -- when a worker is to look after it: something is to be sent,
	                                            -- or who holds it must be gone; NULL: there is nothing to send
	holder INTEGER,                             -- lease until due_at: number of the process that sends what
	                                            -- is due (src/base/holder.h); NULL: none does
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_of_project ON webhooks (project_id, bot_id, id);
CREATE INDEX webhooks_of_bot ON webhooks (bot_id, id) WHERE bot_id IS NOT NULL;
CREATE INDEX webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhooks_held ON webhooks (holder) WHERE holder IS NOT NULL;

-- What is to be told to one webhook, written with the change that it tells of. Of those that are about
-- the same subject only the oldest that is pending is due; the next one follows when it is done with.
CREATE TABLE webhook_deliveries (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	public_id TEXT NOT NULL UNIQUE,             -- msg_…: webhook-id and idempotency_key, the same at each try
	webhook_id INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
	trigger_name TEXT NOT NULL,                 -- "bot.state_change"
	subject TEXT NOT NULL,                      -- public id of what changed: its changes are told in order
	body TEXT NOT NULL,                         -- byte for byte as it is sent
	state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
	next_attempt_at INTEGER,                    -- NULL: it is done with, or behind another of its subject
	attempts INTEGER NOT NULL DEFAULT 0,        -- since it was written or asked for again
	last_attempt_at INTEGER,                    -- when the last one began; NULL: none yet
	last_duration_ms INTEGER,
	last_status INTEGER,                        -- HTTP status of the answer; NULL: none came
	last_answer TEXT,                           -- its first 500 bytes
	last_error TEXT,                            -- why it failed, for people; NULL: it did not
	finished_at INTEGER,                        -- delivered, or given up; NULL: pending
	created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (webhook_id, state, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at, id)
	WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_subject ON webhook_deliveries (webhook_id, subject, id)
	WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

-- Hosts of Zoom's that a process has stopped asking because they do not answer, for other processes, the
-- doctor and the metrics (src/zoom/circuit.h). A row goes with Zoom's next answer; one that is not
-- written anew for ten minutes counts for nothing.
CREATE TABLE zoom_circuits (
	host TEXT PRIMARY KEY,                      -- "api.zoom.us"
	failing_since INTEGER NOT NULL,             -- the first call in a row that failed began then
	next_probe_at INTEGER NOT NULL,             -- not asked before
	failed_probes INTEGER NOT NULL,             -- since then, and the wait grows with them
	last_error TEXT NOT NULL,                   -- for people
	updated_at INTEGER NOT NULL
) STRICT;

-- When the work that comes round by itself is due again; shared by all workers.
CREATE TABLE periodic_jobs (
	name TEXT PRIMARY KEY,
	next_at INTEGER NOT NULL
) STRICT;
