#include "serve/intake.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	OUT_OF_FILES_PAUSE_MS = 10,
	REQUEST_TIMEOUT_S = 10, /* for a web server that connects and then sends nothing */
};

static void watch(const struct intake *intake, int descriptor)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
	const int result = epoll_ctl(intake->poll, EPOLL_CTL_ADD, descriptor, &event);

	assert(result == 0);
}

void intake_open(struct intake *intake, int listening, int64_t idle_ms, struct flights *flights)
{
	*intake = (struct intake){.listening = listening,
				  .idle_ms = idle_ms,
				  .flights = flights,
				  .idle_since_ms = clock_monotonic_ms()};
	pthread_mutex_init(&intake->lock, NULL);
	intake->poll = epoll_create1(EPOLL_CLOEXEC);
	intake->stop_event = eventfd(0, EFD_CLOEXEC);
	assert(intake->poll >= 0 && intake->stop_event >= 0);
	/* Processes share the listening socket: whoever comes second must not block in accept(). */
	fcntl(listening, F_SETFL, fcntl(listening, F_GETFL) | O_NONBLOCK);
	watch(intake, listening);
	watch(intake, intake->stop_event);
}

void intake_close(struct intake *intake)
{
	close(intake->stop_event);
	close(intake->poll);
	pthread_mutex_destroy(&intake->lock);
}

/* With the lock. */
static void count_closed(struct intake *intake)
{
	assert(intake->open_count > 0);
	if (--intake->open_count == 0)
		intake->idle_since_ms = clock_monotonic_ms();
}

void intake_forget(struct intake *intake)
{
	pthread_mutex_lock(&intake->lock);
	count_closed(intake);
	pthread_mutex_unlock(&intake->lock);
}

static void close_connection(struct intake *intake, int connection)
{
	close(connection);
	intake_forget(intake);
}

/* -1 where another process was faster. */
static int accept_new(struct intake *intake)
{
	const struct timeval timeout = {.tv_sec = REQUEST_TIMEOUT_S};
	const int connection = accept4(intake->listening, NULL, NULL, SOCK_CLOEXEC);

	intake->has_new = connection >= 0;
	if (connection < 0) {
		/* Out of descriptors or memory: others will give some back. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			poll(NULL, 0, OUT_OF_FILES_PAUSE_MS);
		return -1;
	}
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	pthread_mutex_lock(&intake->lock);
	intake->open_count++;
	if (connection < INTAKE_FILES_MAX)
		intake->states[connection] = INTAKE_NEW;
	pthread_mutex_unlock(&intake->lock);
	return connection;
}

static bool has_sent(int connection)
{
	char first;

	return recv(connection, &first, sizeof(first), MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* -1 where the web server has closed it, or where take_last() was faster. */
static int take_kept(struct intake *intake, const struct epoll_event *event)
{
	const int connection = event->data.fd;
	bool is_idle;

	pthread_mutex_lock(&intake->lock);
	is_idle = intake->states[connection] == INTAKE_IDLE;
	intake->states[connection] = INTAKE_SERVED;
	pthread_mutex_unlock(&intake->lock);
	if (!is_idle)
		return -1;
	if (event->events == EPOLLIN || has_sent(connection))
		return connection;
	close_connection(intake, connection);
	return -1;
}

/* After the stop: one on which a request has come, or -1 when none is left and all are closed. */
static int take_last(struct intake *intake)
{
	int taken = -1;

	pthread_mutex_lock(&intake->lock);
	for (int i = 0; i < INTAKE_FILES_MAX && taken < 0; i++) {
		if (intake->states[i] != INTAKE_IDLE)
			continue;
		intake->states[i] = INTAKE_SERVED;
		if (has_sent(i)) {
			taken = i;
		} else {
			close(i);
			count_closed(intake);
		}
	}
	pthread_mutex_unlock(&intake->lock);
	return taken;
}

static int take_next(struct intake *intake, const struct epoll_event *event, bool *is_kept)
{
	*is_kept = event->data.fd != intake->listening;
	return *is_kept ? take_kept(intake, event) : accept_new(intake);
}

/*
 * For epoll_wait(): how long it may go on without anybody. Who has a connection closes it some time, and a
 * flight has an end, too.
 */
static int idle_ms_left(struct intake *intake)
{
	int64_t left = intake->idle_ms;

	if (intake->idle_ms == 0)
		return -1;
	if (flights_are_under_way(intake->flights))
		return (int)left;
	pthread_mutex_lock(&intake->lock);
	if (intake->open_count == 0)
		left += intake->idle_since_ms - clock_monotonic_ms();
	pthread_mutex_unlock(&intake->lock);
	return left > 0 ? (int)left : 0;
}

static void end_if_idle(struct intake *intake)
{
	if (idle_ms_left(intake) != 0)
		return;
	pthread_mutex_lock(&intake->lock);
	intake->is_idle = true;
	pthread_mutex_unlock(&intake->lock);
}

bool intake_is_idle(struct intake *intake)
{
	bool is_idle;

	pthread_mutex_lock(&intake->lock);
	is_idle = intake->is_idle;
	pthread_mutex_unlock(&intake->lock);
	return is_idle;
}

/*
 * False once it is over for idleness. Only who waits here accepts, and nobody has a connection then, nor is a
 * flight under way: so nothing is, and who comes from then on stays in the socket's queue for the next process.
 */
static bool wait_for_event(struct intake *intake, struct epoll_event *event)
{
	while (!intake_is_idle(intake)) {
		const int count = epoll_wait(intake->poll, event, 1, idle_ms_left(intake));

		if (count > 0)
			return true;
		assert(count == 0 || errno == EINTR);
		end_if_idle(intake);
	}
	return false;
}

/*
 * Between two that are kept a new one has its turn: epoll goes round, and in each round through all that are
 * kept it would come to the socket only once, for one of those who wait there. Until it has come there nobody
 * is known to wait.
 */
int intake_next(struct intake *intake, bool *is_kept)
{
	struct epoll_event event;
	int connection = -1;

	*is_kept = false;
	if (intake->was_kept && intake->has_new)
		connection = accept_new(intake);
	while (connection < 0) {
		if (!wait_for_event(intake, &event) || event.data.fd == intake->stop_event)
			return take_last(intake);
		connection = take_next(intake, &event, is_kept);
	}
	intake->was_kept = *is_kept;
	return connection;
}

/* Watched until something comes, and then no more until it is kept again. */
static bool watch_once(const struct intake *intake, int connection)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
				    .data.fd = connection};
	const bool is_new = intake->states[connection] == INTAKE_NEW;

	return epoll_ctl(intake->poll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection,
			 &event) == 0;
}

void intake_keep(struct intake *intake, int connection)
{
	bool is_kept;

	pthread_mutex_lock(&intake->lock);
	is_kept = !intake->is_stopped && connection < INTAKE_FILES_MAX &&
		  watch_once(intake, connection);
	if (is_kept)
		intake->states[connection] = INTAKE_IDLE;
	pthread_mutex_unlock(&intake->lock);
	if (!is_kept)
		close_connection(intake, connection);
}

void intake_stop(struct intake *intake)
{
	pthread_mutex_lock(&intake->lock);
	intake->is_stopped = true;
	pthread_mutex_unlock(&intake->lock);
	eventfd_write(intake->stop_event, 1);
}
