#include "zoom/circuit.h"

bool circuit_is_resting(const struct circuit *circuit, int64_t now_ms)
{
	switch (circuit->state) {
	case CIRCUIT_OPEN:
		return now_ms < circuit->next_probe_ms;
	case CIRCUIT_PROBING:
		return now_ms < circuit->probe_until_ms;
	default:
		return false;
	}
}

bool circuit_ask(struct circuit *circuit, int64_t now_ms, int64_t timeout_ms,
		 struct circuit_pass *pass)
{
	if (circuit_is_resting(circuit, now_ms))
		return false;
	*pass = (struct circuit_pass){.asked_ms = now_ms};
	if (circuit->state == CIRCUIT_CLOSED)
		return true;
	circuit->state = CIRCUIT_PROBING;
	circuit->probe_until_ms = now_ms + timeout_ms + CIRCUIT_PROBE_MARGIN_MS;
	pass->probe = ++circuit->probe;
	return true;
}

/* Between three quarters of the wait and all of it, lest the probes of all processes meet. */
static int64_t wait_ms(int failed_probes, uint32_t spread)
{
	static const int64_t waits_ms[] = {1000, 2000, 4000, 8000, 16000, CIRCUIT_WAIT_MS_MAX};
	const int last = COUNT_OF(waits_ms) - 1;
	const int64_t wait = waits_ms[failed_probes < last ? failed_probes : last];

	return wait - wait / 4 * (int64_t)(spread & 0xffff) / 0xffff;
}

static void open_until(struct circuit *circuit, int64_t next_probe_ms)
{
	circuit->state = CIRCUIT_OPEN;
	circuit->next_probe_ms = next_probe_ms;
}

static bool close_it(struct circuit *circuit, int64_t now_ms)
{
	const bool was_open = circuit->state != CIRCUIT_CLOSED;

	*circuit = (struct circuit){.answered_ms = now_ms, .probe = circuit->probe};
	return was_open;
}

/* False where a failure of this subject is among them already. */
static bool is_new_subject(struct circuit *circuit, uint64_t subject)
{
	for (int i = 0; subject != 0 && i < CIRCUIT_FAILURES_MIN; i++) {
		if (circuit->subjects[i] == subject)
			return false;
		if (circuit->subjects[i] == 0) {
			circuit->subjects[i] = subject;
			return true;
		}
	}
	return true;
}

/* A call may have been asked before the latest answer: the silence begins with that. */
static void begin_row(struct circuit *circuit, int64_t asked_ms)
{
	*circuit = (struct circuit){
		.answered_ms = circuit->answered_ms,
		.probe = circuit->probe,
		.failing_since_ms =
			asked_ms > circuit->answered_ms ? asked_ms : circuit->answered_ms,
	};
}

static bool fail_closed(struct circuit *circuit, int64_t asked_ms, uint64_t subject, int64_t now_ms,
			uint32_t spread)
{
	if (circuit->failures == 0 || now_ms - circuit->last_failure_ms > CIRCUIT_GAP_MS_MAX)
		begin_row(circuit, asked_ms);
	if (is_new_subject(circuit, subject)) {
		circuit->failures++;
		circuit->last_failure_ms = now_ms;
	}
	if (circuit->failures < CIRCUIT_FAILURES_MIN ||
	    now_ms - circuit->failing_since_ms < CIRCUIT_SILENCE_MS_MIN)
		return false;
	open_until(circuit, now_ms + wait_ms(0, spread));
	return true;
}

bool circuit_report(struct circuit *circuit, const struct circuit_pass *pass,
		    enum circuit_outcome outcome, uint64_t subject, int64_t now_ms, uint32_t spread)
{
	const bool is_probe = circuit->state == CIRCUIT_PROBING && pass->probe == circuit->probe;

	if (outcome == CIRCUIT_ANSWERED)
		return close_it(circuit, now_ms);
	if (circuit->state == CIRCUIT_CLOSED)
		return outcome == CIRCUIT_FAILED &&
		       fail_closed(circuit, pass->asked_ms, subject, now_ms, spread);
	if (!is_probe)
		return false;
	if (outcome == CIRCUIT_UNPROVEN) {
		open_until(circuit, now_ms);
		return false;
	}
	circuit->failed_probes++;
	open_until(circuit, now_ms + wait_ms(circuit->failed_probes, spread));
	return true;
}

void circuit_adopt(struct circuit *circuit, int failed_probes, int64_t wait, int64_t now_ms)
{
	if (wait > CIRCUIT_WAIT_MS_MAX)
		wait = CIRCUIT_WAIT_MS_MAX;
	circuit->failed_probes = failed_probes > 0 ? failed_probes : 0;
	open_until(circuit, wait > 0 ? now_ms + wait : now_ms);
}
