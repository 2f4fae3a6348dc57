/*
 * One circuit: whether a host of Zoom's is asked at all. Pure: times are milliseconds that only grow
 * (clock_monotonic_ms()) and come in as arguments; what is shared by threads is zoom/circuits.h.
 *
 *	closed    every call is let through
 *	open      none is, until next_probe_ms
 *	probing   one call is under way and finds out; no other is let through
 *
 * It opens after failures in a row, not by their ratio: a single answer proves that Zoom is there,
 * and a ratio would let one busy user's failures shut out the others. For the same reason an answer
 * that is a failure (a 5xx, a broken body) counts once for each subject, so that one user or meeting
 * which Zoom cannot serve never opens it; only silence counts every time. Any answer closes it, also
 * that of a call which was under way when it opened. How Zoom says no (4xx, 429) is an answer.
 */
#ifndef ZOOM_CIRCUIT_H
#define ZOOM_CIRCUIT_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	/* It opens after so many failures in a row … */
	CIRCUIT_FAILURES_MIN = 5,
	/* … when the first one's call began so long ago, so that a hiccup is none … */
	CIRCUIT_SILENCE_MS_MIN = 2000,
	/* … and none came so long after the one before it that it tells nothing of that time. */
	CIRCUIT_GAP_MS_MAX = 60 * 1000,
	/* From the first wait for a probe, about a second, they grow to this. */
	CIRCUIT_WAIT_MS_MAX = 30 * 1000,
	/* A probe that has not reported so long after its time-out never will. */
	CIRCUIT_PROBE_MARGIN_MS = 5000,
	/* A call that was given less time than this proves nothing when it runs out. */
	CIRCUIT_TIMEOUT_MS_MIN = 500,
};

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_PROBING };

/* All zero is closed. */
struct circuit {
	enum circuit_state state;
	int64_t answered_ms; /* the latest answer; 0: none yet */

	int failures;                            /* in a row, while closed */
	uint64_t subjects[CIRCUIT_FAILURES_MIN]; /* of those that count once; 0: free */
	int64_t failing_since_ms;                /* when the first of them was asked */
	int64_t last_failure_ms;

	int failed_probes; /* since it opened; the wait grows with them */
	int64_t next_probe_ms;
	uint64_t probe; /* counts probes, so that a late report is not taken for the newest one's */
	int64_t probe_until_ms;
};

/* A call that was let through, until it is reported. */
struct circuit_pass {
	int64_t asked_ms;
	uint64_t probe; /* 0: it is none */
};

enum circuit_outcome {
	CIRCUIT_ANSWERED,
	CIRCUIT_FAILED,
	CIRCUIT_UNPROVEN, /* nothing was learnt of the host */
};

/* Would a call be refused now? */
bool circuit_is_resting(const struct circuit *circuit, int64_t now_ms);

/* False: the call must not be made. Else it must be reported, within timeout_ms if it can. */
bool circuit_ask(struct circuit *circuit, int64_t now_ms, int64_t timeout_ms,
		 struct circuit_pass *pass) MUST_CHECK;

/*
 * subject: on whose behalf Zoom was asked, of an answer that is a failure; 0 where none came.
 * spread: 0 … 65535 at random, for the jitter of the wait. True where the circuit was opened, its
 * wait was extended, or it was closed.
 */
bool circuit_report(struct circuit *circuit, const struct circuit_pass *pass,
		    enum circuit_outcome outcome, uint64_t subject, int64_t now_ms,
		    uint32_t spread);

/* Opens it as another process has it: the next probe is due in wait_ms, which is bounded. */
void circuit_adopt(struct circuit *circuit, int failed_probes, int64_t wait_ms, int64_t now_ms);

#endif
