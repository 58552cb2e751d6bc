#include "session_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "run.h"
#include "target.h"

/* A session that lasts longer is worth a note. */
#define SLOW_MS 20000

void
session_fail(const struct session *session, const char *what)
{
	const struct model *model = &session->model;
	char script[SCRIPT_TEXT_SIZE];

	run_fail(session->run,
		 "session %" PRIu64 ": %s\n# %s\n# sent=%" PRIu64
		 " received=%" PRIu64 " of them echo=%" PRIu64
		 " version=%u (%u to %u) finished=%d state=%d",
		 session->index, what, script_format(&session->script, script),
		 session->sent, model->received, model->position,
		 model->version, model->oldest,
		 target_newest(session->run->target), session->finished,
		 (int)session->state);
}

void
session_fail_errno(const struct session *session, const char *what, int error)
{
	char text[160];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	session_fail(session, text);
}

/* echod cannot see slow reading, and may have closed the session as idle. */
static bool
is_late(const struct session *session)
{
	double idle = session->script.kind->idle;

	return idle > 0 && (double)(run_now() - session->begun) > idle * 500;
}

bool
session_may_finish(const struct session *session)
{
	const struct fault_params *fault = &session->script.kind->fault;

	if (session->run->draining || is_late(session))
		return true;
	if (model_is_cut(&session->model) && fault->end != FAULT_reset)
		return true;
	return session->finished &&
	       model_is_whole(&session->model, session->sent);
}

bool
session_may_reset(const struct session *session)
{
	enum fault_end end = session->script.kind->fault.end;

	if (is_late(session))
		return true;
	return model_is_cut(&session->model) &&
	       (end == FAULT_reset || end == FAULT_stall);
}

void
session_check_time(const struct session *session)
{
	const struct fault_params *fault = &session->script.kind->fault;
	int64_t passed = run_now() - session->first_sent + 1;
	int64_t delay = (int64_t)(fault->delay * 1000);

	if (passed < delay)
		session_fail(session,
			     "a byte comes before fault.delay is over");
	if (fault->rate > 0 &&
	    session->model.received >
		    (uint64_t)(passed - delay) * fault->rate / 1000 + 1)
		session_fail(session, "bytes come faster than fault.rate");
}

void
session_report_slow(struct session *session)
{
	char script[SCRIPT_TEXT_SIZE];

	if (session->noted || run_now() - session->begun < SLOW_MS)
		return;
	session->noted = true;
	printf("# session %" PRIu64 " is slow: sent=%" PRIu64 " echo=%" PRIu64
	       " received=%" PRIu64 " version=%u %s\n",
	       session->index, session->sent, session->model.position,
	       session->model.received, session->model.version,
	       script_format(&session->script, script));
}
