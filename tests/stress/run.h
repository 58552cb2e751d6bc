/*
 * run: state that all parts of a run share: the loop, the counts, and how a
 * failure is reported.
 */
#ifndef ECHOD_STRESS_RUN_H
#define ECHOD_STRESS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/payload.h"
#include "script.h"
#include "session_kinds.h"

#define KINDS_MOST 40

/* Milliseconds that a session may wait for echod. */
#define DEADLINES_MS 90000

/* Results beside those of the kinds of sessions. */
#define CHECKS(X) \
	X(reloads, "reloads, good and bad") \
	X(counters, "counters") \
	X(descriptors, "descriptors at the end as at the beginning") \
	X(memory, "memory at the end as after a quarter of the run") \
	X(log, "no line in the log without a cause") \
	X(drain, "drain under load, forced=0, exit status 0")

#define CHECK_ENUM(name, text) CHECK_##name,
enum check { CHECKS(CHECK_ENUM) CHECK_COUNT };
#undef CHECK_ENUM

struct event_base;
struct target;

struct run {
	struct event_base *base;
	struct target *target;
	struct pattern pattern;
	uint64_t seed;
	bool has_tls;
	bool has_ipv6;
	bool draining; /* SIGTERM is sent */

	size_t live;
	uint64_t begun;
	uint64_t served[KINDS_MOST];
	uint64_t refused[KINDS_MOST];
	uint64_t endings[ENDING_COUNT];
	uint64_t bytes_sent;
	uint64_t bytes_received;
	uint64_t resent; /* datagrams */
	uint64_t reloads;
	uint64_t reloads_refused;
	bool passed[CHECK_COUNT];
	const char *skipped[CHECK_COUNT]; /* why */
};

/* Milliseconds of a monotonic clock. */
int64_t run_now(void);

bool run_has_kind(const struct run *run, const struct kind *kind);

/* Prints the failure, the seed and the end of the log; exits. */
_Noreturn void run_fail(const struct run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A session has begun; it has ended, served or refused. */
void run_begin(struct run *run);
void run_end(struct run *run, const struct kind *kind, bool served);

/* The results, as TAP, and the closing line. */
void run_report(const struct run *run);

#endif
