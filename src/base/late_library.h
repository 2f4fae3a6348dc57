/*
 * Shared libraries that are loaded when the first of their functions is called, rather than with the
 * program: a program that answers one request and ends spends most of its time on loading libraries, and
 * most requests need neither OpenSSL nor curl, which brings thirty others along.
 *
 * The one file that owns such a library defines functions of the library's own names, which pass the call
 * on; nobody else notices, and the program is not linked with the library.
 */
#ifndef BASE_LATE_LIBRARY_H
#define BASE_LATE_LIBRARY_H

/*
 * The function of that name, and the library with it unless it is loaded already; kept in *place from then
 * on, by any thread. A library or function that is not there ends the process, as it would at its start.
 */
void *late_library_function(void *_Atomic *place, const char *library, const char *name);

#endif
