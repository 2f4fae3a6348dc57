#include "serve/responder.h"

#include "base/thread_stack.h"
#include "serve/cgi_relay.h"
#include "serve/exchange.h"
#include "serve/intake.h"
#include "serve/parking.h"
#include "serve/process.h"
#include "serve/seats.h"
#include "serve/zoom_circuits.h"
#include "store/db_gate.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

enum {
	LISTEN_SOCKET = 0,
	NO_SOCKET = -1,
};

/* A request that was accepted. It may outlive the thread's turn: see serve/parking.h. */
struct visit {
	FCGX_Request fcgi;
	struct exchange exchange;
	bool is_broken; /* what is read or written no longer arrives */
	struct parked parked;
};

/*
 * What the threads of a process share: see serve/seats.h for who accepts, and serve/parking.h for who waits for
 * Zoom.
 *
 * What is only to be stored is added to the group, which one thread commits; it calls another one to lead
 * the next group, and answers. So a thread that takes in such requests keeps the turn, and none has to be
 * woken for each of them.
 */
struct responder {
	const struct process *process;
	const struct route *routes;
	size_t route_count;
	struct intake intake;
	struct seats seats;
	struct group_queue group; /* of visits */
	struct parking parking;   /* of visits */
};

static bool read_fcgi(void *source, char *bytes, size_t size)
{
	FCGX_Request *fcgi = source;

	return FCGX_GetStr(bytes, (int)size, fcgi->in) == (int)size;
}

/*
 * The end of the body is read as well, lest it be taken for the start of the next request; where it does not
 * come the connection is closed. The buffer is then no request's any more: half of what libfcgi has of each.
 */
static void finish_reading(struct visit *visit)
{
	FCGX_Request *fcgi = &visit->fcgi;
	char rest[1024];

	if (fcgi->in == NULL)
		return;
	while (fcgi->keepConnection &&
	       FCGX_GetStr(rest, sizeof(rest), fcgi->in) == (int)sizeof(rest))
		;
	visit->is_broken = FCGX_GetError(fcgi->in) != 0;
	FCGX_FreeStream(&fcgi->in);
}

/* As FCGX_Finish_r() does, which takes a request without its input for one that was answered. */
static void finish(struct responder *responder, struct visit *visit)
{
	FCGX_Request *fcgi = &visit->fcgi;

	finish_reading(visit);
	visit->is_broken |= FCGX_FClose(fcgi->out) != 0;
	FCGX_Free(fcgi, visit->is_broken || !fcgi->keepConnection);
	if (fcgi->ipcFd >= 0)
		intake_keep(&responder->intake, fcgi->ipcFd);
	else
		intake_forget(&responder->intake);
}

static void answer(struct responder *responder, struct visit *visit)
{
	struct exchange *exchange = &visit->exchange;
	const char *head = exchange_head(exchange);

	FCGX_PutStr(head, (int)strlen(head), visit->fcgi.out);
	if (exchange->response.body != NULL)
		FCGX_PutStr(exchange->response.body, (int)strlen(exchange->response.body),
			    visit->fcgi.out);
	finish(responder, visit);
	exchange_close(exchange, responder->process);
	free(visit);
}

static struct group_member *commit_group(struct responder *responder, struct context *context)
{
	struct error why;

	return context_open_db(context, &why) ? group_commit(context->db, &responder->group)
					      : group_refuse(&responder->group, &why);
}

static void answer_group(struct responder *responder, struct context *context,
			 struct group_member *member)
{
	struct group_member *next;

	for (; member != NULL; member = next) {
		struct visit *visit = member->owner;

		next = member->next;
		exchange_finish(&visit->exchange, context);
		answer(responder, visit);
	}
}

/* The disk is not kept waiting for the answers, unless all threads are at work. */
static void lead_group(struct responder *responder, struct context *context)
{
	bool leads = true;

	while (leads) {
		struct group_member *members = commit_group(responder, context);

		if (context->db != NULL)
			db_rest(context->db);
		leads = !group_leave(&responder->group) && !seats_call_to_lead(&responder->seats);
		answer_group(responder, context, members);
	}
}

static void serve(struct responder *responder, struct context *context, struct visit *visit)
{
	exchange_run(&visit->exchange, context);
	if (exchange_is_pending(&visit->exchange)) {
		visit->exchange.pending.owner = visit;
		if (group_add(&responder->group, &visit->exchange.pending))
			lead_group(responder, context);
	} else {
		seat_pass_turn(context->thread);
		answer(responder, visit);
	}
	zoom_circuits_tell(context);
	if (context->db != NULL)
		db_rest(context->db);
}

static void release_visit(struct responder *responder, struct visit *visit)
{
	FCGX_Free(&visit->fcgi, 1);
	intake_forget(&responder->intake);
	free(visit);
}

/*
 * To libfcgi the connection is one that was kept open after an earlier request, so that it reads from it
 * without accepting one itself, which other threads would have to wait for. Where the web server hangs up
 * within the request it would accept another one after all, which the intake knows nothing of: it
 * has nothing to accept from. NULL then.
 */
static struct visit *read_visit(struct responder *responder, int connection)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (visit == NULL)
		abort();
	FCGX_InitRequest(&visit->fcgi, NO_SOCKET, FCGI_FAIL_ACCEPT_ON_INTR);
	visit->fcgi.ipcFd = connection;
	visit->fcgi.keepConnection = 1;
	if (FCGX_Accept_r(&visit->fcgi) != 0) {
		release_visit(responder, visit);
		return NULL;
	}
	/* Its buffer is the third that each request under way would have, and nothing goes there. */
	FCGX_FClose(visit->fcgi.err);
	FCGX_FreeStream(&visit->fcgi.err);
	exchange_open(&visit->exchange, responder->routes, responder->route_count,
		      visit->fcgi.envp);
	return visit;
}

/* The visits that were parked meanwhile, too. */
static void serve_zoom(struct responder *responder, struct context *context, struct visit *visit)
{
	struct parked *parked = &visit->parked;

	do {
		serve(responder, context, parked->owner);
		parked = parking_next(&responder->parking);
	} while (parked != NULL);
	/* A crowd that comes back from Zoom all at once has nothing to do afterwards. */
	if (parking_is_crowded(&responder->parking))
		thread_stack_give_back();
}

/* On this thread, or on another one later. */
static void serve_or_park(struct responder *responder, struct context *context, struct visit *visit)
{
	exchange_admit(&visit->exchange, context, (struct body_source){read_fcgi, &visit->fcgi});
	if (!exchange_waits(&visit->exchange)) {
		serve(responder, context, visit);
		return;
	}
	seat_pass_turn(context->thread);
	if (context->db != NULL)
		db_rest(context->db);
	finish_reading(visit);
	visit->parked = (struct parked){.owner = visit, .body_bytes = visit->exchange.body_size};
	switch (parking_enter(&responder->parking, &visit->parked)) {
	case PLACE_TAKEN:
		serve_zoom(responder, context, visit);
		break;
	case PLACE_PARKED:
		break;
	case PLACE_NONE:
		exchange_end_waiting(&visit->exchange, "too many requests wait for Zoom already");
		serve(responder, context, visit);
	}
}

/* Whom nobody has asked to end, because it is idle, asks itself, and so ends as any other does. */
static void be_over(struct responder *responder)
{
	seats_be_over(&responder->seats);
	if (intake_is_idle(&responder->intake))
		kill(getpid(), SIGTERM);
}

/* A connection that is new may be slow to send; one that is kept is not. False when nothing comes any more. */
static bool serve_next(struct responder *responder, struct seat *seat, struct context *context)
{
	struct visit *visit;
	bool is_kept = false;
	const int connection = intake_next(&responder->intake, &is_kept);

	if (connection < 0)
		be_over(responder);
	if (connection < 0 || !is_kept)
		seat_pass_turn(seat);
	if (connection >= 0 && (visit = read_visit(responder, connection)) != NULL)
		serve_or_park(responder, context, visit);
	return connection >= 0;
}

static void *serve_visits(void *argument)
{
	struct responder *responder = argument;
	struct seat seat;
	struct context context = {.process = responder->process,
				  .before_waiting = seat_pass_turn,
				  .thread = &seat};
	bool goes_on = true;

	seat_open(&seat, &responder->seats);
	while (goes_on) {
		switch (seat_sit(&seat)) {
		case CALLED_TO_ACCEPT:
			goes_on = serve_next(responder, &seat, &context);
			break;
		case CALLED_TO_LEAD:
			lead_group(responder, &context);
			break;
		case SENT_HOME:
			goes_on = false;
		}
	}
	context_release(&context);
	seat_give_up(&seat);
	return NULL;
}

static void say_why_it_ends(struct responder *responder)
{
	const struct process *process = responder->process;
	const struct log_field fields[] = {
		{"idle_exit_s", NULL, process->config.idle_exit_s},
		{NULL, NULL, 0},
	};

	if (intake_is_idle(&responder->intake))
		log_write(&process->log, LOG_INFO, "ends, idle", fields);
}

static int serve_fcgi(struct responder *responder)
{
	const sigset_t signals = process_ending_signals();
	int signal_number;

	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (!seats_start(&responder->seats))
		return EXIT_FAILURE;
	while (sigwait(&signals, &signal_number) != 0)
		;
	say_why_it_ends(responder);
	intake_stop(&responder->intake);
	seats_wait(&responder->seats);
	return EXIT_SUCCESS;
}

static bool read_stdin(void *source, char *bytes, size_t size)
{
	(void)source;
	return fread(bytes, 1, size, stdin) == size;
}

static bool may_wait(const struct exchange *exchange)
{
	return exchange->route != NULL && exchange->route->waits != waits_for_nothing;
}

static int serve_cgi(const struct responder *responder)
{
	struct context context = {.process = responder->process};
	struct cgi_relay relay = {.is_there = false};
	struct exchange exchange;

	exchange_open(&exchange, responder->routes, responder->route_count, environ);
	if (may_wait(&exchange))
		relay = cgi_relay_begin();
	exchange_admit(&exchange, &context, (struct body_source){read_stdin, NULL});
	exchange_run(&exchange, &context);
	if (exchange_is_pending(&exchange))
		exchange_store(&exchange, &context);
	fputs(exchange_head(&exchange), stdout);
	if (exchange.response.body != NULL)
		fputs(exchange.response.body, stdout);
	fflush(stdout);
	exchange_close(&exchange, responder->process);
	zoom_circuits_tell(&context); /* now, for it is logged */
	/* Which tells the web server that this was all, so that nobody waits for what is left to do. */
	if (relay.is_there)
		cgi_relay_end(&relay);
	flights_await(responder->process->flights);
	if (!relay.is_there)
		fclose(stdout);
	zoom_circuits_tell(&context);
	context_release(&context);
	return EXIT_SUCCESS;
}

/* The specification's own way to tell: standard input is a socket that listens. */
static bool is_fastcgi(void)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);

	return getpeername(LISTEN_SOCKET, (struct sockaddr *)&peer, &size) != 0 &&
	       errno == ENOTCONN;
}

static struct sandbox_role role_of(const struct route *routes, size_t route_count)
{
	struct sandbox_role role = {0};

	for (size_t i = 0; i < route_count; i++) {
		assert(routes[i].access != 0 && routes[i].waits != NULL);
		role.calls_out |= routes[i].waits != waits_for_nothing;
	}
	return role;
}

int responder_main(const char *program, const struct route *routes, size_t route_count)
{
	const struct sandbox_role role = role_of(routes, route_count);
	const bool is_cgi = !is_fastcgi();
	SCOPED(process_close) struct process process = {0};
	struct responder responder = {.process = &process,
				      .routes = routes,
				      .route_count = route_count};
	struct error err;
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (!process_open(&process, program, environ, &err))
		return process_refuse(program, &err);
	process_enter_sandbox(&process, &role, is_cgi ? LOG_DEBUG : LOG_INFO);
	if (is_cgi)
		return serve_cgi(&responder);
	process_begin_uptime(&process);
	if (FCGX_Init() != 0)
		return EXIT_FAILURE;
	db_gate_checkpoint_aside(process.gate, DB_CHECKPOINT_PAGES);
	intake_open(&responder.intake, LISTEN_SOCKET, process.config.idle_exit_s * 1000,
		    process.flights);
	seats_open(&responder.seats, &process, serve_visits, &responder);
	group_open(&responder.group);
	parking_open(&responder.parking, process.config.threads);
	status = serve_fcgi(&responder);
	parking_close(&responder.parking);
	group_close(&responder.group);
	seats_close(&responder.seats);
	intake_close(&responder.intake);
	return status;
}
