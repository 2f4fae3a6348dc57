/* What a test needs to be done before it goes on. */
#ifndef SUPPORT_MUST_H
#define SUPPORT_MUST_H

#include "base/error.h"

#include <stdbool.h>

/* Fails the test with what err says. */
void must(bool is_done, const struct error *err);

#endif
