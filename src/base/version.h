/* Which Hallpass this is. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

static const char hallpass_version[] = "0.1.0";

#endif
