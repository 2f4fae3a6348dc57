/*
 * The second fence around a program, behind whatever the system puts around it: once it has started it
 * gives up, by Linux's Landlock, what its role does not need, for good. Whoever then takes it over can
 * start no other program, and reaches no files but those that the program itself lives on: the
 * database's folder; the key file's, to read; what packages install under /usr; and, where the role
 * calls others, /etc, where name servers and certificates are configured. That those are folders and
 * not files is because all of them are replaced while programs run.
 *
 * From the version of Landlock on that has it, the program also takes no TCP port, connects to none
 * unless its role calls others (4), and reaches no process outside by signals or abstract sockets (6).
 */
#ifndef SERVE_SANDBOX_H
#define SERVE_SANDBOX_H

#include "base/config.h"
#include "base/error.h"

#include <stdbool.h>

struct sandbox_role {
	bool calls_out;     /* Zoom, or receivers of webhooks */
	bool replaces_keys; /* else the key file's folder is only read */
	const char *reads;  /* a file that it reads, too; NULL: none */
	const char *writes; /* a file beside which it writes, too; NULL: none */
};

/* The version of Landlock that this kernel has; below 1 it is the negative errno(3) of why there is none. */
int sandbox_version(void);

/*
 * Of the calling thread and those that it starts afterwards: so before there are others. `version` is
 * what sandbox_version() says; no more is asked of the kernel than that one knows. Where it fails the
 * program can go on without, and err says what is missing.
 */
bool sandbox_enter(const struct config *config, const struct sandbox_role *role, int version,
		   struct error *err) MUST_CHECK;

#endif
