/* Root, who may read everything, as the user whose the database is: that of the services. */
#ifndef CLI_OWNER_H
#define CLI_OWNER_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

/* Does nothing for who is not root, and where the database is root's; its folder counts where there is none. */
bool owner_become(struct arena *arena, const char *database, struct error *err) MUST_CHECK;

#endif
