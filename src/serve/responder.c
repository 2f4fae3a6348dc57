#include "serve/responder.h"

#include "serve/exchange.h"
#include "serve/process.h"
#include "serve/zoom_circuits.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

enum {
	LISTEN_SOCKET = 0,
	PARKED_MAX = 2048,
	PARKED_BYTES_MAX = 64 << 20, /* of their bodies */
	FREE_THREADS_MAX = 32,       /* kept for requests that need no Zoom */
	OUT_OF_FILES_PAUSE_MS = 10,
	REQUEST_TIMEOUT_S = 10, /* for a web server that connects and then sends nothing */
};

/* A request that was accepted. It may outlive the thread's turn: see `parked`. */
struct visit {
	FCGX_Request fcgi;
	struct exchange exchange;
	struct visit *next;
};

/* Of a thread that has nothing to do. */
struct seat {
	pthread_cond_t called;
	bool is_called;
	struct seat *below;
};

/*
 * What the threads of a process share. One of them at a time has the turn to accept, and passes it on
 * before it serves; the others sit on a stack, so that a request wakes one thread rather than all of
 * them, and the one whose memory is warmest.
 *
 * Requests that wait for Zoom have at most zoom_threads_max threads; the ones above that are parked, and
 * their thread goes on to accept others. So a slow Zoom never keeps a request waiting that needs no Zoom.
 */
struct responder {
	const struct process *process;
	const struct route *routes;
	size_t route_count;
	int stop_event;       /* readable once the process is to end */
	pthread_mutex_t lock; /* over what follows */
	bool is_turn_taken;
	struct seat *top;
	pthread_cond_t unparked;
	unsigned zoom_threads, zoom_threads_max, parked_count;
	size_t parked_bytes;
	struct visit *parked_first, *parked_last;
};

static bool read_fcgi(void *source, char *bytes, size_t size)
{
	FCGX_Request *fcgi = source;

	return FCGX_GetStr(bytes, (int)size, fcgi->in) == (int)size;
}

static void serve(struct responder *responder, struct context *context, struct visit *visit)
{
	struct exchange *exchange = &visit->exchange;
	const char *head;

	exchange_run(exchange, context);
	head = exchange_head(exchange);
	FCGX_PutStr(head, (int)strlen(head), visit->fcgi.out);
	if (exchange->response.body != NULL)
		FCGX_PutStr(exchange->response.body, (int)strlen(exchange->response.body),
			    visit->fcgi.out);
	FCGX_Finish_r(&visit->fcgi);
	exchange_close(exchange, &responder->process->log);
	free(visit);
	zoom_circuits_tell(context);
	if (context->db != NULL)
		db_rest(context->db);
}

static bool is_parking_full(const struct responder *responder)
{
	return responder->parked_count >= PARKED_MAX || responder->parked_bytes >= PARKED_BYTES_MAX;
}

/* False where all of Zoom's threads are taken: the visit is parked and belongs to another thread now. */
static bool take_zoom_thread_or_park(struct responder *responder, struct visit *visit)
{
	bool taken;

	pthread_mutex_lock(&responder->lock);
	while (responder->zoom_threads >= responder->zoom_threads_max && is_parking_full(responder))
		pthread_cond_wait(&responder->unparked, &responder->lock);
	taken = responder->zoom_threads < responder->zoom_threads_max;
	if (taken) {
		responder->zoom_threads++;
	} else {
		visit->next = NULL;
		if (responder->parked_last != NULL)
			responder->parked_last->next = visit;
		else
			responder->parked_first = visit;
		responder->parked_last = visit;
		responder->parked_count++;
		responder->parked_bytes += visit->exchange.body_size;
	}
	pthread_mutex_unlock(&responder->lock);
	return taken;
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
		responder->parked_bytes -= visit->exchange.body_size;
	} else {
		responder->zoom_threads--;
	}
	pthread_cond_signal(&responder->unparked);
	pthread_mutex_unlock(&responder->lock);
	return visit;
}

static void take_turn(struct responder *responder, struct seat *seat)
{
	pthread_mutex_lock(&responder->lock);
	if (responder->is_turn_taken) {
		seat->is_called = false;
		seat->below = responder->top;
		responder->top = seat;
		while (!seat->is_called)
			pthread_cond_wait(&seat->called, &responder->lock);
	}
	responder->is_turn_taken = true;
	pthread_mutex_unlock(&responder->lock);
}

static void pass_turn(struct responder *responder)
{
	struct seat *next;

	pthread_mutex_lock(&responder->lock);
	next = responder->top;
	responder->is_turn_taken = next != NULL;
	if (next != NULL) {
		responder->top = next->below;
		next->is_called = true;
		pthread_cond_signal(&next->called);
	}
	pthread_mutex_unlock(&responder->lock);
}

/* The next connection; -1 once the process is to end. Other processes listen on the same socket. */
static int accept_connection(const struct responder *responder)
{
	const struct timeval timeout = {.tv_sec = REQUEST_TIMEOUT_S};
	struct pollfd sources[] = {{.fd = responder->stop_event, .events = POLLIN},
				   {.fd = LISTEN_SOCKET, .events = POLLIN}};
	int connection = -1;

	while (connection < 0) {
		while (poll(sources, COUNT_OF(sources), -1) < 0)
			assert(errno == EINTR);
		if (sources[0].revents != 0)
			return -1;
		connection = accept4(LISTEN_SOCKET, NULL, NULL, SOCK_CLOEXEC);
		/* Out of descriptors or memory: others will give some back. */
		if (connection < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			poll(NULL, 0, OUT_OF_FILES_PAUSE_MS);
	}
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return connection;
}

static void release_visit(struct visit *visit)
{
	FCGX_Free(&visit->fcgi, 1);
	free(visit);
}

/*
 * To libfcgi the connection is one that was kept open after an earlier request; so it reads from it
 * without accepting one itself, which other threads would have to wait for. NULL where the web server
 * has hung up again.
 */
static struct visit *read_visit(struct responder *responder, int connection)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (visit == NULL)
		abort();
	FCGX_InitRequest(&visit->fcgi, LISTEN_SOCKET, FCGI_FAIL_ACCEPT_ON_INTR);
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
	exchange_admit(&visit->exchange, context, (struct body_source){read_fcgi, &visit->fcgi});
	if (!exchange_waits(&visit->exchange)) {
		serve(responder, context, visit);
		return;
	}
	if (context->db != NULL)
		db_rest(context->db);
	if (!take_zoom_thread_or_park(responder, visit))
		return;
	do {
		serve(responder, context, visit);
		visit = unpark_or_leave_zoom_thread(responder);
	} while (visit != NULL);
}

static void *serve_visits(void *argument)
{
	struct responder *responder = argument;
	struct context context = {.process = responder->process};
	struct seat seat = {.called = PTHREAD_COND_INITIALIZER};
	int connection;

	do {
		struct visit *visit;

		take_turn(responder, &seat);
		connection = accept_connection(responder);
		pass_turn(responder);
		if (connection >= 0 && (visit = read_visit(responder, connection)) != NULL)
			serve_or_park(responder, &context, visit);
	} while (connection >= 0);
	context_release(&context);
	return NULL;
}

static int serve_fcgi(struct responder *responder)
{
	const long thread_count = responder->process->config.threads;
	pthread_t *threads = calloc((size_t)thread_count, sizeof(*threads));
	sigset_t signals;
	int signal_number;

	assert(threads != NULL);
	/* Threads share the listening socket: whoever comes second must not block in accept(). */
	fcntl(LISTEN_SOCKET, F_SETFL, fcntl(LISTEN_SOCKET, F_GETFL) | O_NONBLOCK);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	for (long i = 0; i < thread_count; i++) {
		const int failure = pthread_create(&threads[i], NULL, serve_visits, responder);

		if (failure != 0) {
			fprintf(stderr, "threads = %ld: only %ld could be started: %s\n",
				thread_count, i, strerror(failure));
			exit(EXIT_FAILURE);
		}
	}
	while (sigwait(&signals, &signal_number) != 0)
		;
	eventfd_write(responder->stop_event, 1);
	for (long i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
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
	fputs(exchange_head(&exchange), stdout);
	if (exchange.response.body != NULL)
		fputs(exchange.response.body, stdout);
	fflush(stdout);
	exchange_close(&exchange, &responder->process->log);
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

int responder_main(const char *program, const struct route *routes, size_t route_count)
{
	SCOPED(process_close) struct process process = {0};
	struct responder responder = {.process = &process,
				      .routes = routes,
				      .route_count = route_count};
	struct error err;
	int status;

	for (size_t i = 0; i < route_count; i++)
		assert(routes[i].access != 0 && routes[i].waits != NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!process_open(&process, program, environ, &err))
		return process_refuse(program, &err);
	if (FCGX_IsCGI())
		return serve_cgi(&responder);
	if (FCGX_Init() != 0)
		return EXIT_FAILURE;
	responder.zoom_threads_max = zoom_threads_max(process.config.threads);
	responder.stop_event = eventfd(0, EFD_CLOEXEC);
	assert(responder.stop_event >= 0);
	pthread_mutex_init(&responder.lock, NULL);
	pthread_cond_init(&responder.unparked, NULL);
	status = serve_fcgi(&responder);
	pthread_cond_destroy(&responder.unparked);
	pthread_mutex_destroy(&responder.lock);
	close(responder.stop_event);
	return status;
}
