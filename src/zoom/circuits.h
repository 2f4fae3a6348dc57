/*
 * The circuits of a process, one for each host of Zoom's, shared by its threads. What a circuit
 * decides, and why, is in zoom/circuit.h. What others should know of it leaves through
 * circuits_take_news() and comes in through circuits_adopt(); neither this nor a call waits for a
 * database.
 */
#ifndef ZOOM_CIRCUITS_H
#define ZOOM_CIRCUITS_H

#include "base/arena.h"
#include "base/clock.h"
#include "store/zoom_circuit.h"
#include "zoom/circuit.h"
#include "zoom/rate_limits.h"

#include <stdbool.h>
#include <stdint.h>

struct circuits;

struct circuits *circuits_open(void);
void circuits_close(struct circuits **circuits);

/* "api.zoom.us" of a URL, with the port where it names one. */
const char *circuit_host(struct arena *arena, const char *url);

/* Whether a call to the host would be refused now; then *open tells of it, with strings in the arena. */
bool circuits_is_resting(struct circuits *circuits, struct arena *arena, const char *host,
			 instant now, struct zoom_circuit *open);

/* circuit_ask() of the host's circuit; where it is refused *open is filled as above. */
bool circuits_ask(struct circuits *circuits, struct arena *arena, const char *host, long timeout_ms,
		  instant now, struct circuit_pass *pass, struct zoom_circuit *open) MUST_CHECK;

/* circuit_report(); error is the sentence that goes with a failure. */
void circuits_report(struct circuits *circuits, const char *host, const struct circuit_pass *pass,
		     enum circuit_outcome outcome, uint64_t subject, const char *error,
		     instant now);

/* Opens the host's circuit as another process has it, unless this one has learnt of it itself. */
void circuits_adopt(struct circuits *circuits, const struct zoom_circuit *open, instant now);

/* rate_limits_find() and rate_limits_note() of the process. */
bool circuits_find_limit(struct circuits *circuits, uint64_t subject, instant now, instant *until);
void circuits_note_limit(struct circuits *circuits, uint64_t subject, instant now, instant until);

/* True to the first caller alone, who is to read what other processes know. */
bool circuits_are_new(struct circuits *circuits);

/*
 * Has a circuit changed that was not told of yet? Taking it tells how it is now: *is_open, and in
 * *news the whole of it, or the host alone where it is closed.
 */
bool circuits_have_news(struct circuits *circuits);
bool circuits_take_news(struct circuits *circuits, struct arena *arena, instant now,
			struct zoom_circuit *news, bool *is_open);

#endif
