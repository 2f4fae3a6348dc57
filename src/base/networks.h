/* Addresses, IPv4 and IPv6, and lists of the networks that they are in. */
#ifndef BASE_NETWORKS_H
#define BASE_NETWORKS_H

#include "base/error.h"

#include <stdbool.h>

/* ERROR_INVALID unless it is a list like "192.0.2.7 10.0.0.0/8 2001:db8::/32", which may be empty. */
bool networks_check(const char *networks, struct error *err) MUST_CHECK;

/* False also where the address is none. "::ffff:192.0.2.7" is 192.0.2.7. */
bool networks_contain(const char *networks, const char *address);

#endif
