#include "support/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void must(bool is_done, const struct error *err)
{
	if (!is_done)
		fail_msg("%s: %s", err->code, err->message);
}
