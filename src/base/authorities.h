/*
 * The certificates of the public authorities, by which the other side of a TLS connection proves who it is:
 * one set of them for all connections of a process. By itself curl reads them again for each connection, and
 * keeps them as long as that: 0.9 MiB and 20 ms of a processor.
 */
#ifndef BASE_AUTHORITIES_H
#define BASE_AUTHORITIES_H

#include "base/attr.h"

#include <stdbool.h>

struct authorities;

/* Whether they can be lent to the connections of such a library, as curl names it: "OpenSSL/3.0.19". */
bool authorities_fit(const char *tls_library);

/* Nothing is read yet. `folder`: more of them, found by the hashes of their names, or NULL. Both are copied. */
struct authorities *authorities_open(const char *file, const char *folder);
void authorities_close(struct authorities **authorities);

/*
 * Lets a connection that is about to begin, an SSL_CTX of OpenSSL's, go by them. Where the file has changed it
 * is read again. False where it cannot be read. From any thread.
 */
bool authorities_lend(struct authorities *authorities, void *ssl_context) MUST_CHECK;

#endif
