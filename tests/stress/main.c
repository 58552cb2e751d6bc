/*
 * The stress test: random sessions of every kind with one daemon, many at a
 * time, while its configuration changes.
 *
 * STRESS_SECONDS is the length; without it the run ends after a small number
 * of sessions. STRESS_SEED decides everything; STRESS_SESSIONS is the number
 * of concurrent sessions.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "datagrams.h"
#include "requests.h"
#include "run.h"
#include "session.h"
#include "target.h"

#define TICK_MS 10
#define RELOAD_MS 1000
#define BEGIN_AT_ONCE 20
#define ASK_MS 200

/* Without STRESS_SECONDS: sessions in all, and for each reload. */
#define SESSIONS_FEW 400
#define SESSIONS_A_RELOAD 40

/* Of the load at the end, until the drain begins. */
#define DRAIN_MS 2000
#define DRAIN_BRIEF_MS 20

/* Allowed difference of memory between two idle states, in KiB. */
#define MEMORY_SLACK 32768

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

enum phase {
	PHASE_WARM,
	PHASE_REST, /* until there is no connection */
	PHASE_MAIN,
	PHASE_LAST_REST,
	PHASE_DRAIN,
	PHASE_END,
};

struct stress {
	struct run run;
	struct event *tick;
	enum phase phase;
	int64_t begun;	/* the phase */
	int64_t length; /* of the run in milliseconds; 0: by sessions */
	size_t most;	/* sessions at a time */
	int64_t reloaded;
	uint64_t reload_at; /* sessions */
	uint64_t reloads;
	int64_t asked; /* when: the counters */
	size_t descriptors;
	long memory;
};

static size_t
count_descriptors(const struct run *run)
{
	char path[64];
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd",
		 (int)target_pid(run->target));
	dir = opendir(path);
	if (!dir)
		run_fail(run, "cannot read %s", path);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static long
resident_kib(const struct run *run)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status",
		 (int)target_pid(run->target));
	file = fopen(path, "r");
	while (file && kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	if (file)
		fclose(file);
	return kib;
}

static void
begin_session(struct stress *stress)
{
	struct run *run = &stress->run;
	uint64_t index = run->begun;
	struct random random = random_of(run->seed, index);
	bool brief = stress->length == 0;
	struct script script = script_new(&random, brief);

	while (!run_has_kind(run, script.kind))
		script = script_new(&random, brief);
	switch (script.kind->protocol) {
	case OVER_UDP4:
	case OVER_UDP6:
		datagrams_begin(run, index, &script);
		break;
	case OVER_HTTP:
		requests_begin(run, index, &script);
		break;
	default:
		session_begin(run, index, &script);
	}
}

static void
begin_sessions(struct stress *stress, size_t at_once)
{
	for (size_t i = 0; i < at_once && stress->run.live < stress->most; i++)
		begin_session(stress);
}

/* At least one is good and one is bad. */
static bool
reload_is_good(uint64_t number, struct random *random)
{
	return number < 2 ? number == 0 : random_chance(random, 60);
}

/* The decisions for a reload do not depend on the timing of sessions. */
static void
reload_some(struct stress *stress)
{
	struct run *run = &stress->run;
	uint64_t number = stress->reloads;
	bool due = stress->length ? run_now() - stress->reloaded >= RELOAD_MS :
				    run->begun >= stress->reload_at;
	struct random random;

	if (target_is_reloading(run->target) || !due)
		return;
	random = random_of(~run->seed, number);
	stress->reloads++;
	stress->reloaded = run_now();
	stress->reload_at = run->begun + SESSIONS_A_RELOAD;
	if (random_chance(&random, 30))
		kill(target_pid(run->target), SIGUSR1);
	if (reload_is_good(number, &random))
		target_reload(run->target);
	else
		target_reload_bad(run->target, &random);
}

static void
enter(struct stress *stress, enum phase phase)
{
	stress->phase = phase;
	stress->begun = run_now();
	stress->asked = 0;
}

/* A quarter of the run is to warm up. */
static void
serve(struct stress *stress)
{
	const struct run *run = &stress->run;
	bool warm = stress->phase == PHASE_WARM;
	int64_t passed = run_now() - stress->begun;
	bool over = stress->length ?
			    passed >= stress->length * (warm ? 1 : 3) / 4 :
			    run->begun >= SESSIONS_FEW / (warm ? 4 : 1);

	reload_some(stress);
	if (over)
		enter(stress, warm ? PHASE_REST : PHASE_LAST_REST);
	else
		begin_sessions(stress, BEGIN_AT_ONCE);
}

/* The same listeners as at the beginning, and no connection. */
static bool
is_at_rest(struct stress *stress)
{
	struct run *run = &stress->run;
	long long open;

	if (run_now() - stress->begun > 2 * DEADLINES_MS)
		run_fail(run, "no rest: %zu descriptors, not %zu; open=%lld",
			 count_descriptors(run), stress->descriptors,
			 target_counter(run->target, "open"));
	if (run->live > 0 || target_is_reloading(run->target))
		return false;
	if (target_oldest(run->target) % 2 == 1) {
		target_reload(run->target);
		return false;
	}
	open = stress->asked ? target_counter(run->target, "open") : -1;
	if (open == 0 && count_descriptors(run) == stress->descriptors)
		return true;
	if (run_now() - stress->asked >= ASK_MS) {
		stress->asked = run_now();
		target_ask_counters(run->target);
	}
	return false;
}

static void
check_counters(struct stress *stress)
{
	static const char *const errors[] = { "closed.error", "accept_errors",
					      "accept_pauses",
					      "refused.denied" };
	struct run *run = &stress->run;

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (target_counter(run->target, errors[i]) != 0)
			run_fail(run, "%s=%lld", errors[i],
				 target_counter(run->target, errors[i]));
	run->passed[CHECK_counters] = true;
	run->passed[CHECK_reloads] = run->reloads > 0 &&
				     run->reloads_refused > 0;
}

static void
check_memory(struct stress *stress)
{
	struct run *run = &stress->run;
	long now = resident_kib(run);

	printf("# resident memory: %ld KiB after a quarter, %ld KiB now\n",
	       stress->memory, now);
	if (SANITIZED) {
		run->skipped[CHECK_memory] =
			"sanitizers keep memory that is freed";
		return;
	}
	if (now > stress->memory + MEMORY_SLACK)
		run_fail(run, "memory has grown from %ld to %ld KiB",
			 stress->memory, now);
	run->passed[CHECK_memory] = true;
}

static void
rest(struct stress *stress)
{
	if (!is_at_rest(stress))
		return;
	if (stress->phase == PHASE_REST) {
		stress->memory = resident_kib(&stress->run);
		enter(stress, PHASE_MAIN);
		return;
	}
	check_counters(stress);
	check_memory(stress);
	stress->run.passed[CHECK_descriptors] = true;
	enter(stress, PHASE_DRAIN);
}

/*
 * A run that ends after a number of sessions begins all of them at once: on a
 * fast machine short sessions end as fast as a few at a time begin.
 */
static void
drain(struct stress *stress)
{
	bool brief = stress->length == 0;

	begin_sessions(stress, brief ? stress->most : BEGIN_AT_ONCE);
	if (run_now() - stress->begun < (brief ? DRAIN_BRIEF_MS : DRAIN_MS))
		return;
	target_stop(stress->run.target);
	enter(stress, PHASE_END);
}

static void
finish(struct stress *stress)
{
	struct run *run = &stress->run;

	if (run_now() - stress->begun > 2 * DEADLINES_MS)
		run_fail(run, "the drain does not end");
	if (run->live > 0 || !target_has_stopped(run->target))
		return;
	run->passed[CHECK_drain] = true;
	run->passed[CHECK_log] = true;
	event_base_loopbreak(run->base);
}

static void
on_tick(evutil_socket_t fd, short what, void *argument)
{
	static void (*const phases[])(struct stress * stress) = {
		[PHASE_WARM] = serve,  [PHASE_REST] = rest,
		[PHASE_MAIN] = serve,  [PHASE_LAST_REST] = rest,
		[PHASE_DRAIN] = drain, [PHASE_END] = finish,
	};
	struct stress *stress = argument;

	(void)fd;
	(void)what;
	phases[stress->phase](stress);
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t
any_seed(void)
{
	uint32_t seed = 1;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		perror("getrandom");
	return seed;
}

static bool
has_ipv6(void)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has;

	if (fd < 0)
		return false;
	has = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return has;
}

static void
set_up(struct stress *stress)
{
	struct run *run = &stress->run;

	stress->length = (int64_t)number_of("STRESS_SECONDS", 0) * 1000;
	stress->most = number_of("STRESS_SESSIONS", 200);
	run->seed = number_of("STRESS_SEED", stress->length ? any_seed() : 1);
	run->base = event_base_new();
	run->has_ipv6 = has_ipv6();
#ifdef HAVE_TLS
	run->has_tls = true;
#endif
	pattern_init(&run->pattern, PATTERN_ALL, 'G');
	printf("# seed=%" PRIu64 "\n", run->seed);
}

int
main(void)
{
	static struct stress stress;
	struct run *run = &stress.run;

	if (!getenv("ECHOD")) {
		fputs("ECHOD names no daemon\n", stderr);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	set_up(&stress);
	target_start(run);
	stress.descriptors = count_descriptors(run);
	stress.tick = event_new(run->base, -1, EV_PERSIST, on_tick, &stress);
	event_add(stress.tick, &(struct timeval){ .tv_usec = TICK_MS * 1000 });
	enter(&stress, PHASE_WARM);
	event_base_dispatch(run->base);
	run_report(run);
	event_free(stress.tick);
	target_free(run->target);
	event_base_free(run->base);
	return EXIT_SUCCESS;
}
