#include "probe/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/container_of.h"
#include "probe/output.h"
#include "probe/prober.h"
#include "probe/run.h"
#include "probe/run_setup.h"

#define TICK_MS 100

/*
 * Connections at a time that are being opened and have echoed nothing yet:
 * fewer than any server's backlog.
 */
#define OPENING_MAX 64

/* After a signal, messages under way get this many seconds at most. */
#define STOP_SECONDS 1.0

/* After the last echo of UDP, a second copy of it can still come. */
#define UDP_QUIET_MS 200

#define MS INT64_C(1000000)

enum phase {
	PHASE_WARMING,
	PHASE_RUNNING,
	PHASE_CLOSING,
	PHASE_OVER,
};

struct probe {
	struct run run;
	struct target_list targets;
	struct prober **probers; /* one for each target */
	size_t count;		 /* of these */
	struct output output;
	enum phase phase;
	unsigned opened; /* connections, one by one */
	bool is_opening;
	int64_t stop_at;    /* of the time limit; INT64_MAX */
	int64_t give_up_at; /* on messages under way; INT64_MAX */
	int64_t quiet_at;   /* UDP has been quiet since all has ended; 0 */
	struct event *tick, *pace, *limit, *signals[2];
};

/* The exit status; prints the reason. */
static int
fail(int status, const char *reason)
{
	fprintf(stderr, "echoprobe: %s\n", reason);
	return status;
}

/* ---- messages begin */

/* One connection to each target.  False: that is enough for now. */
static bool
open_round(struct probe *probe)
{
	bool any = false;

	for (size_t i = 0; i < probe->count; i++) {
		if (probe->opened - probe->run.established >= OPENING_MAX)
			return false;
		if (prober_open_one(probe->probers[i])) {
			probe->opened++;
			any = true;
		}
	}
	return any;
}

/* A connection can fail at once; that comes here again. */
static void
open_more(struct probe *probe)
{
	if (probe->is_opening)
		return;
	probe->is_opening = true;
	while (!probe->run.stopping && open_round(probe))
		;
	probe->is_opening = false;
}

static void
on_progress(struct run *run)
{
	open_more(container_of(run, struct probe, run));
}

/* Begins what is due, and sets the timer for the next. */
static void
on_pace(evutil_socket_t fd, short what, void *argument)
{
	struct probe *probe = argument;
	int64_t now = run_now(), next = INT64_MAX, wait;
	struct timeval pause;

	(void)fd;
	(void)what;
	if (now > probe->stop_at)
		now = probe->stop_at;
	for (size_t i = 0; i < probe->count && !probe->run.stopping; i++) {
		int64_t time = prober_release(probe->probers[i], now);

		if (time < next)
			next = time;
	}
	if (next == INT64_MAX || probe->run.stopping)
		return;
	wait = (next - run_now() + 999) / 1000;
	wait = wait > 0 ? wait : 0;
	pause = (struct timeval){ .tv_sec = wait / 1000000,
				  .tv_usec = wait % 1000000 };
	event_add(probe->pace, &pause);
}

/* ---- the phases */

/* Nothing new begins; what is under way has `seconds`. */
static void
stop(struct probe *probe, double seconds)
{
	int64_t at = run_now() + (int64_t)(seconds * 1e9);

	probe->run.stopping = true;
	if (at < probe->give_up_at)
		probe->give_up_at = at;
}

/* What was due before begins, however late this comes. */
static void
on_limit(evutil_socket_t fd, short what, void *argument)
{
	struct probe *probe = argument;

	on_pace(fd, what, probe);
	stop(probe, probe->run.options->timeout);
}

static void
set_limit(struct probe *probe, int64_t now)
{
	double seconds = probe->run.options->seconds;
	struct timeval wait = { .tv_sec = (time_t)seconds };

	wait.tv_usec = (suseconds_t)((seconds - (double)wait.tv_sec) * 1e6);
	probe->stop_at = now + (int64_t)(seconds * 1e9);
	event_add(probe->limit, &wait);
}

static void
begin(struct probe *probe)
{
	struct run *run = &probe->run;
	int64_t now = run_now();

	probe->phase = PHASE_RUNNING;
	run->warming = false;
	tally_begin(&run->tally, now);
	if (run->options->seconds > 0)
		set_limit(probe, now);
	probe->opened = run->established = 0;
	run->last = 0;
	for (size_t i = 0; i < probe->count; i++)
		prober_begin(probe->probers[i], now);
	open_more(probe);
	on_pace(-1, 0, probe);
}

/* Tells the parent that all is quiet, and waits for its line. */
static bool
step(const char *word)
{
	char line[16];

	if (word)
		puts(word);
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin))
		return true;
	fail(0, "--step: standard input has ended");

	return false;
}

static void
end_messages(struct probe *probe)
{
	for (size_t i = 0; i < probe->count; i++) {
		struct target_tally *tally = &probe->run.tally.targets[i];

		tally->unfinished = prober_awaited(probe->probers[i]);
		tally->silent = prober_silent(probe->probers[i]);
	}
	tally_finish(&probe->run.tally,
		     probe->run.last ? probe->run.last : run_now());
}

/* With --step the report comes before the connections end. */
static void
close_connections(struct probe *probe)
{
	probe->phase = PHASE_CLOSING;
	end_messages(probe);
	if (probe->run.options->step) {
		output_end(&probe->output, &probe->run.tally);
		step(NULL);
	}
	probe->give_up_at = INT64_MAX;
	stop(probe, probe->run.options->timeout);
	for (size_t i = 0; i < probe->count; i++)
		prober_close(probe->probers[i]);
}

static void
end(struct probe *probe)
{
	probe->phase = PHASE_OVER;
	event_base_loopbreak(probe->run.base);
}

static bool
for_all(const struct probe *probe, bool (*is)(const struct prober *prober))
{
	for (size_t i = 0; i < probe->count; i++)
		if (!is(probe->probers[i]))
			return false;
	return true;
}

static void
warm_on(struct probe *probe)
{
	if (probe->run.stopping) {
		end_messages(probe);
		output_end(&probe->output, &probe->run.tally);
		end(probe);
	} else if (for_all(probe, prober_is_ready)) {
		if (step("ready"))
			begin(probe);
		else
			stop(probe, 0);
	}
}

static void
count_second(struct probe *probe, int64_t now)
{
	struct tally *tally = &probe->run.tally;
	const struct second *second = tally_tick(tally, now);
	unsigned open = 0;

	if (!second)
		return;
	for (size_t i = 0; i < probe->count; i++)
		open += prober_open_count(probe->probers[i]);
	output_second(&probe->output, tally, second, now - tally->begin, open);
	/* Full, or its reader has left ("echoprobe ... | head"). */
	if (ferror(stdout))
		stop(probe, 0);
}

/* True if all has ended and no copy of an echo is to be expected. */
static bool
is_quiet(struct probe *probe, int64_t now)
{
	bool has_udp = false;

	for (size_t i = 0; i < probe->count; i++) {
		if (prober_awaited(probe->probers[i]) > 0)
			return false;
		has_udp |= probe->targets.items[i].scheme == TARGET_UDP;
	}
	if (!has_udp || probe->run.options->step)
		return true;
	if (probe->quiet_at == 0)
		probe->quiet_at = now + UDP_QUIET_MS * MS;
	return now >= probe->quiet_at;
}

static void
run_on(struct probe *probe, int64_t now)
{
	count_second(probe, now);
	if (!probe->run.stopping && !for_all(probe, prober_has_begun_all))
		return;
	if (now >= probe->give_up_at || is_quiet(probe, now))
		close_connections(probe);
}

static void
on_tick(evutil_socket_t fd, short what, void *argument)
{
	struct probe *probe = argument;
	int64_t now = run_now();

	(void)fd;
	(void)what;
	for (size_t i = 0; i < probe->count; i++)
		prober_tick(probe->probers[i], now);
	switch (probe->phase) {
	case PHASE_WARMING:
		warm_on(probe);
		break;
	case PHASE_RUNNING:
		run_on(probe, now);
		break;
	case PHASE_CLOSING:
		if (for_all(probe, prober_is_closed) ||
		    now >= probe->give_up_at)
			end(probe);
		break;
	case PHASE_OVER:
		break;
	}
}

static void
on_failure(void *owner, const struct failure *failure)
{
	struct probe *probe = owner;

	output_failure(&probe->output, failure);
	if (outcome_is_bad(failure->outcome) &&
	    (probe->run.options->fail_fast || probe->phase == PHASE_WARMING))
		stop(probe, 0);
}

/* The second signal does not wait. */
static void
on_signal(evutil_socket_t number, short what, void *argument)
{
	struct probe *probe = argument;
	double seconds = probe->run.options->timeout;

	(void)number;
	(void)what;
	if (seconds > STOP_SECONDS)
		seconds = STOP_SECONDS;
	stop(probe, probe->run.stopping ? 0 : seconds);
}

/* ---- from the beginning to the end */

static void
free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static struct event *
add_event(struct event *event, const struct timeval *interval)
{
	if (event && event_add(event, interval) == 0)
		return event;
	free_event(event);
	return NULL;
}

static bool
make_events(struct probe *probe)
{
	static const int numbers[] = { SIGINT, SIGTERM };
	static const struct timeval interval = { .tv_usec = TICK_MS * 1000 };
	struct event_base *base = probe->run.base;
	bool made = true;

	probe->pace = evtimer_new(base, on_pace, probe);
	probe->limit = evtimer_new(base, on_limit, probe);
	probe->tick = add_event(event_new(base, -1, EV_PERSIST, on_tick, probe),
				&interval);
	for (size_t i = 0; i < 2; i++) {
		probe->signals[i] = add_event(
			evsignal_new(base, numbers[i], on_signal, probe), NULL);
		made = made && probe->signals[i];
	}
	return made && probe->pace && probe->limit && probe->tick;
}

static void
free_events(struct probe *probe)
{
	free_event(probe->pace);
	free_event(probe->limit);
	free_event(probe->tick);
	free_event(probe->signals[0]);
	free_event(probe->signals[1]);
}

static bool
make_probers(struct probe *probe)
{
	probe->probers = calloc(probe->targets.count, sizeof(struct prober *));
	for (size_t i = 0; probe->probers && i < probe->targets.count; i++) {
		probe->probers[i] =
			prober_new(&probe->run, &probe->targets.items[i]);
		if (!probe->probers[i])
			return false;
		probe->count++;
	}
	return probe->probers != NULL;
}

static int
set_up(struct probe *probe, const struct probe_options *options)
{
	char reason[RUN_REASON_SIZE];
	const char *error;
	int status = run_set_up(&probe->run, options, &probe->targets, reason);

	if (status != 0)
		return fail(status, reason);
	errno = 0;
	error = output_init(&probe->output, options, reason, sizeof(reason));
	if (error)
		return fail(errno == ENOMEM ? EX_OSERR : EX_CANTCREAT, error);
	if (!make_probers(probe) || !make_events(probe))
		return fail(EX_OSERR, strerror(errno));
	return 0;
}

static void
tear_down(struct probe *probe)
{
	for (size_t i = 0; i < probe->count; i++)
		prober_free(probe->probers[i]);
	free(probe->probers);
	free_events(probe);
	run_tear_down(&probe->run);
	target_list_free(&probe->targets);
	free(probe);
}

static int
run_to_end(struct probe *probe)
{
	struct run *run = &probe->run;
	struct tally *tally = &run->tally;

	run->progress = on_progress;
	tally->on_failure = on_failure;
	tally->owner = probe;
	if (run->options->step) {
		run->warming = true;
		tally_begin(tally, run_now());
		open_more(probe);
	} else {
		begin(probe);
	}
	event_base_dispatch(run->base);
	/* The end of the connections can have added something. */
	if (!run->options->step)
		output_end(&probe->output, tally);
	return probe->output.failed ? EX_CANTCREAT : tally_exit_status(tally);
}

int
probe_run(const struct probe_options *options)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int status;

	if (!probe)
		return fail(EX_OSERR, strerror(ENOMEM));
	probe->stop_at = probe->give_up_at = INT64_MAX;
	status = set_up(probe, options);
	if (status == 0)
		status = run_to_end(probe);
	tear_down(probe);
	return status;
}
