#include "serve/zoom_circuits.h"

#include "store/transaction.h"
#include "store/zoom_circuit.h"
#include "zoom/circuits.h"

void zoom_circuits_read(const struct context *context)
{
	struct zoom_circuit found[ZOOM_CIRCUITS_MAX];
	struct circuits *circuits = context->process->circuits;
	const instant now = context_now(context);
	struct error ignored;
	size_t count;

	if (context->db == NULL || !circuits_are_new(circuits) ||
	    !zoom_circuit_list(context->db, context->arena, now, found, &count, &ignored))
		return;
	for (size_t i = 0; i < count; i++)
		circuits_adopt(circuits, &found[i], now);
}

static void log_news(const struct log *log, const struct zoom_circuit *news, bool is_open)
{
	const struct log_field fields[] = {
		{"host", news->host, 0},
		{"state", is_open ? "open" : "closed", 0},
		{is_open ? "failed_probes" : NULL, NULL, news->failed_probes},
		{is_open ? "error" : NULL, news->last_error, 0},
		{NULL, NULL, 0},
	};

	log_write(log, is_open ? LOG_WARN : LOG_INFO, "zoom_circuit", fields);
}

/*
 * The news are taken inside the transaction: of two threads with something to tell, the later one
 * cannot know less.
 */
static void tell(const struct context *context, struct arena *arena)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct circuits *circuits = context->process->circuits;
	const instant now = context_now(context);
	struct db *db = context->db;
	struct zoom_circuit news;
	struct error ignored;
	bool is_open;

	if (!transaction_begin(&transaction, db, &ignored))
		return;
	while (circuits_take_news(circuits, arena, now, &news, &is_open)) {
		log_news(&context->process->log, &news, is_open);
		if (!(is_open ? zoom_circuit_put(db, &news, now, &ignored)
			      : zoom_circuit_remove(db, news.host, &ignored)))
			return;
	}
	if (!transaction_commit(&transaction, &ignored))
		return;
}

void zoom_circuits_tell(const struct context *context)
{
	SCOPED(arena_release) struct arena arena = {0};

	if (context->db != NULL && circuits_have_news(context->process->circuits))
		tell(context, &arena);
}
