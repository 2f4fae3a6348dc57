/* Hosts of Zoom's that some process has stopped asking, for the others to know (table zoom_circuits). */
#ifndef STORE_ZOOM_CIRCUIT_H
#define STORE_ZOOM_CIRCUIT_H

#include "base/clock.h"
#include "store/db.h"

#include <stddef.h>

/* An open circuit; see zoom/circuit.h. */
struct zoom_circuit {
	const char *host; /* "api.zoom.us" */
	instant failing_since;
	instant next_probe_at;
	int failed_probes; /* since it opened */
	const char *last_error;
};

enum { ZOOM_CIRCUITS_MAX = 16 }; /* more hosts than any configuration has */

bool zoom_circuit_put(struct db *db, const struct zoom_circuit *circuit, instant now,
		      struct error *err) MUST_CHECK;

/* Zoom has answered. */
bool zoom_circuit_remove(struct db *db, const char *host, struct error *err) MUST_CHECK;

/* All but those of which nobody has told anything for so long that their process must be gone. */
bool zoom_circuit_list(struct db *db, struct arena *arena, instant now,
		       struct zoom_circuit circuits[static ZOOM_CIRCUITS_MAX], size_t *count,
		       struct error *err) MUST_CHECK;

#endif
