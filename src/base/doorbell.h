/*
 * Tells a sleeping worker that there is work: a FIFO beside the database. Ringing is best effort,
 * for the worker also wakes at the next due time that the database names.
 */
#ifndef BASE_DOORBELL_H
#define BASE_DOORBELL_H

#include "base/error.h"

#include <stdbool.h>

/* Never blocks; nobody there to hear it is no failure. */
void doorbell_ring(const char *database);

/* Makes the FIFO where it is missing. *descriptor becomes readable at each ring. */
bool doorbell_open(const char *database, int *descriptor, struct error *err) MUST_CHECK;

/* Takes the rings so far off the descriptor. */
void doorbell_clear(int descriptor);

#endif
