#include "base/late_library.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Asked again, dlopen() gives what is loaded; it is never unloaded. */
static void *load(const char *library, const char *name)
{
	void *handle = dlopen(library, RTLD_NOW);
	void *function = handle != NULL ? dlsym(handle, name) : NULL;

	if (function == NULL) {
		fprintf(stderr, "hallpass: %s\n", dlerror());
		abort();
	}
	return function;
}

void *late_library_function(void *_Atomic *place, const char *library, const char *name)
{
	void *function = atomic_load_explicit(place, memory_order_acquire);

	if (function == NULL) {
		function = load(library, name);
		atomic_store_explicit(place, function, memory_order_release);
	}
	return function;
}
