/*
 * What the process knows of Zoom's hosts, shared with the others through the database, as well as it
 * goes: a failure here costs nothing but the knowledge.
 */
#ifndef SERVE_ZOOM_CIRCUITS_H
#define SERVE_ZOOM_CIRCUITS_H

#include "serve/context.h"

/*
 * Before Zoom is called: takes up what other processes know, the first time that it is called in
 * this process. A plain CGI process, which lives for one request, would know nothing else.
 */
void zoom_circuits_read(const struct context *context);

/*
 * Once the answer is out, for writing may have to wait: tells the database and the log of circuits
 * that have opened or closed, whichever thread's calls did it.
 */
void zoom_circuits_tell(const struct context *context);

#endif
