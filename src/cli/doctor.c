/*
 * `hallpass doctor`: one line for each finding, and what to do where it is not well. Checks go on
 * past what is wrong as far as they can.
 */
#include "cli/doctor.h"

#include <stdio.h>

static doctor_check *const checks[] = {
	doctor_check_config,        doctor_check_sandbox,     doctor_check_key_file,
	doctor_check_folders,       doctor_check_disk,        doctor_check_database_modes,
	doctor_check_database,      doctor_check_secrets,     doctor_check_zoom,
	doctor_check_zoom_circuits, doctor_check_clock,       doctor_check_app_credentials,
	doctor_check_events,        doctor_check_connections, doctor_check_worker,
	doctor_check_public_url,
};

bool run_doctor(struct call *call, struct error *err)
{
	struct examination examination = {.call = call, .findings = json_array()};

	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		checks[i](&examination);
		fflush(stdout); /* the next one may take its time */
	}
	if (call->is_json)
		command_print_json(call,
				   json_pack("{s:b, s:O}", "ok", examination.failed_count == 0,
					     "findings", examination.findings));
	json_decref(examination.findings);
	if (examination.failed_count == 0)
		return true;
	return error_set(err, ERROR_INVALID, "%d of %d findings FAILed; they say what to do",
			 examination.failed_count, examination.finding_count);
}
