#include "serve/responder.h"

#include "serve/exchange.h"
#include "serve/intake.h"
#include "serve/process.h"
#include "serve/zoom_circuits.h"
#include "store/db_gate.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

extern char **environ;

enum {
	LISTEN_SOCKET = 0,
	NO_SOCKET = -1,
	PARKED_MAX = 2048,
	PARKED_BYTES_MAX = 64 << 20, /* of their bodies, but for … */
	SMALL_BODY_BYTES = 16 << 10, /* … those that are no larger, as nearly all of use are */
	NO_ROOM_RETRY_AFTER_S = 5,
	FREE_THREADS_MAX = 32, /* kept for requests that need no Zoom */
	SEATED_S_MAX = 20,     /* without a call; the last one that sits stays */
	CROWD_MIN = 16, /* threads that leave memory behind which is worth being given back */
};

/* A request that was accepted. It may outlive the thread's turn: see `parked`. */
struct visit {
	FCGX_Request fcgi;
	struct exchange exchange;
	bool is_broken; /* what is read or written no longer arrives */
	struct visit *next;
};

enum call { CALLED_TO_ACCEPT = 1, CALLED_TO_LEAD, SENT_HOME };

/* Of a thread. */
struct seat {
	struct responder *responder;
	bool has_turn;
	pthread_cond_t called; /* while it has nothing to do */
	enum call call;
	struct seat *below;
};

/*
 * What the threads of a process share. One of them at a time has the turn to accept, and passes it on
 * before it waits for anything; the others sit on a stack, so that a request wakes one thread rather than
 * all of them, and the one whose memory is warmest. Where none sits another one is started, as long as
 * there may be more, and who sits for long goes: a program has as many threads as it had requests at once lately.
 *
 * What is only to be stored is added to the group, which one thread commits; it calls another one to lead
 * the next group, and answers. So a thread that takes in such requests keeps the turn, and none has to be
 * woken for each of them.
 *
 * Requests that wait for Zoom have at most zoom_threads_max threads; the ones above that are parked, and
 * their thread goes on to accept others. So a slow Zoom never keeps a request waiting that needs no Zoom.
 * What there is no room for is refused, for the same reason.
 */
struct responder {
	const struct process *process;
	const struct route *routes;
	size_t route_count;
	struct intake intake;
	pthread_mutex_t lock; /* over what follows */
	long thread_count, threads_max;
	long thread_count_max; /* since memory was given back */
	pthread_cond_t all_are_gone;
	pthread_t gone; /* the last one that went, to be joined */
	bool has_gone;
	bool lacks_threads; /* one could not be started, and that was said */
	bool is_over;       /* nothing comes any more */
	bool is_turn_taken;
	struct seat *top;
	struct group_queue group; /* of visits */
	unsigned zoom_threads, zoom_threads_max, parked_count;
	size_t parked_bytes;
	struct visit *parked_first, *parked_last;
};

static bool read_fcgi(void *source, char *bytes, size_t size)
{
	FCGX_Request *fcgi = source;

	return FCGX_GetStr(bytes, (int)size, fcgi->in) == (int)size;
}

static void *serve_visits(void *argument);

/* Without it the others have more to do. With the lock. */
static int start_thread(struct responder *responder)
{
	pthread_t id;
	const int failure = pthread_create(&id, NULL, serve_visits, responder);
	const struct log_field fields[] = {
		{"threads", NULL, responder->thread_count},
		{"error", strerror(failure), 0},
		{NULL, NULL, 0},
	};

	if (failure == 0)
		responder->thread_count++;
	if (responder->thread_count > responder->thread_count_max)
		responder->thread_count_max = responder->thread_count;
	if (failure != 0 && !responder->lacks_threads)
		log_write(&responder->process->log, LOG_ERROR, "no more threads", fields);
	responder->lacks_threads = failure != 0;
	return failure;
}

/*
 * Calls whoever sat down last; false where nobody sits, and then one is started if it may be, for the
 * next call. With the lock.
 */
static bool call_from_seat(struct responder *responder, enum call call)
{
	struct seat *seat = responder->top;

	if (seat == NULL) {
		if (responder->thread_count < responder->threads_max && !responder->is_over)
			start_thread(responder);
		return false;
	}
	responder->top = seat->below;
	seat->call = call;
	pthread_cond_signal(&seat->called);
	return true;
}

static bool is_only_one_seated(const struct seat *seat)
{
	return seat->responder->top == seat && seat->below == NULL;
}

static void leave_seat(struct seat *seat)
{
	struct seat **place = &seat->responder->top;

	while (*place != seat)
		place = &(*place)->below;
	*place = seat->below;
}

/* With the lock. */
static enum call wait_for_call(struct seat *seat)
{
	struct responder *responder = seat->responder;
	struct timespec until;

	seat->call = 0;
	seat->below = responder->top;
	responder->top = seat;
	do {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += SEATED_S_MAX;
		while (seat->call == 0 && pthread_cond_clockwait(&seat->called, &responder->lock,
								 CLOCK_MONOTONIC, &until) == 0)
			;
	} while (seat->call == 0 && is_only_one_seated(seat));
	if (seat->call == 0) {
		leave_seat(seat);
		seat->call = SENT_HOME;
	}
	return seat->call;
}

/* Returns with the turn to accept, called to lead a group, or sent home. */
static enum call sit(struct seat *seat)
{
	struct responder *responder = seat->responder;

	if (seat->has_turn)
		return CALLED_TO_ACCEPT;
	pthread_mutex_lock(&responder->lock);
	seat->call = responder->is_turn_taken ? wait_for_call(seat) : CALLED_TO_ACCEPT;
	seat->has_turn = seat->call == CALLED_TO_ACCEPT;
	responder->is_turn_taken |= seat->has_turn;
	pthread_mutex_unlock(&responder->lock);
	return seat->call;
}

/* Does nothing where the thread does not have it. */
static void pass_turn(void *thread)
{
	struct seat *seat = thread;
	struct responder *responder = seat->responder;

	if (!seat->has_turn)
		return;
	seat->has_turn = false;
	pthread_mutex_lock(&responder->lock);
	responder->is_turn_taken = call_from_seat(responder, CALLED_TO_ACCEPT);
	pthread_mutex_unlock(&responder->lock);
}

static bool call_to_lead(struct responder *responder)
{
	bool is_called;

	pthread_mutex_lock(&responder->lock);
	is_called = call_from_seat(responder, CALLED_TO_LEAD);
	pthread_mutex_unlock(&responder->lock);
	return is_called;
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
		leads = !group_leave(&responder->group) && !call_to_lead(responder);
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
		pass_turn(context->thread);
		answer(responder, visit);
	}
	zoom_circuits_tell(context);
	if (context->db != NULL)
		db_rest(context->db);
}

/* What a parked visit takes of the room for bodies. */
static size_t parked_size(const struct visit *visit)
{
	const size_t size = visit->exchange.body_size;

	return size > SMALL_BODY_BYTES ? size : 0;
}

static bool has_room(const struct responder *responder, const struct visit *visit)
{
	return responder->parked_count < PARKED_MAX &&
	       responder->parked_bytes + parked_size(visit) <= PARKED_BYTES_MAX;
}

static void park(struct responder *responder, struct visit *visit)
{
	visit->next = NULL;
	if (responder->parked_last != NULL)
		responder->parked_last->next = visit;
	else
		responder->parked_first = visit;
	responder->parked_last = visit;
	responder->parked_count++;
	responder->parked_bytes += parked_size(visit);
}

/* A visit that is parked belongs to another thread then. */
enum place { PLACE_TAKEN, PLACE_PARKED, PLACE_NONE };

static enum place take_zoom_thread_or_park(struct responder *responder, struct visit *visit)
{
	enum place place = PLACE_NONE;

	pthread_mutex_lock(&responder->lock);
	if (responder->zoom_threads < responder->zoom_threads_max) {
		responder->zoom_threads++;
		place = PLACE_TAKEN;
	} else if (has_room(responder, visit)) {
		park(responder, visit);
		place = PLACE_PARKED;
	}
	pthread_mutex_unlock(&responder->lock);
	return place;
}

static void refuse(struct responder *responder, struct visit *visit)
{
	struct exchange *exchange = &visit->exchange;

	error_set_code(&exchange->err, ERROR_BUSY, "service_unavailable",
		       "too many requests wait for Zoom already; try again shortly");
	exchange->err.retry_after_s = NO_ROOM_RETRY_AFTER_S;
	respond_error(&exchange->response, &exchange->arena, &exchange->err);
	answer(responder, visit);
}

/* The oldest parked visit; where there is none the thread is Zoom's no longer. */
static struct visit *unpark_or_leave_zoom_thread(struct responder *responder)
{
	struct visit *visit;

	pthread_mutex_lock(&responder->lock);
	visit = responder->parked_first;
	if (visit != NULL) {
		responder->parked_first = visit->next;
		if (visit->next == NULL)
			responder->parked_last = NULL;
		responder->parked_count--;
		responder->parked_bytes -= parked_size(visit);
	} else {
		responder->zoom_threads--;
	}
	pthread_mutex_unlock(&responder->lock);
	return visit;
}

static void release_visit(struct visit *visit)
{
	FCGX_Free(&visit->fcgi, 1);
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
		release_visit(visit);
		return NULL;
	}
	/* Its buffer is the third that each request under way would have, and nothing goes there. */
	FCGX_FClose(visit->fcgi.err);
	FCGX_FreeStream(&visit->fcgi.err);
	exchange_open(&visit->exchange, responder->routes, responder->route_count,
		      visit->fcgi.envp);
	return visit;
}

/* On this thread, or on another one later. */
static void serve_or_park(struct responder *responder, struct context *context, struct visit *visit)
{
	enum place place;

	exchange_admit(&visit->exchange, context, (struct body_source){read_fcgi, &visit->fcgi});
	if (!exchange_waits(&visit->exchange)) {
		serve(responder, context, visit);
		return;
	}
	pass_turn(context->thread);
	if (context->db != NULL)
		db_rest(context->db);
	finish_reading(visit);
	place = take_zoom_thread_or_park(responder, visit);
	if (place == PLACE_NONE)
		refuse(responder, visit);
	if (place != PLACE_TAKEN)
		return;
	do {
		serve(responder, context, visit);
		visit = unpark_or_leave_zoom_thread(responder);
	} while (visit != NULL);
}

static void be_over(struct responder *responder)
{
	pthread_mutex_lock(&responder->lock);
	responder->is_over = true;
	pthread_mutex_unlock(&responder->lock);
}

/* A connection that is new may be slow to send; one that is kept is not. False when nothing comes any more. */
static bool serve_next(struct seat *seat, struct context *context)
{
	struct responder *responder = seat->responder;
	struct visit *visit;
	bool is_kept = false;
	const int connection = intake_next(&responder->intake, &is_kept);

	if (connection < 0)
		be_over(responder);
	if (!is_kept)
		pass_turn(seat);
	if (connection >= 0 && (visit = read_visit(responder, connection)) != NULL)
		serve_or_park(responder, context, visit);
	return connection >= 0;
}

/* With the lock. True for the one by whom three quarters of a crowd are gone. */
static bool is_crowd_gone(struct responder *responder)
{
	const bool is_gone = responder->thread_count_max >= CROWD_MIN && !responder->is_over &&
			     responder->thread_count <= responder->thread_count_max / 4;

	if (is_gone)
		responder->thread_count_max = responder->thread_count;
	return is_gone;
}

/* Each joins the one that went before it, and the end the last one. */
static void go(struct responder *responder)
{
	bool has_former, gives_memory_back;
	pthread_t former;
	long left;

	pthread_mutex_lock(&responder->lock);
	former = responder->gone;
	has_former = responder->has_gone;
	responder->gone = pthread_self();
	responder->has_gone = true;
	left = --responder->thread_count;
	gives_memory_back = is_crowd_gone(responder);
	if (left == 0)
		pthread_cond_signal(&responder->all_are_gone);
	pthread_mutex_unlock(&responder->lock);
	if (has_former)
		pthread_join(former, NULL);
	if (gives_memory_back)
		process_give_memory_back(responder->process, (size_t)left);
}

static void *serve_visits(void *argument)
{
	struct responder *responder = argument;
	struct seat seat = {.responder = responder, .called = PTHREAD_COND_INITIALIZER};
	struct context context = {.process = responder->process,
				  .before_waiting = pass_turn,
				  .thread = &seat};
	bool goes_on = true;

	while (goes_on) {
		switch (sit(&seat)) {
		case CALLED_TO_ACCEPT:
			goes_on = serve_next(&seat, &context);
			break;
		case CALLED_TO_LEAD:
			lead_group(responder, &context);
			break;
		case SENT_HOME:
			goes_on = false;
		}
	}
	context_release(&context);
	go(responder);
	return NULL;
}

static bool start_first_thread(struct responder *responder)
{
	int failure;

	pthread_mutex_lock(&responder->lock);
	failure = start_thread(responder);
	pthread_mutex_unlock(&responder->lock);
	return failure == 0;
}

/* Those too that are started meanwhile: once none is left nobody starts another. */
static void wait_for_threads(struct responder *responder)
{
	pthread_mutex_lock(&responder->lock);
	while (responder->thread_count > 0)
		pthread_cond_wait(&responder->all_are_gone, &responder->lock);
	pthread_mutex_unlock(&responder->lock);
	if (responder->has_gone)
		pthread_join(responder->gone, NULL);
}

static int serve_fcgi(struct responder *responder)
{
	sigset_t signals;
	int signal_number;

	responder->threads_max = responder->process->config.threads;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (!start_first_thread(responder))
		return EXIT_FAILURE;
	while (sigwait(&signals, &signal_number) != 0)
		;
	intake_stop(&responder->intake);
	wait_for_threads(responder);
	return EXIT_SUCCESS;
}

static bool read_stdin(void *source, char *bytes, size_t size)
{
	(void)source;
	return fread(bytes, 1, size, stdin) == size;
}

static int serve_cgi(const struct responder *responder)
{
	struct context context = {.process = responder->process};
	struct exchange exchange;

	exchange_open(&exchange, responder->routes, responder->route_count, environ);
	exchange_admit(&exchange, &context, (struct body_source){read_stdin, NULL});
	exchange_run(&exchange, &context);
	if (exchange_is_pending(&exchange))
		exchange_store(&exchange, &context);
	fputs(exchange_head(&exchange), stdout);
	if (exchange.response.body != NULL)
		fputs(exchange.response.body, stdout);
	/* Which tells the web server that this was all, so that nobody waits for the cleaning up. */
	fclose(stdout);
	exchange_close(&exchange, responder->process);
	zoom_circuits_tell(&context);
	context_release(&context);
	return EXIT_SUCCESS;
}

/* A quarter of the threads, at least one and at most FREE_THREADS_MAX, is kept for requests that need no Zoom. */
static unsigned zoom_threads_max(long threads)
{
	const long quarter = threads < 4 ? 1 : threads / 4;
	const long kept = quarter < FREE_THREADS_MAX ? quarter : FREE_THREADS_MAX;

	return threads == 1 ? 1 : (unsigned)(threads - kept);
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
	process.up_since_ms = clock_monotonic_ms();
	if (FCGX_Init() != 0)
		return EXIT_FAILURE;
	responder.zoom_threads_max = zoom_threads_max(process.config.threads);
	db_gate_checkpoint_aside(process.gate, DB_CHECKPOINT_PAGES);
	intake_open(&responder.intake, LISTEN_SOCKET);
	pthread_mutex_init(&responder.lock, NULL);
	pthread_cond_init(&responder.all_are_gone, NULL);
	group_open(&responder.group);
	status = serve_fcgi(&responder);
	group_close(&responder.group);
	pthread_cond_destroy(&responder.all_are_gone);
	pthread_mutex_destroy(&responder.lock);
	intake_close(&responder.intake);
	return status;
}
