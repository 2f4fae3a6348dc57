/*
 * What a program can still do once it is in its sandbox, tried in a child for each role; and again as
 * under older kernels, of whose versions of Landlock nothing newer is asked.
 */
#include "serve/sandbox.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOT_ENTERED = 255, PATH_BYTES = 128 };

static const struct sandbox_role calls_nobody = {0}, calls_out = {.calls_out = true},
				 rotates = {.replaces_keys = true};
static const struct sandbox_role *const roles[] = {&calls_nobody, &calls_out, &rotates};

/* A folder with data/, keys/, elsewhere/ and files in them, made anew for each case. */
static char folder[PATH_BYTES];
static struct config config;

static const char *in(const char *name)
{
	static char paths[4][2 * PATH_BYTES];
	static unsigned next;
	char *path = paths[next++ % COUNT_OF(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void make_file(const char *path)
{
	const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(file >= 0);
	close(file);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/hallpass-sandbox-XXXXXX");
	if (mkdtemp(folder) == NULL || mkdir(in("data"), 0700) != 0 ||
	    mkdir(in("keys"), 0700) != 0 || mkdir(in("elsewhere"), 0700) != 0)
		return -1;
	make_file(in("data/hallpass.db"));
	make_file(in("keys/encryption.keys"));
	make_file(in("elsewhere/file"));
	snprintf(config.database, sizeof(config.database), "%s/data/hallpass.db", folder);
	snprintf(config.encryption_key_file, sizeof(config.encryption_key_file),
		 "%s/keys/encryption.keys", folder);
	return 0;
}

static int remove_all(void **state)
{
	const pid_t child = fork();

	(void)state;
	if (child == 0) {
		execlp("rm", "rm", "-rf", folder, NULL);
		_exit(1);
	}
	return waitpid(child, NULL, 0) == child ? 0 : -1;
}

/* 0, or the errno of what was refused. */
typedef int try(void);

static int tried(bool worked)
{
	return worked ? 0 : errno;
}

static int open_and_close(const char *path, int flags)
{
	const int file = open(path, flags | O_CLOEXEC, 0600);

	return file < 0 ? errno : tried(close(file) == 0);
}

/* What it comes to in a process that has entered the sandbox. */
static int outcome(const struct sandbox_role *role, int version, try *deed)
{
	const pid_t child = fork();
	int status;

	if (child == 0) {
		struct error err;

		if (!sandbox_enter(&config, role, version, &err)) {
			print_error("%s\n", err.message);
			_exit(NOT_ENTERED);
		}
		_exit(deed());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), NOT_ENTERED);
	return WEXITSTATUS(status);
}

/* The kernel's version, when it is that one or a later one; the case is skipped otherwise. */
static int version_from(int needed)
{
	const int version = sandbox_version();

	if (version < needed) {
		print_message("this kernel says %d to Landlock, and %d is needed\n", version,
			      needed);
		skip();
	}
	return version;
}

static void expect(const struct sandbox_role *role, try *deed, int expected)
{
	assert_int_equal(outcome(role, version_from(1), deed), expected);
}

/* Whatever the role, and by whatever version of Landlock there may be. */
static void expect_always(try *deed, int expected)
{
	const int version = version_from(1);

	for (size_t i = 0; i < COUNT_OF(roles); i++)
		for (int old = 1; old <= version; old++)
			assert_int_equal(outcome(roles[i], old, deed), expected);
}

/* What SQLite and base/tally, base/holder and base/doorbell do. */
static int live_on_the_database_folder(void)
{
	const char *from = in("data/hallpass.db-metrics.draft"),
		   *to = in("data/hallpass.db-metrics");
	int failure = open_and_close(from, O_RDWR | O_CREAT | O_EXCL);

	if (failure != 0 || (failure = open_and_close(from, O_RDWR | O_TRUNC)) != 0 ||
	    (failure = open_and_close(config.database, O_RDWR)) != 0 ||
	    (failure = open_and_close(in("data"), O_RDONLY | O_DIRECTORY)) != 0)
		return failure;
	return tried(link(from, to) == 0 && rename(from, to) == 0 && unlink(from) == 0 &&
		     truncate(config.database, 1) == 0 && unlink(to) == 0 &&
		     mkfifo(in("data/hallpass.db-doorbell"), 0600) == 0 &&
		     unlink(in("data/hallpass.db-doorbell")) == 0);
}

static void the_database_folder_is_written_as_ever(void **state)
{
	(void)state;
	expect_always(live_on_the_database_folder, 0);
}

static int read_keys(void)
{
	return open_and_close(config.encryption_key_file, O_RDONLY);
}

static int write_keys(void)
{
	return open_and_close(config.encryption_key_file, O_WRONLY);
}

static int make_keys(void)
{
	return open_and_close(in("keys/encryption.keys.new"), O_WRONLY | O_CREAT);
}

static int replace_keys(void)
{
	const int failure = make_keys();

	return failure != 0 ? failure
			    : tried(rename(in("keys/encryption.keys.new"),
					   config.encryption_key_file) == 0);
}

static void keys_are_read_and_only_who_rotates_them_writes_there(void **state)
{
	(void)state;
	expect_always(read_keys, 0);
	expect(&calls_nobody, write_keys, EACCES);
	expect(&calls_nobody, make_keys, EACCES);
	expect(&calls_out, write_keys, EACCES);
	expect(&calls_out, make_keys, EACCES);
	expect(&rotates, replace_keys, 0);
}

static int read_elsewhere(void)
{
	return open_and_close(in("elsewhere/file"), O_RDONLY);
}

static int write_elsewhere(void)
{
	return open_and_close(in("elsewhere/new"), O_WRONLY | O_CREAT);
}

static int read_elsewhere_by_a_link(void)
{
	return open_and_close(in("data/link"), O_RDONLY);
}

static int read_what_is_told_of_a_process(void)
{
	return open_and_close("/proc/self/environ", O_RDONLY);
}

static void nothing_else_is_read_or_written(void **state)
{
	(void)state;
	assert_int_equal(symlink(in("elsewhere/file"), in("data/link")), 0);
	expect_always(read_elsewhere, EACCES);
	expect_always(write_elsewhere, EACCES);
	expect_always(read_elsewhere_by_a_link, EACCES);
	expect_always(read_what_is_told_of_a_process, EACCES);
}

static int run_a_program(void)
{
	char *const arguments[] = {"true", NULL};

	execv("/usr/bin/true", arguments);
	return errno;
}

static int gain_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM : 0;
}

static void no_program_is_started_and_no_privilege_gained(void **state)
{
	(void)state;
	expect_always(run_a_program, EACCES);
	expect_always(gain_privileges, EPERM);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* Somebody of this machine who accepts connections. */
static int listener;
static struct sockaddr_in listening;

static void listen_on_loopback(void)
{
	socklen_t size = sizeof(listening);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	listening = loopback(0);
	assert_int_equal(bind(listener, (struct sockaddr *)&listening, size), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&listening, &size), 0);
}

static int connect_by_tcp(void)
{
	const int from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return tried(connect(from, (struct sockaddr *)&listening, sizeof(listening)) == 0);
}

static int take_a_port(void)
{
	const struct sockaddr_in any = loopback(0);
	const int taker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return tried(bind(taker, (const struct sockaddr *)&any, sizeof(any)) == 0);
}

static void only_who_calls_others_connects_and_nobody_takes_a_port(void **state)
{
	(void)state;
	version_from(4);
	listen_on_loopback();
	expect(&calls_nobody, connect_by_tcp, EACCES);
	expect(&rotates, connect_by_tcp, EACCES);
	expect(&calls_out, connect_by_tcp, 0);
	expect(&calls_nobody, take_a_port, EACCES);
	expect(&calls_out, take_a_port, EACCES);
	assert_int_equal(outcome(&calls_nobody, 3, connect_by_tcp), 0);
	close(listener);
}

static int signal_the_parent(void)
{
	return tried(kill(getppid(), 0) == 0);
}

static struct sockaddr_un abstract;

static int connect_to_an_abstract_socket(void)
{
	const int from = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return tried(connect(from, (struct sockaddr *)&abstract, sizeof(abstract)) == 0);
}

static void no_process_outside_is_reached_by_signals_or_abstract_sockets(void **state)
{
	const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	version_from(6);
	abstract = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "hallpass-%d",
		 (int)getpid());
	assert_int_equal(bind(server, (struct sockaddr *)&abstract, sizeof(abstract)), 0);
	assert_int_equal(listen(server, 5), 0);
	expect(&calls_nobody, signal_the_parent, EPERM);
	expect(&calls_out, signal_the_parent, EPERM);
	expect(&calls_nobody, connect_to_an_abstract_socket, EPERM);
	expect(&calls_out, connect_to_an_abstract_socket, EPERM);
	assert_int_equal(outcome(&calls_out, 5, signal_the_parent), 0);
	close(server);
}

static int load_libraries(void)
{
	return dlopen("libcrypto.so.3", RTLD_NOW) != NULL &&
			       dlopen("libcurl.so.4", RTLD_NOW) != NULL
		       ? 0
		       : ELIBACC;
}

static int look_a_name_up(void)
{
	struct addrinfo *found;

	return getaddrinfo("localhost", "443", NULL, &found) == 0 ? 0 : ENOENT;
}

static int read_the_name_servers(void)
{
	return open_and_close("/etc/resolv.conf", O_RDONLY);
}

static int read_the_certificates(void)
{
	return open_and_close("/etc/ssl/certs/ca-certificates.crt", O_RDONLY);
}

static int read_randomness(void)
{
	return open_and_close("/dev/urandom", O_RDONLY);
}

static int read_the_users(void)
{
	return open_and_close("/etc/passwd", O_RDONLY);
}

static void what_libraries_need_is_there(void **state)
{
	(void)state;
	expect_always(load_libraries, 0);
	expect_always(read_randomness, 0);
	expect(&calls_out, look_a_name_up, 0);
	expect(&calls_out, read_the_name_servers, 0);
	expect(&calls_out, read_the_certificates, 0);
	expect(&calls_nobody, read_the_users, EACCES);
	expect(&calls_nobody, read_the_name_servers, EACCES);
}

static int write_beside_a_linked_database(void)
{
	const int failure = open_and_close(in("data/hallpass.db-holders"), O_RDWR | O_CREAT);

	return failure != 0 ? failure
			    : open_and_close(in("elsewhere/linked.db-wal"), O_RDWR | O_CREAT);
}

static void a_database_that_is_a_link_has_both_folders(void **state)
{
	(void)state;
	assert_int_equal(rename(config.database, in("elsewhere/linked.db")), 0);
	assert_int_equal(symlink("../elsewhere/linked.db", config.database), 0);
	expect_always(write_beside_a_linked_database, 0);
}

static void who_reads_a_file_may_read_that_one_alone(void **state)
{
	struct sandbox_role role = {.reads = in("elsewhere/file")};

	(void)state;
	expect(&calls_nobody, read_elsewhere, EACCES);
	expect(&role, read_elsewhere, 0);
	expect(&role, write_elsewhere, EACCES);
}

static int write_a_copy(void)
{
	return open_and_close(in("elsewhere/copy.db"), O_RDWR | O_CREAT | O_EXCL);
}

static void who_writes_a_file_may_make_it(void **state)
{
	struct sandbox_role role = {.writes = in("elsewhere/copy.db")};

	(void)state;
	expect(&calls_nobody, write_a_copy, EACCES);
	expect(&role, write_a_copy, 0);
}

/* Tried in a child, for what it does to a process stays. */
static void expect_no_sandbox(int version, const char *why)
{
	const pid_t child = fork();
	int status;

	if (child == 0) {
		struct error err = {0};
		const bool entered = sandbox_enter(&config, &calls_nobody, version, &err);

		print_message("%s\n", err.message);
		_exit(!entered && strstr(err.message, why) != NULL && gain_privileges() == EPERM &&
				      read_elsewhere() == 0
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void where_there_is_no_landlock_the_program_goes_on_and_knows_why(void **state)
{
	(void)state;
	expect_no_sandbox(-ENOSYS, "this kernel has no Landlock");
	expect_no_sandbox(-EOPNOTSUPP, "not switched on");
	expect_no_sandbox(-EPERM, "does not let programs use Landlock: Operation not permitted");
}

static void without_the_folder_of_the_database_there_is_no_sandbox(void **state)
{
	(void)state;
	version_from(1);
	assert_int_equal(rename(in("data"), in("moved")), 0);
	expect_no_sandbox(sandbox_version(), in("data: No such file or directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, remove_all)
		CASE(the_database_folder_is_written_as_ever),
		CASE(keys_are_read_and_only_who_rotates_them_writes_there),
		CASE(nothing_else_is_read_or_written),
		CASE(no_program_is_started_and_no_privilege_gained),
		CASE(only_who_calls_others_connects_and_nobody_takes_a_port),
		CASE(no_process_outside_is_reached_by_signals_or_abstract_sockets),
		CASE(what_libraries_need_is_there),
		CASE(a_database_that_is_a_link_has_both_folders),
		CASE(who_reads_a_file_may_read_that_one_alone),
		CASE(who_writes_a_file_may_make_it),
		CASE(where_there_is_no_landlock_the_program_goes_on_and_knows_why),
		CASE(without_the_folder_of_the_database_there_is_no_sandbox),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
