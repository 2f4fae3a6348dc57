/* What a process opens once and its threads share. */
#ifndef SERVE_PROCESS_H
#define SERVE_PROCESS_H

#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/flight.h"
#include "base/holder.h"
#include "base/keyring.h"
#include "base/log.h"
#include "base/tally.h"
#include "http/client.h"
#include "serve/sandbox.h"
#include "serve/uptime.h"
#include "store/app_cache.h"
#include "store/db.h"
#include "zoom/circuits.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct process {
	struct config config;
	struct clock clock;
	struct log log;
	struct keyring *keyring;
	struct http_client *http_client;
	struct flights *flights;   /* refreshes under way, by connection */
	struct holder *holder;     /* tells other processes that this one lives */
	struct tallies *tallies;   /* what is counted for /metrics, with the other processes */
	struct circuits *circuits; /* which hosts of Zoom's are not asked at the moment */
	struct db_gate *gate;
	struct app_cache *app_cache; /* for events */
	struct uptime *uptime;       /* NULL: it comes for a request or a run alone */
};

/*
 * Reads the configuration and the key file. `program` is for the log and must outlive the process.
 * ERROR_INVALID names the file, the line and the key.
 */
bool process_open(struct process *process, const char *program, char *const *environment,
		  struct error *err) MUST_CHECK;

/* Safe on a process that is all zero, and on one that could not be opened. */
void process_close(struct process *process);

/*
 * Enters the sandbox, before there is another thread. Where that cannot be the log says why, at that
 * level, and the program goes on without: it is a second fence.
 */
void process_enter_sandbox(const struct process *process, const struct sandbox_role *role,
			   enum log_level level);

/*
 * What a crowd of threads has left behind, when so many of them are left: connections to Zoom above that number,
 * and what the C library keeps.
 */
void process_give_memory_back(const struct process *process, size_t threads_left);

/*
 * What asks a process to end. All of its threads block these, and one of them listens, so that it ends when it has
 * finished what it has begun: a refresh that is cut off may cost the user.
 */
sigset_t process_ending_signals(void);

/* It lives on from now on. */
void process_begin_uptime(struct process *process);

/* The last word of a program that cannot start: one line on standard error. Returns the exit status 1. */
int process_refuse(const char *program, const struct error *err);

/* Opens the configured database and refuses a schema version that is not this program's. */
bool process_open_db(const struct process *process, struct db **db, struct error *err) MUST_CHECK;

#endif
