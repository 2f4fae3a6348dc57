/* refresh_try() against a real database and a scripted Zoom: every outcome, and what it leaves behind. */
#include "base/key_file.h"
#include "broker/refresh.h"
#include "store/app.h"
#include "store/authorization.h"
#include "store/refresh_attempt.h"
#include "store/transaction.h"
#include "support/http_peer.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const instant began = 1800000000 * SECOND;

enum { MEANWHILE_MS = 2000 }; /* in which others do something, however busy the machine is */

static const char new_tokens[] = "{\"access_token\":\"a1\",\"token_type\":\"bearer\","
				 "\"refresh_token\":\"r1\",\"expires_in\":3599,\"scope\":\"s\"}";
static const char invalid_grant[] = "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_grant\"}";
static const char invalid_client[] = "{\"reason\":\"Invalid client\",\"error\":\"invalid_client\"}";

static const struct peer_answer gives = {.body = new_tokens};
static const struct peer_answer refuses = {.status = "400 Bad Request", .body = invalid_grant};
static const struct peer_answer hangs_up = {.drop = PEER_DROP_AFTER_READING};

struct fixture {
	struct test_database database;
	struct arena arena;
	struct clock clock;
	struct http_peer *peer;
	struct broker broker;
	struct connection connection;
	struct zoom_failure failure;
};

static struct sealed_tokens seal(const struct fixture *fixture, const char *refresh_token)
{
	const struct zoom_token_set tokens = {.access_token = "an access token",
					      .refresh_token = refresh_token,
					      .scope = "s",
					      .expires_in_s = 3599};

	return refresh_seal(&fixture->broker, &fixture->connection, &tokens, began);
}

/* The user presses Allow: new tokens, whatever the generation was. */
static void authorize(const struct fixture *fixture, struct db *db, const char *refresh_token)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct sealed_tokens tokens = seal(fixture, refresh_token);
	struct error err;

	must(transaction_begin(&transaction, db, &err) &&
		     credentials_replace(db, TEST_ADA, &tokens, began, began + DAY, &err) &&
		     refresh_attempt_remove_all(db, TEST_ADA, &err) &&
		     transaction_commit(&transaction, &err),
	     &err);
}

static void set_client_secret(struct fixture *fixture)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error err;
	struct app app;
	bool found = false;

	must(transaction_begin(&transaction, fixture->broker.db, &err) &&
		     app_find_by_id(fixture->broker.db, &fixture->arena, TEST_APP, &found, &app,
				    &err),
	     &err);
	assert_true(found);
	const struct seal_place place = app_client_secret_place(&app);

	app.client_secret =
		keyring_seal(fixture->broker.keyring, &fixture->arena, &place, "a client secret");
	must(app_change(fixture->broker.db, &app, &err) && transaction_commit(&transaction, &err),
	     &err);
}

static void open_fixture(struct fixture *fixture, const struct peer_answer *answers, size_t count)
{
	char keys[TEST_PATH_BYTES];
	struct broker *broker = &fixture->broker;
	struct error err;
	bool found = false;

	*fixture = (struct fixture){.database = test_database_open(), .clock.frozen_at = began};
	test_rows_add(fixture->database.db);
	test_database_path(&fixture->database, "keys", keys);
	must(key_file_create(keys, &err) && keyring_open(&broker->keyring, keys, &err), &err);
	fixture->peer = http_peer_open(answers, count);
	broker->db = fixture->database.db;
	broker->arena = &fixture->arena;
	broker->clock = &fixture->clock;
	broker->holder = holder_open(fixture->database.path);
	broker->zoom = (struct zoom_endpoint){
		.client = http_client_open(),
		.clock = &fixture->clock,
		.oauth_url =
			arena_printf(&fixture->arena, "%s/oauth", http_peer_url(fixture->peer)),
		.api_url = "http://127.0.0.1:1",
		.timeout_ms = 5000,
	};
	broker->deadline_ms = clock_monotonic_ms() + 10000;
	set_client_secret(fixture);
	must(connection_find_by_id(broker->db, &fixture->arena, TEST_ADA, &found,
				   &fixture->connection, &err),
	     &err);
	assert_true(found);
	authorize(fixture, broker->db, "r0");
}

static void close_fixture(struct fixture *fixture)
{
	http_client_close(&fixture->broker.zoom.client);
	http_peer_close(&fixture->peer);
	holder_close(&fixture->broker.holder);
	keyring_close(&fixture->broker.keyring);
	test_database_release(&fixture->database);
	arena_release(&fixture->arena);
}

static struct credentials read_credentials(struct fixture *fixture)
{
	struct credentials credentials;
	struct error err;
	bool found = false;

	must(credentials_find(fixture->broker.db, &fixture->arena, TEST_ADA, &found, &credentials,
			      &err),
	     &err);
	assert_true(found);
	return credentials;
}

static enum refresh_outcome try_refresh(struct fixture *fixture)
{
	const struct credentials credentials = read_credentials(fixture);
	struct error err = {0};
	const enum refresh_outcome outcome = refresh_try(&fixture->broker, &fixture->connection,
							 &credentials, &fixture->failure, &err);

	if (err.kind != ERROR_NONE)
		fail_msg("%s", err.message);
	return outcome;
}

static void assert_stored(struct fixture *fixture, const char *refresh_token)
{
	const struct credentials stored = read_credentials(fixture);
	const struct seal_place place = credentials_refresh_token_place(&fixture->connection);
	struct error err;
	const char *text;

	must(keyring_open_sealed(fixture->broker.keyring, &fixture->arena, &place,
				 stored.refresh_token, &text, &err),
	     &err);
	assert_string_equal(text, refresh_token);
}

static int64_t count(const struct fixture *fixture, const char *sql)
{
	return test_database_number(fixture->broker.db, sql);
}

#define ATTEMPTS "SELECT count(*) FROM zoom_oauth_refresh_attempts"
#define LOST     ATTEMPTS " WHERE holder = 0"
#define ADA_IS   "SELECT count(*) FROM zoom_oauth_connections WHERE id = 1 AND "

static bool is_connected(const struct fixture *fixture)
{
	return count(fixture, ADA_IS "state = 'connected' AND failure_code IS NULL") == 1;
}

/* Another process takes the lease, notes its attempt and asks Zoom. */
static void claim_as(struct fixture *fixture, int64_t holder, instant lease_until)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct db *db = fixture->broker.db;
	const int64_t generation = read_credentials(fixture).generation;
	struct error err;
	bool claimed = false;

	must(transaction_begin(&transaction, db, &err) &&
		     credentials_claim_refresh(db, TEST_ADA, generation, holder, 0, began - MINUTE,
					       lease_until, &claimed, &err) &&
		     refresh_attempt_add(db, TEST_ADA, holder, began - MINUTE, &err) &&
		     transaction_commit(&transaction, &err),
	     &err);
	assert_true(claimed);
}

static int64_t number_of(struct holder *holder)
{
	struct error err;
	int64_t number;

	must(holder_number(holder, &number, &err), &err);
	return number;
}

/* A process that took a number and was killed. */
static int64_t number_of_the_dead(const struct fixture *fixture)
{
	int64_t number = 0;
	int tell[2], status;
	pid_t child;

	assert_int_equal(pipe(tell), 0);
	child = fork();
	if (child == 0) {
		struct holder *holder = holder_open(fixture->database.path);
		struct error err;
		int64_t own;

		if (holder_number(holder, &own, &err) && write(tell[1], &own, sizeof(own)) > 0)
			pause();
		_exit(1);
	}
	assert_int_equal(read(tell[0], &number, sizeof(number)), sizeof(number));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(tell[0]);
	close(tell[1]);
	return number;
}

static void a_new_token_is_stored_and_the_attempt_forgotten(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &gives, 1);
	assert_int_equal(try_refresh(&fixture), REFRESH_STORED);
	assert_stored(&fixture, "r1");
	assert_int_equal(read_credentials(&fixture).refresh_holder, 0);
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	assert_int_equal(http_peer_request_count(fixture.peer), 1);
	assert_non_null(strstr(http_peer_request(fixture.peer, 0), "refresh_token=r0"));
	close_fixture(&fixture);
}

/* How many attempts another program sees once Zoom has read the request. */
static void *count_attempts_meanwhile(void *argument)
{
	struct fixture *fixture = argument;
	struct db *db = test_database_connect(&fixture->database, fixture->database.gate);
	intptr_t attempts;

	while (http_peer_request_count(fixture->peer) == 0)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	attempts = (intptr_t)test_database_number(db, ATTEMPTS);
	db_close(&db);
	return (void *)attempts;
}

static void the_attempt_is_on_record_before_zoom_is_asked(void **state)
{
	const struct peer_answer answers[] = {{.body = new_tokens, .delay_ms = MEANWHILE_MS}};
	struct fixture fixture;
	pthread_t thread;
	void *attempts;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_int_equal(pthread_create(&thread, NULL, count_attempts_meanwhile, &fixture), 0);
	assert_int_equal(try_refresh(&fixture), REFRESH_STORED);
	pthread_join(thread, &attempts);
	assert_int_equal((intptr_t)attempts, 1);
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	close_fixture(&fixture);
}

static void a_token_that_zoom_takes_connects_again_who_was_taken_for_lost(void **state)
{
	const struct peer_answer answers[] = {refuses, gives};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_false(is_connected(&fixture));
	assert_int_equal(try_refresh(&fixture), REFRESH_STORED);
	assert_true(is_connected(&fixture));
	close_fixture(&fixture);
}

/* Somebody who authorizes while Zoom is being asked, once it has read the request. */
static void *authorize_meanwhile(void *argument)
{
	struct fixture *fixture = argument;
	struct db *db = test_database_connect(&fixture->database, fixture->database.gate);
	struct fixture own = *fixture; /* an arena is one thread's */

	own.arena = (struct arena){0};
	own.broker.arena = &own.arena;
	while (http_peer_request_count(fixture->peer) == 0)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	authorize(&own, db, "r of the new grant");
	db_close(&db);
	arena_release(&own.arena);
	return NULL;
}

static void check_superseded(const struct peer_answer *answer)
{
	struct fixture fixture;
	pthread_t thread;

	open_fixture(&fixture, answer, 1);
	assert_int_equal(pthread_create(&thread, NULL, authorize_meanwhile, &fixture), 0);
	assert_int_equal(try_refresh(&fixture), REFRESH_SUPERSEDED);
	pthread_join(thread, NULL);
	assert_stored(&fixture, "r of the new grant");
	assert_true(is_connected(&fixture));
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	close_fixture(&fixture);
}

static void an_answer_is_dropped_where_the_user_has_authorized_meanwhile(void **state)
{
	const struct peer_answer answer = {.body = new_tokens, .delay_ms = MEANWHILE_MS};

	(void)state;
	check_superseded(&answer);
}

static void a_refusal_is_dropped_where_the_user_has_authorized_meanwhile(void **state)
{
	const struct peer_answer answer = {.status = refuses.status,
					   .body = refuses.body,
					   .delay_ms = MEANWHILE_MS};

	(void)state;
	check_superseded(&answer);
}

static void who_finds_the_lease_taken_asks_nobody(void **state)
{
	struct fixture fixture;
	struct holder *other;

	(void)state;
	open_fixture(&fixture, &gives, 1);
	other = holder_open(fixture.database.path);
	claim_as(&fixture, number_of(other), began + SECOND);
	assert_int_equal(try_refresh(&fixture), REFRESH_LEASED);
	assert_int_equal(http_peer_request_count(fixture.peer), 0);
	assert_int_equal(read_credentials(&fixture).refresh_holder, number_of(other));
	holder_close(&other);
	close_fixture(&fixture);
}

static void a_lease_that_has_run_out_is_taken_over_from_the_living(void **state)
{
	struct fixture fixture;
	struct holder *other;

	(void)state;
	open_fixture(&fixture, &gives, 1);
	other = holder_open(fixture.database.path);
	claim_as(&fixture, number_of(other), began - SECOND);
	assert_int_equal(try_refresh(&fixture), REFRESH_STORED);
	assert_stored(&fixture, "r1");
	holder_close(&other);
	close_fixture(&fixture);
}

static void a_lease_is_taken_over_from_the_dead_at_once(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &gives, 1);
	claim_as(&fixture, number_of_the_dead(&fixture), began + HOUR);
	assert_int_equal(try_refresh(&fixture), REFRESH_STORED);
	assert_stored(&fixture, "r1");
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	close_fixture(&fixture);
}

static void a_refusal_that_nothing_else_explains_disconnects(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_GRANT);
	assert_int_equal(count(&fixture, ADA_IS "state = 'disconnected' AND failure_code = "
						"'invalid_grant'"),
			 1);
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	assert_stored(&fixture, "r0");
	close_fixture(&fixture);
}

static void a_refusal_is_in_doubt_while_a_living_process_may_have_the_new_token(void **state)
{
	struct fixture fixture;
	struct holder *other;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	other = holder_open(fixture.database.path);
	claim_as(&fixture, number_of(other), began - SECOND);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_true(is_connected(&fixture));
	assert_int_equal(count(&fixture, LOST), 0);
	assert_true(count(&fixture, "SELECT next_refresh_at FROM zoom_oauth_credentials") <=
		    began + MINUTE);

	/* It dies, so that its answer will never come: now it is known. */
	holder_close(&other);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_GRANT);
	assert_int_equal(count(&fixture, ADA_IS "failure_code = 'refresh_interrupted'"), 1);
	close_fixture(&fixture);
}

/* An authorization of somebody's, which began at `at` and is the process's, with Zoom's tokens or not yet. */
static void open_authorization(const struct fixture *fixture, int64_t process, instant at,
			       bool has_tokens)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct authorization_lease lease = {"one", process, 0, began + MINUTE};
	struct authorization code = {.app_id = TEST_APP, .public_id = "zauth_a", .request = "{}"};
	struct db *db = fixture->broker.db;
	struct error err;
	bool claimed = false;

	must(transaction_begin(&transaction, db, &err) &&
		     authorization_claim(db, &code, &lease, at, &claimed, &err),
	     &err);
	assert_true(claimed);
	code.exchanged_at = at;
	must((!has_tokens || authorization_store_tokens(db, &code, at + MINUTE, &err)) &&
		     transaction_commit(&transaction, &err),
	     &err);
}

static void is_in_doubt(struct fixture *fixture)
{
	/* Nobody has time to wait for it. */
	fixture->broker.deadline_ms = clock_monotonic_ms();
	assert_int_equal(try_refresh(fixture), REFRESH_FAILED);
	assert_int_equal(fixture->failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_true(is_connected(fixture));
	assert_int_equal(count(fixture, ATTEMPTS), 0);
	assert_true(count(fixture, "SELECT next_refresh_at FROM zoom_oauth_credentials") <=
		    began + MINUTE);
}

static void disconnects_at_once(struct fixture *fixture)
{
	fixture->broker.deadline_ms = clock_monotonic_ms() + MINUTE / MILLISECOND;
	assert_int_equal(try_refresh(fixture), REFRESH_FAILED);
	assert_int_equal(fixture->failure.class, ZOOM_FAILURE_GRANT);
	assert_false(is_connected(fixture));
}

static void a_refusal_is_in_doubt_while_an_authorization_is_under_way(void **state)
{
	struct fixture fixture;
	struct holder *other;

	(void)state;
	for (int has_tokens = 0; has_tokens <= 1; has_tokens++) {
		open_fixture(&fixture, &refuses, 1);
		other = holder_open(fixture.database.path);
		open_authorization(&fixture, number_of(other), began, has_tokens);
		is_in_doubt(&fixture);
		fixture.clock.frozen_at = began + MINUTE; /* its lease is over, … */
		is_in_doubt(&fixture);
		/* … and the worker had its time; what it cannot finish keeps nothing in doubt for ever */
		fixture.clock.frozen_at += has_tokens ? HOUR : MINUTE;
		disconnects_at_once(&fixture);
		holder_close(&other);
		close_fixture(&fixture);
	}
}

static void a_refusal_is_in_doubt_while_tokens_of_the_dead_are_left(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	open_authorization(&fixture, number_of_the_dead(&fixture), began, true);
	is_in_doubt(&fixture);
	fixture.clock.frozen_at = began + HOUR - 1;
	is_in_doubt(&fixture);
	fixture.clock.frozen_at = began + HOUR;
	disconnects_at_once(&fixture);
	close_fixture(&fixture);
}

static void an_authorization_that_died_before_its_answer_keeps_nothing_in_doubt(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	open_authorization(&fixture, number_of_the_dead(&fixture), began, false);
	disconnects_at_once(&fixture);
	close_fixture(&fixture);
}

static void an_authorization_that_began_after_the_refusal_has_nothing_to_do_with_it(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	open_authorization(&fixture, number_of(fixture.broker.holder), began + 1, false);
	disconnects_at_once(&fixture);
	close_fixture(&fixture);
}

static void a_refusal_after_a_holder_died_says_since_when(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	claim_as(&fixture, number_of_the_dead(&fixture), began + HOUR);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_GRANT);
	/* claim_as() began a minute before 2027-01-15T08:00:00Z. */
	assert_int_equal(count(&fixture,
			       ADA_IS "state = 'disconnected' AND "
				      "failure_code = 'refresh_interrupted' AND failure_error LIKE "
				      "'%began at 2027-01-15T07:59:00.000000Z%Invalid Token!%'"),
			 1);
	close_fixture(&fixture);
}

static void an_answer_that_got_lost_is_remembered_until_the_next_success(void **state)
{
	const struct peer_answer answers[] = {hangs_up, gives, refuses};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 3);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_true(is_connected(&fixture));
	assert_int_equal(count(&fixture, LOST), 1);
	assert_int_equal(read_credentials(&fixture).refresh_holder, 0);
	assert_int_equal(try_refresh(&fixture), REFRESH_STORED);
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(count(&fixture, ADA_IS "failure_code = 'invalid_grant'"), 1);
	close_fixture(&fixture);
}

static void a_refusal_after_an_answer_got_lost_says_so(void **state)
{
	const struct peer_answer answers[] = {hangs_up, refuses};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(count(&fixture, ADA_IS "failure_code = 'refresh_interrupted'"), 1);
	close_fixture(&fixture);
}

static void an_attempt_of_ones_own_that_was_left_open_counts_as_lost(void **state)
{
	struct fixture fixture;
	struct error err;
	int64_t number;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	must(holder_begin(fixture.broker.holder, &number, &err), &err);
	claim_as(&fixture, number, began + HOUR);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(count(&fixture, ADA_IS "failure_code = 'refresh_interrupted'"), 1);
	close_fixture(&fixture);
}

static void an_attempt_that_a_living_process_has_given_up_keeps_nothing_in_doubt(void **state)
{
	struct fixture fixture;
	struct holder *other;
	struct error err;
	int64_t number;

	(void)state;
	open_fixture(&fixture, &refuses, 1);
	other = holder_open(fixture.database.path);
	must(holder_begin(other, &number, &err), &err);
	claim_as(&fixture, number, began + HOUR);
	assert_int_equal(try_refresh(&fixture), REFRESH_LEASED);
	holder_end(other, number);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(count(&fixture, ADA_IS "failure_code = 'refresh_interrupted'"), 1);
	holder_close(&other);
	close_fixture(&fixture);
}

/* From Zoom's having read the request on no file of ours can grow, and so nothing be stored, for so long. */
enum { FULL_S = 12 };

static void *fill_the_disk_meanwhile(void *argument)
{
	const struct fixture *fixture = argument;
	struct rlimit usual, full;

	while (http_peer_request_count(fixture->peer) == 0)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	full = usual;
	full.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	sleep(FULL_S);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	return NULL;
}

static void an_answer_is_kept_in_hand_until_there_is_room_for_it(void **state)
{
	const struct peer_answer answers[] = {{.body = new_tokens, .delay_ms = 500}};
	const int64_t started_ms = clock_monotonic_ms();
	struct credentials credentials;
	struct fixture fixture;
	struct error of_tries; /* that came before the one that worked */
	pthread_t thread;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	open_fixture(&fixture, answers, 1);
	credentials = read_credentials(&fixture);
	assert_int_equal(pthread_create(&thread, NULL, fill_the_disk_meanwhile, &fixture), 0);
	assert_int_equal(refresh_try(&fixture.broker, &fixture.connection, &credentials,
				     &fixture.failure, &of_tries),
			 REFRESH_STORED);
	assert_true(clock_monotonic_ms() - started_ms >= FULL_S * 1000);
	assert_stored(&fixture, "r1");
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	pthread_join(thread, NULL);
	close_fixture(&fixture);
}

static void what_was_not_sent_leaves_nothing_in_doubt(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &gives, 1);
	fixture.broker.zoom.oauth_url = "http://127.0.0.1:1/oauth";
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	assert_int_equal(read_credentials(&fixture).refresh_holder, 0);
	assert_true(is_connected(&fixture));
	close_fixture(&fixture);
}

static void what_a_gateway_says_leaves_open_what_zoom_did(void **state)
{
	const struct peer_answer answers[] = {{.status = "502 Bad Gateway", .body = "<html>"}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_int_equal(count(&fixture, LOST), 1);
	assert_true(is_connected(&fixture));
	close_fixture(&fixture);
}

static void a_rate_limit_is_an_answer_and_leaves_nothing_in_doubt(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "429 Too Many Requests", .body = "{\"code\":429,\"message\":\"slow\"}"}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_RATE_LIMITED);
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	assert_true(is_connected(&fixture));
	close_fixture(&fixture);
}

static void a_refused_app_is_marked_and_no_user_is(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "401 Unauthorized", .body = invalid_client}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_int_equal(try_refresh(&fixture), REFRESH_FAILED);
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_CLIENT);
	assert_true(is_connected(&fixture));
	assert_int_equal(count(&fixture, ATTEMPTS), 0);
	assert_int_equal(
		count(&fixture,
		      "SELECT id FROM zoom_oauth_apps WHERE state = 'credentials_invalid'"),
		TEST_APP);
	close_fixture(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_token_is_stored_and_the_attempt_forgotten),
		cmocka_unit_test(the_attempt_is_on_record_before_zoom_is_asked),
		cmocka_unit_test(a_token_that_zoom_takes_connects_again_who_was_taken_for_lost),
		cmocka_unit_test(an_answer_is_dropped_where_the_user_has_authorized_meanwhile),
		cmocka_unit_test(a_refusal_is_dropped_where_the_user_has_authorized_meanwhile),
		cmocka_unit_test(who_finds_the_lease_taken_asks_nobody),
		cmocka_unit_test(a_lease_that_has_run_out_is_taken_over_from_the_living),
		cmocka_unit_test(a_lease_is_taken_over_from_the_dead_at_once),
		cmocka_unit_test(a_refusal_that_nothing_else_explains_disconnects),
		cmocka_unit_test(
			a_refusal_is_in_doubt_while_a_living_process_may_have_the_new_token),
		cmocka_unit_test(a_refusal_is_in_doubt_while_an_authorization_is_under_way),
		cmocka_unit_test(a_refusal_is_in_doubt_while_tokens_of_the_dead_are_left),
		cmocka_unit_test(
			an_authorization_that_died_before_its_answer_keeps_nothing_in_doubt),
		cmocka_unit_test(
			an_authorization_that_began_after_the_refusal_has_nothing_to_do_with_it),
		cmocka_unit_test(a_refusal_after_a_holder_died_says_since_when),
		cmocka_unit_test(an_answer_that_got_lost_is_remembered_until_the_next_success),
		cmocka_unit_test(a_refusal_after_an_answer_got_lost_says_so),
		cmocka_unit_test(an_attempt_of_ones_own_that_was_left_open_counts_as_lost),
		cmocka_unit_test(
			an_attempt_that_a_living_process_has_given_up_keeps_nothing_in_doubt),
		cmocka_unit_test(an_answer_is_kept_in_hand_until_there_is_room_for_it),
		cmocka_unit_test(what_was_not_sent_leaves_nothing_in_doubt),
		cmocka_unit_test(what_a_gateway_says_leaves_open_what_zoom_did),
		cmocka_unit_test(a_rate_limit_is_an_answer_and_leaves_nothing_in_doubt),
		cmocka_unit_test(a_refused_app_is_marked_and_no_user_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
