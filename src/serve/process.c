#include "serve/process.h"

#include "base/crypto.h"
#include "base/secret_memory.h"
#include "store/db_gate.h"
#include "store/migrate.h"

#include <ctype.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* With one for each of 8 × processors, as it comes, threads by the hundred leave memory scattered. */
enum { MALLOC_ARENAS = 2, FILES_MAX = 16384 };

/* A thread that waits for Zoom has two, one that is parked has one: more than the usual 1024 in all. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			perror("setrlimit(RLIMIT_NOFILE)");
	}
}

bool process_open(struct process *process, const char *program, char *const *environment,
		  struct error *err)
{
	size_t seed;

	*process = (struct process){0};
	secret_memory_forbid_core_dumps();
	allow_many_files();
	mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	/* JSON values hold secrets and tokens on their way through. */
	json_set_alloc_funcs(malloc, secret_memory_free);
	/* By itself it opens a device for this, once in each process. */
	random_bytes(&seed, sizeof(seed));
	json_object_seed(seed);
	if (!config_read(&process->config, environment, err) ||
	    !keyring_open(&process->keyring, process->config.encryption_key_file, err))
		return false;
	process->log =
		(struct log){(enum log_level)process->config.log_level,
			     (enum log_format)process->config.log_format, program, &process->clock};
	process->http_client = http_client_open();
	process->flights = flights_open();
	process->circuits = circuits_open();
	process->holder = holder_open(process->config.database);
	process->tallies = tallies_open(process->config.database);
	process->gate = db_gate_open();
	process->app_cache = app_cache_open();
	return true;
}

/* Whoever stops it should know that it has not hung. */
static void say_what_it_waits_for(const struct process *process)
{
	const struct log_field fields[] = {{NULL, NULL, 0}};

	if (process->flights != NULL && flights_are_under_way(process->flights))
		log_write(&process->log, LOG_INFO, "ends when the refreshes under way are stored",
			  fields);
}

void process_close(struct process *process)
{
	say_what_it_waits_for(process);
	/* First: a refresh that is still under way has use for the others. */
	flights_close(&process->flights);
	uptime_close(&process->uptime);
	app_cache_close(&process->app_cache);
	db_gate_close(&process->gate);
	tallies_close(&process->tallies);
	holder_close(&process->holder);
	circuits_close(&process->circuits);
	http_client_close(&process->http_client);
	keyring_close(&process->keyring);
}

void process_enter_sandbox(const struct process *process, const struct sandbox_role *role,
			   enum log_level level)
{
	const int version = sandbox_version();
	struct error err = {0};
	const bool is_entered = sandbox_enter(&process->config, role, version, &err);
	const struct log_field fields[] = {
		{"landlock", NULL, version > 0 ? version : 0},
		{is_entered ? NULL : "error", err.message, 0},
		{NULL, NULL, 0},
	};

	log_write(&process->log, is_entered ? LOG_DEBUG : level,
		  is_entered ? "sandbox" : "no sandbox", fields);
}

/* Who was started by nohup, or as it does it, stays when the terminal closes. */
static bool minds_terminal(void)
{
	struct sigaction action;

	return sigaction(SIGHUP, NULL, &action) != 0 || action.sa_handler != SIG_IGN;
}

sigset_t process_ending_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (minds_terminal())
		sigaddset(&signals, SIGHUP);
	return signals;
}

void process_begin_uptime(struct process *process)
{
	process->uptime = uptime_open(clock_now(&process->clock), clock_monotonic_ms());
}

void process_give_memory_back(const struct process *process, size_t threads_left)
{
	http_client_close_idle(process->http_client, threads_left);
	malloc_trim(0);
}

int process_refuse(const char *program, const struct error *err)
{
	char message[ERROR_MESSAGE_BYTES];

	/* One line, whatever the words that it quotes. */
	snprintf(message, sizeof(message), "%s", err->message);
	for (char *c = message; *c != '\0'; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	fprintf(stderr, "%s: %s\n", program, message);
	return EXIT_FAILURE;
}

bool process_open_db(const struct process *process, struct db **db, struct error *err)
{
	struct db *opened;

	if (!db_open(&opened, process->config.database, process->gate, err))
		return false;
	if (!migrate_check(opened, err)) {
		db_close(&opened);
		return false;
	}
	*db = opened;
	return true;
}
