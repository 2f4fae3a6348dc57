/*
 * no_op: a FastCGI responder that reads a request and answers {}: what nginx, libfcgi and the threads cost
 * by themselves.
 *
 *   no_op THREADS    on the listening socket that is its standard input
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>

static void *serve(void *argument)
{
	FCGX_Request request;
	char body[4096];

	(void)argument;
	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(body, sizeof(body), request.in) == (int)sizeof(body))
			;
		FCGX_PutS("Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
			  request.out);
		FCGX_Finish_r(&request);
	}
	return NULL;
}

int main(int argument_count, char **arguments)
{
	const long thread_count = argument_count == 2 ? strtol(arguments[1], NULL, 10) : 1;
	pthread_t thread;

	if (FCGX_Init() != 0)
		return EXIT_FAILURE;
	for (long i = 1; i < thread_count; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			return EXIT_FAILURE;
	serve(NULL);
	return EXIT_SUCCESS;
}
