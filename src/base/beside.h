/* Files that lie beside the database, which whoever runs Hallpass has to get at. */
#ifndef BASE_BESIDE_H
#define BASE_BESIDE_H

#include <stdbool.h>

/*
 * Root's programs must not keep the services out: a file that root has just made becomes the owner's of the
 * database, if there is one. False, with errno, where it cannot.
 */
bool beside_give_to_owner(int file, const char *database);

#endif
