/* What responder.c calls of libfcgi, which is loaded with the first call: base/late_library.h. */
#include "base/late_library.h"

#include <fcgiapp.h>

/* Its name since 2003; one with another would have other functions. */
#define LATE(function)                                                                         \
	({                                                                                     \
		static void *_Atomic loaded;                                                   \
		(typeof(function) *)late_library_function(&loaded, "libfcgi.so.0", #function); \
	})

int FCGX_Init(void)
{
	return LATE(FCGX_Init)();
}

int FCGX_InitRequest(FCGX_Request *request, int socket, int flags)
{
	return LATE(FCGX_InitRequest)(request, socket, flags);
}

int FCGX_Accept_r(FCGX_Request *request)
{
	return LATE(FCGX_Accept_r)(request);
}

void FCGX_Free(FCGX_Request *request, int closes)
{
	LATE(FCGX_Free)(request, closes);
}

int FCGX_GetStr(char *bytes, int size, FCGX_Stream *stream)
{
	return LATE(FCGX_GetStr)(bytes, size, stream);
}

int FCGX_GetError(FCGX_Stream *stream)
{
	return LATE(FCGX_GetError)(stream);
}

int FCGX_PutStr(const char *bytes, int size, FCGX_Stream *stream)
{
	return LATE(FCGX_PutStr)(bytes, size, stream);
}

int FCGX_FClose(FCGX_Stream *stream)
{
	return LATE(FCGX_FClose)(stream);
}

void FCGX_FreeStream(FCGX_Stream **stream)
{
	LATE(FCGX_FreeStream)(stream);
}
