#include "fixture.h"

#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "fuzz.h"

int __real_nanosleep(const struct timespec *wanted, struct timespec *left);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);

/* 0: the clock is the real one.  Workers' threads read it, too. */
static _Atomic int64_t frozen_ns;
static int64_t latest_ns; /* the clock never goes back between targets */

/*
 * Defined here instead of by --wrap, because libevent must get it, too.  The
 * time of day stays real: libFuzzer measures with it.
 */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t ns = frozen_ns;

	if (ns > 0 &&
	    (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)) {
		now->tv_sec = ns / 1000000000;
		now->tv_nsec = ns % 1000000000;
		return 0;
	}
	return (int)syscall(SYS_clock_gettime, clock, now);
}

int
__wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
	return frozen_ns > 0 ? 0 : __real_nanosleep(wanted, left);
}

uint8_t
script_next(struct script *script)
{
	return script->at < script->size ? script->data[script->at++] : 0;
}

uint8_t
script_digit(struct script *script)
{
	return (uint8_t)(script_next(script) - '0');
}

size_t
script_size(struct script *script)
{
	uint8_t byte = script_next(script);

	/* Most sizes are small, because large ones take long. */
	return (size_t)((byte & 15) + 1) << (byte < 0xd0 ? byte >> 4 : 0);
}

const uint8_t *
script_bytes(struct script *script, size_t *size)
{
	size_t wanted = script_next(script);
	size_t left = script->size - script->at;
	const uint8_t *bytes = script->data + script->at;

	*size = wanted < left ? wanted : left;
	script->at += *size;
	return bytes;
}

void
script_run(struct script *script, const struct script_step *steps, int most)
{
	for (int i = 0; i < most && script->at < script->size; i++) {
		char letter = (char)script_next(script);

		for (const struct script_step *step = steps; step->take; step++)
			if (step->letter == letter)
				step->take();
	}
}

static struct event_base *
make_base(void)
{
	static const struct log_settings quiet = {
		.sink = LOG_TO_STDERR,
		.level = LOG_ERR,
	};
	struct event_base *base = event_base_new();

	FUZZ_EXPECT(base);
	/* As echod does: libevent has no MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	log_configure(&quiet);
	return base;
}

struct event_base *
fixture_base(void)
{
	static struct event_base *base;

	if (!base)
		base = make_base();
	return base;
}

void
fixture_freeze(void)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (ns > latest_ns)
		latest_ns = ns;
	frozen_ns = latest_ns;
}

void
fixture_thaw(void)
{
	latest_ns = frozen_ns;
	frozen_ns = 0;
}

int64_t
fixture_now(void)
{
	return frozen_ns / 1000000;
}

void
fixture_advance(int64_t ms)
{
	frozen_ns += ms * 1000000;
}

void
fixture_turn(void)
{
	/* Without EVLOOP_ONCE it would go on while anything is active. */
	event_base_loop(fixture_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

int
fixture_lowest_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

struct config *
fixture_config(const char *text)
{
	struct error_list errors;
	struct config *config;

	error_list_init(&errors, "conf");
	config = config_parse(text, strlen(text), &errors);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.items[i].text);
	FUZZ_EXPECT(config);
	error_list_free(&errors);
	return config;
}

const struct config_listener *
fixture_listener(const struct config *config)
{
	return config->listeners[0].settings;
}

void
fixture_pair(int fds[2])
{
	FUZZ_EXPECT(socketpair(AF_UNIX,
			       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			       fds) == 0);
}

/* Twice, so that a run can begin anywhere. */
static void
fill(uint8_t pattern[2 * FIXTURE_RUN])
{
	uint32_t random = 1;

	for (size_t i = 0; i < FIXTURE_RUN; i++) {
		random = random * 1664525 + 1013904223;
		pattern[i] = random >> 28 ? 'a' + (random >> 16) % 26 : '\n';
		pattern[i + FIXTURE_RUN] = pattern[i];
	}
}

const uint8_t *
fixture_pattern(uint64_t position)
{
	static uint8_t pattern[2 * FIXTURE_RUN];

	if (!pattern[0])
		fill(pattern);
	return pattern + position % FIXTURE_RUN;
}
