/* The worker: nothing of what it does by itself is missed at once where nobody has started it. */
#include "cli/doctor.h"
#include "store/periodic_job.h"
#include "store/project.h"
#include "store/work_queue.h"

#include <inttypes.h>

/* What any worker that lives does once an hour, whatever else there is to do. */
static const char hourly_job[] = "clean_up";

static const instant late_max = 10 * MINUTE; /* as packaging/monitoring has it */

/* How long that has been waited for: not before there is a project, whose users could miss it. */
static bool hourly_delay(struct call *call, instant *delay, struct error *err)
{
	const instant now = clock_now(&call->process.clock);
	struct project *projects;
	instant due;
	size_t count;

	if (!periodic_job_next(call->db, hourly_job, &due, err) ||
	    !project_list(call->db, call->arena, &projects, &count, err))
		return false;
	if (count > 0 && due < projects[0].created_at)
		due = projects[0].created_at;
	*delay = count > 0 ? now - due : 0;
	return true;
}

/* What is waited for longest without a reason of its own, and how long. */
static bool find_delay(struct examination *examination, const char **job, instant *longest,
		       struct error *err)
{
	struct call *call = examination->call;
	const instant now = clock_now(&call->process.clock);

	*job = hourly_job;
	if (!hourly_delay(call, longest, err))
		return false;
	for (size_t i = 0; i < WORK_QUEUE_COUNT; i++) {
		const struct work_queue *queue = &work_queues[i];
		instant delay;

		if (queue->waits_for_runners || (queue->needs_zoom && examination->is_zoom_away))
			continue;
		if (!work_queue_delay(queue, call->db, now, &delay, err))
			return false;
		if (delay > *longest) {
			*longest = delay;
			*job = queue->job;
		}
	}
	return true;
}

void doctor_check_worker(struct examination *examination)
{
	struct error err = {0};
	const char *job;
	instant delay;

	if (!examination->has_schema)
		return;
	if (!find_delay(examination, &job, &delay, &err))
		examination_note(examination, LEVEL_FAIL, "worker",
				 "see what is said of the database", "%s", err.message);
	else if (delay > late_max)
		examination_note(
			examination, LEVEL_WARN, "worker",
			"see that hallpass-worker runs (systemctl status hallpass-worker; on a web host the "
			"line of the cron), and what its log says of that job",
			"its %s has waited for %" PRId64 " minutes", job, delay / MINUTE);
	else
		examination_note(examination, LEVEL_OK, "worker", NULL, "none of its work is late");
}
