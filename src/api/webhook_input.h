/* What customers send of a webhook, for the project as a whole or for one bot. */
#ifndef API_WEBHOOK_INPUT_H
#define API_WEBHOOK_INPUT_H

#include "http/input.h"

/* The field `url`; NULL where it is missing or wrong. */
const char *webhook_input_url(struct input *input, enum input_need need, bool allow_private);

/*
 * The field `triggers`, a list of at least one of `choices` (NULL last), as the store has it: space
 * separated, in the order of the choices. NULL where it is missing or wrong.
 */
const char *webhook_input_triggers(struct input *input, enum input_need need,
				   const char *const *choices);

#endif
