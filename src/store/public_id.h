/* The ids that the outside sees: a prefix that tells the kind, and 20 random base62 characters. */
#ifndef STORE_PUBLIC_ID_H
#define STORE_PUBLIC_ID_H

#include "base/arena.h"

char *public_id_make(struct arena *arena, const char *prefix);

#endif
