/*
 * Each webhook that has something due is held, alone among all workers, and may have as many posts under way as it
 * deals with: one at first, twice as many after each that worked, one again after one that failed; and so may each
 * receiver, to which many webhooks may lead. So one webhook that hangs takes one place among POSTS_MAX, a receiver
 * that does takes RECEIVER_WINDOW_MIN, all that do of a project take DOUBTFUL_POSTS_MAX, and those that fail take no
 * more than FAILING_POSTS_MAX of them. A webhook that would wait for a slow receiver, or for others of its project
 * while half of the places are taken, is put back for a while, so that what waits holds no place either. Results are
 * committed together, as many as came while the last ones were; what is sent next is read in the same transaction.
 */
#include "worker/delivery_session.h"

#include "base/failpoint.h"
#include "http/sender.h"
#include "store/delivery.h"
#include "store/transaction.h"
#include "store/webhook.h"
#include "worker/receiver.h"
#include "worker/webhook_post.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	POSTS_MAX = 256,
	FAILING_POSTS_MAX = 128,
	DOUBTFUL_POSTS_MAX = 64, /* of a project, to receivers that have not worked lately */
	RECEIVERS_MAX =
		2 * POSTS_MAX + 1, /* one for each target, one for each post, and the next */
	WINDOW_MAX = 8,            /* posts under way to one webhook */
	TICK_MS = 1000,            /* between looks for what no ring has told */
	TROUBLE_PAUSE_MS = 100,    /* before a database that cannot be used is tried again, … */
	TROUBLE_MS_MAX = 10000,    /* … and how long at most */
	ENDING_MS_MAX = 2000,      /* for the posts under way when the worker is to end */
};

/* Renewed in good time; a holder that is known to be dead is not waited for. */
static const instant lease = 60 * SECOND;
static const instant lease_renewal = 20 * SECOND;

/* How long a webhook is put back whose receiver is slow. */
static const instant slow_receiver_pause = SECOND;

/* A webhook that the session holds. */
struct target {
	int64_t webhook_id;        /* 0: the place is free */
	int under_way;             /* posts that are not over */
	int window;                /* how many may be */
	bool is_failing;           /* its last post did */
	bool is_stale;             /* the database may have more for it */
	struct receiver *receiver; /* NULL: not known yet */
	/* By the transaction that is open: */
	bool is_new, is_given_up;
};

/* A post, and whose it is. */
struct place {
	struct target *target; /* NULL: it is free */
	struct receiver *receiver;
	struct webhook_post post;
};

/* What begins once the transaction that has read it is committed. */
struct start {
	struct target *target;
	const struct webhook *webhook;
	const struct delivery *delivery;
};

struct session {
	struct context *context;
	struct http_sender *sender;
	int64_t holder;
	instant renew_at;
	int64_t ticked_ms;
	int64_t trouble_since_ms; /* 0: the database can be used */
	int64_t ending_since_ms;  /* 0: it goes on */
	bool has_results;         /* that are not recorded */
	bool has_put_back;        /* webhooks, so that others can have their places at once */
	struct target targets[POSTS_MAX];
	struct place places[POSTS_MAX];
	struct receiver receivers[RECEIVERS_MAX];
	struct start starts[POSTS_MAX];
	int start_count;
};

static struct session *open_session(struct context *context, int64_t holder)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		abort();
	session->context = context;
	session->holder = holder;
	session->sender = http_sender_open(context->process->config.allow_private_urls);
	return session;
}

static void release_session(struct session *session)
{
	http_sender_close(&session->sender);
	for (int i = 0; i < POSTS_MAX; i++) {
		arena_release(&session->places[i].post.arena);
		receiver_release(&session->places[i].receiver);
		receiver_release(&session->targets[i].receiver);
	}
	free(session);
}

static struct target *find_free_target(struct session *session)
{
	for (int i = 0; i < POSTS_MAX; i++)
		if (session->targets[i].webhook_id == 0)
			return &session->targets[i];
	return NULL;
}

/* There is always one for what has room. */
static struct place *find_free_place(struct session *session)
{
	for (int i = 0; i < POSTS_MAX; i++)
		if (session->places[i].target == NULL)
			return &session->places[i];
	abort();
}

static int count_targets(const struct session *session)
{
	int count = 0;

	for (int i = 0; i < POSTS_MAX; i++)
		count += session->targets[i].webhook_id != 0;
	return count;
}

/* Those under way and those about to be; of all webhooks, or of the ones that fail. */
static int count_posts(const struct session *session, bool only_failing)
{
	int count = 0;

	for (int i = 0; i < POSTS_MAX; i++)
		if (!only_failing || session->targets[i].is_failing)
			count += session->targets[i].under_way;
	for (int i = 0; i < session->start_count; i++)
		count += !only_failing || session->starts[i].target->is_failing;
	return count;
}

static int count_starts(const struct session *session, const struct receiver *receiver)
{
	int count = 0;

	for (int i = 0; i < session->start_count; i++)
		count += session->starts[i].target->receiver == receiver;
	return count;
}

/* Of the doubtful receivers of the project. */
static int count_doubtful_starts(const struct session *session, int64_t project_id)
{
	int count = 0;

	for (int i = 0; i < session->start_count; i++) {
		const struct receiver *receiver = session->starts[i].target->receiver;

		count += receiver->project_id == project_id && receiver_is_doubtful(receiver);
	}
	return count;
}

static void free_target(struct target *target)
{
	receiver_release(&target->receiver);
	*target = (struct target){0};
}

static bool has_stale_target(const struct session *session)
{
	for (int i = 0; i < POSTS_MAX; i++)
		if (session->targets[i].is_stale)
			return true;
	return false;
}

static void make_all_stale(struct session *session)
{
	for (int i = 0; i < POSTS_MAX; i++)
		session->targets[i].is_stale = session->targets[i].webhook_id != 0;
}

static bool is_under_way(const struct session *session, int64_t delivery_id)
{
	for (int i = 0; i < POSTS_MAX; i++)
		if (session->places[i].target != NULL && !session->places[i].post.is_over &&
		    session->places[i].post.delivery.id == delivery_id)
			return true;
	return false;
}

static bool record_results(struct session *session, struct error *err)
{
	for (int i = 0; i < POSTS_MAX; i++) {
		struct place *place = &session->places[i];

		if (place->target != NULL && place->post.is_over &&
		    !webhook_post_record(&place->post, session->context, err))
			return false;
	}
	if (session->has_results)
		failpoint("delivery.recording");
	return true;
}

/* Takes up webhooks that are due, as many as there is room for. */
static bool claim(struct session *session, instant now, struct error *err)
{
	const int room = POSTS_MAX - count_targets(session);
	int64_t ids[POSTS_MAX];
	int count;

	if (room == 0 || session->ending_since_ms != 0)
		return true;
	if (!webhook_claim_due(session->context->db, session->holder, now, now + lease, room, ids,
			       &count, err))
		return false;
	for (int i = 0; i < count; i++) {
		struct target *target = find_free_target(session);

		assert(target != NULL); /* there are no more than there is room for */
		*target = (struct target){.webhook_id = ids[i],
					  .window = 1,
					  .is_stale = true,
					  .is_new = true};
	}
	return true;
}

/* Before others are taken up: a lease that is over, for the clock was set forward, is still the session's. */
static bool renew(struct session *session, instant now, struct error *err)
{
	if (now < session->renew_at)
		return true;
	session->renew_at = now + lease_renewal;
	return webhook_renew(session->context->db, session->holder, now + lease, err);
}

/* A project whose receivers hang, however many they are, leaves places to the others. */
static bool project_has_room(const struct session *session, const struct receiver *receiver)
{
	const int64_t project_id = receiver->project_id;

	return !receiver_is_doubtful(receiver) ||
	       receiver_count_doubtful(session->receivers, RECEIVERS_MAX, project_id) +
			       count_doubtful_starts(session, project_id) <
		       DOUBTFUL_POSTS_MAX;
}

/* One more post of the target's, as far as there is room for it wherever it counts. */
static bool has_room(const struct session *session, const struct target *target)
{
	const int most = target->is_failing ? FAILING_POSTS_MAX : POSTS_MAX;

	return receiver_has_room(target->receiver, count_starts(session, target->receiver)) &&
	       project_has_room(session, target->receiver) &&
	       count_posts(session, target->is_failing) < most &&
	       count_posts(session, false) < POSTS_MAX;
}

/* What the target may begin: *count of it, and whether more would be due if there were room. */
static bool read_starts(struct session *session, struct target *target,
			const struct webhook *webhook, instant now, int *count, bool *lacks_room,
			struct error *err)
{
	struct context *context = session->context;
	struct delivery *due;
	int due_count;

	if (!delivery_list_due(context->db, context->arena, webhook->id, now, WINDOW_MAX, &due,
			       &due_count, err))
		return false;
	for (int i = 0; i < due_count && target->under_way + *count < target->window; i++) {
		if (is_under_way(session, due[i].id))
			continue;
		*lacks_room = !has_room(session, target);
		if (*lacks_room)
			return true;
		session->starts[session->start_count++] = (struct start){target, webhook, &due[i]};
		(*count)++;
	}
	return true;
}

static bool may_send(const struct session *session, const struct webhook *webhook, instant now)
{
	return webhook->holder == session->holder && webhook->disabled_at == 0 &&
	       webhook->paused_until <= now && session->ending_since_ms == 0;
}

/* The webhook may have moved. */
static void find_receiver(struct session *session, struct target *target,
			  const struct webhook *webhook)
{
	struct receiver *former = target->receiver;

	target->receiver =
		receiver_hold(session->receivers, RECEIVERS_MAX, webhook->project_id, webhook->url);
	receiver_release(&former);
}

static bool is_crowded(const struct session *session)
{
	int count = 0;

	for (int i = 0; i < POSTS_MAX; i++)
		count += session->targets[i].webhook_id != 0 && !session->targets[i].is_given_up;
	return count > POSTS_MAX / 2;
}

/* Who waits for room is to hold no place that others need. */
static bool is_in_the_way(const struct session *session, const struct target *target)
{
	return receiver_is_slow(target->receiver, clock_monotonic_ms()) ||
	       (!project_has_room(session, target->receiver) && is_crowded(session));
}

/* What is due for the target has no room, and will have none soon, or others have. */
static bool put_back(struct session *session, struct target *target, instant now, struct error *err)
{
	target->is_given_up = session->has_put_back = true;
	return webhook_put_back(session->context->db, target->webhook_id, session->holder,
				now + slow_receiver_pause, err);
}

/* Finds out what is next for the target, and gives it up where that is nothing. */
static bool refill(struct session *session, struct target *target, instant now, struct error *err)
{
	struct context *context = session->context;
	struct webhook *webhook = arena_alloc(context->arena, sizeof(*webhook));
	bool found, lacks_room = false;
	int count = 0;

	if (!webhook_find_by_id(context->db, context->arena, target->webhook_id, &found, webhook,
				err))
		return false;
	if (found && may_send(session, webhook, now)) {
		find_receiver(session, target, webhook);
		if (!read_starts(session, target, webhook, now, &count, &lacks_room, err))
			return false;
	}
	target->is_stale = lacks_room;
	if (target->under_way + count > 0)
		return true;
	if (lacks_room)
		return !is_in_the_way(session, target) || put_back(session, target, now, err);
	target->is_given_up = true;
	return webhook_release(context->db, target->webhook_id, session->holder, err);
}

static bool refill_all(struct session *session, instant now, struct error *err)
{
	for (int i = 0; i < POSTS_MAX; i++)
		if (session->targets[i].is_stale &&
		    !refill(session, &session->targets[i], now, err))
			return false;
	return true;
}

static void forget_results(struct session *session)
{
	for (int i = 0; i < POSTS_MAX; i++) {
		struct place *place = &session->places[i];

		if (place->target == NULL || !place->post.is_over)
			continue;
		webhook_post_tell(&place->post, session->context->process);
		arena_release(&place->post.arena);
		receiver_release(&place->receiver);
		*place = (struct place){0};
	}
	session->has_results = false;
}

/* A post that could not even be signed is over at once. */
static void begin(struct session *session, const struct start *start)
{
	struct place *place = find_free_place(session);

	failpoint("delivery.starting");
	place->target = start->target;
	webhook_post_start(&place->post, place, session->context, session->sender, start->webhook,
			   start->delivery);
	if (place->post.is_over) {
		session->has_results = start->target->is_stale = true;
		return;
	}
	start->target->under_way++;
	place->receiver = start->target->receiver;
	place->receiver->user_count++;
	receiver_note_start(place->receiver, clock_monotonic_ms());
}

/* The transaction is on the disk: what it decided happens. */
static void settle(struct session *session)
{
	if (session->has_results)
		failpoint("delivery.recorded");
	forget_results(session);
	for (int i = 0; i < POSTS_MAX; i++) {
		session->targets[i].is_new = false;
		if (session->targets[i].is_given_up)
			free_target(&session->targets[i]);
	}
	for (int i = 0; i < session->start_count; i++)
		begin(session, &session->starts[i]);
	session->start_count = 0;
	session->trouble_since_ms = 0;
}

/* It is not: all is as it was before. */
static void undo(struct session *session)
{
	for (int i = 0; i < POSTS_MAX; i++) {
		if (session->targets[i].is_new)
			free_target(&session->targets[i]);
		session->targets[i].is_given_up = false;
	}
	session->has_put_back = false;
	make_all_stale(session);
	session->start_count = 0;
	session->renew_at = 0;
}

/* Records what came, reads what is next, and begins it. */
static bool take_turn(struct session *session, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	SCOPED(arena_release) struct arena arena = {0};
	const instant now = context_now(session->context);
	struct arena *outer = session->context->arena;
	bool worked;

	session->context->arena = &arena;
	worked = transaction_begin(&transaction, session->context->db, err) &&
		 record_results(session, err) && renew(session, now, err) &&
		 claim(session, now, err) && refill_all(session, now, err) &&
		 transaction_commit(&transaction, err);
	if (worked)
		settle(session);
	else
		undo(session);
	session->context->arena = outer;
	return worked;
}

/* Whether a transaction would have anything to do; nobody is to wait for one that has not. */
static bool needs_turn(const struct session *session)
{
	const instant now = context_now(session->context);
	struct error err;
	instant due_at;

	if (session->has_results || has_stale_target(session) || session->renew_at <= now)
		return true;
	if (session->ending_since_ms != 0 || count_targets(session) == POSTS_MAX)
		return false;
	return !webhook_next_due(session->context->db, &due_at, &err) ||
	       (due_at != 0 && due_at <= now);
}

static void take_result(struct session *session, const struct http_outcome *outcome)
{
	struct place *place = outcome->tag;
	struct target *target = place->target;

	failpoint("delivery.answered");
	place->post.outcome = *outcome;
	place->post.ended_at = context_now(session->context);
	place->post.is_over = true;
	session->has_results = true;
	target->under_way--;
	target->is_stale = true;
	target->is_failing = outcome->status < 200 || outcome->status >= 300;
	receiver_note_result(place->receiver, target->is_failing, clock_monotonic_ms());
	target->window = target->is_failing ? 1 : target->window * 2;
	if (target->window > WINDOW_MAX)
		target->window = WINDOW_MAX;
}

/* Rings are taken off; what they are about may be for a webhook that is held already. */
static void take_rings(struct session *session)
{
	struct context *context = session->context;
	uint64_t rings;

	if (read(context->wake_descriptor, &rings, sizeof(rings)) > 0)
		make_all_stale(session);
	if (session->ending_since_ms == 0 && *context->is_ending)
		session->ending_since_ms = clock_monotonic_ms();
}

static int wait_ms(const struct session *session)
{
	if (session->trouble_since_ms != 0)
		return TROUBLE_PAUSE_MS;
	return session->has_put_back ? 0 : TICK_MS;
}

/* Goes on with the posts until one is over, a ring comes, or it is time to look after the rest. */
static void wait(struct session *session)
{
	struct http_outcome outcome;
	int64_t now_ms;

	db_rest(session->context->db);
	http_sender_wait(session->sender, session->context->wake_descriptor, wait_ms(session));
	session->has_put_back = false;
	while (http_sender_next(session->sender, &outcome))
		take_result(session, &outcome);
	now_ms = clock_monotonic_ms();
	if (now_ms - session->ticked_ms >= TICK_MS) {
		session->ticked_ms = now_ms;
		make_all_stale(session);
	}
	take_rings(session);
}

/* The posts that are cut off are sent again by whoever comes next, with the same id. */
static bool break_off(struct session *session, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct context *context = session->context;

	return transaction_begin(&transaction, context->db, err) && record_results(session, err) &&
	       webhook_release_all(context->db, session->holder, context_now(context), err) &&
	       transaction_commit(&transaction, err);
}

static bool is_in_trouble_too_long(struct session *session)
{
	const int64_t now_ms = clock_monotonic_ms();

	if (session->trouble_since_ms == 0)
		session->trouble_since_ms = now_ms;
	return now_ms - session->trouble_since_ms > TROUBLE_MS_MAX;
}

/* Until it holds no webhook any more. */
static bool run(struct session *session, struct error *err)
{
	for (;;) {
		const bool worked = !needs_turn(session) || take_turn(session, err);

		if (count_targets(session) == 0)
			return worked;
		if (!worked && is_in_trouble_too_long(session))
			return false;
		if (session->ending_since_ms != 0 &&
		    clock_monotonic_ms() - session->ending_since_ms > ENDING_MS_MAX)
			return break_off(session, err);
		wait(session);
	}
}

bool delivery_session_run(struct context *context, int64_t holder, struct error *err)
{
	struct session *session = open_session(context, holder);
	const bool worked = run(session, err);

	release_session(session);
	return worked;
}
