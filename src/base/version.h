/* Which Hallpass this is. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define HALLPASS_VERSION "0.1.0"

#endif
