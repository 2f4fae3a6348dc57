/* The sandbox of the programs that serve, which the doctor enters itself: it calls Zoom as some of them do. */
#include "cli/doctor.h"

#include "serve/sandbox.h"

/* The versions of Landlock that brought more than files. */
enum { VERSION_WITH_CONNECTIONS = 4 };

void doctor_check_sandbox(struct examination *examination)
{
	static const char no_landlock[] =
		"Hallpass works without; to have this second fence, use Linux 5.13 or later with landlock "
		"in its lsm= list";
	const struct sandbox_role role = {.calls_out = true};
	const int version = sandbox_version();
	struct error err = {0};

	if (!examination->has_config)
		return;
	if (sandbox_enter(&examination->call->process.config, &role, version, &err))
		examination_note(examination, LEVEL_OK, "sandbox", NULL,
				 "Landlock, version %d: programs keep to their own files%s",
				 version,
				 version >= VERSION_WITH_CONNECTIONS
					 ? ", and connect to nobody unless that is their part"
					 : "");
	else
		examination_note(examination, LEVEL_WARN, "sandbox",
				 version < 1 ? no_landlock : "see what is said of the folders",
				 "programs run without: %s", err.message);
}
