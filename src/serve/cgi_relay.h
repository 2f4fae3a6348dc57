/*
 * A CGI program that goes on when it has answered. To a web server the answer is complete only when
 * nobody has the program's output open any more, and the program that it knows it may then end, or
 * sooner where nobody waits for the answer. A refresh of Zoom's tokens must not end like that; so it is
 * made by a process that the web server knows nothing of, and the one that it knows waits for the answer.
 */
#ifndef SERVE_CGI_RELAY_H
#define SERVE_CGI_RELAY_H

#include <stdbool.h>

struct cgi_relay {
	bool is_there; /* false where no other process could be started: all of it is this one's */
	int descriptor;
};

/* Returns in the process that is to answer. Before anything is opened or locked that a child cannot inherit. */
struct cgi_relay cgi_relay_begin(void);

/* The answer is printed, by this process beside a relay: closes its output, so that nothing is heard of it any more. */
void cgi_relay_end(const struct cgi_relay *relay);

#endif
