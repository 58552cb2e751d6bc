#include "probe/report_json.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

#define SECOND UINT64_C(1000000000)

/* Which outcomes. */
enum kind { FAILED, OBSERVED };

static void
put_string(FILE *out, const char *key, const char *value)
{
	fprintf(out, ",\"%s\":", key);
	json_string(out, value, strlen(value));
}

static void
put_string_or_null(FILE *out, const char *key, const char *value)
{
	if (*value)
		put_string(out, key, value);
	else
		fprintf(out, ",\"%s\":null", key);
}

static void
put_number(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, ",\"%s\":%" PRIu64, key, value);
}

/* 0 means unknown. */
static void
put_number_or_null(FILE *out, const char *key, uint64_t value)
{
	if (value > 0)
		put_number(out, key, value);
	else
		fprintf(out, ",\"%s\":null", key);
}

/* Integers only: a locale could have another decimal point. */
static void
put_seconds(FILE *out, const char *key, uint64_t nanoseconds)
{
	fprintf(out, ",\"%s\":%" PRIu64 ".%06" PRIu64, key,
		nanoseconds / SECOND, nanoseconds % SECOND / 1000);
}

/* `before`: "{" or ",". */
static void
put_microseconds(FILE *out, const char *before, const char *key,
		 uint64_t nanoseconds)
{
	fprintf(out, "%s\"%s\":%" PRIu64 ".%03" PRIu64, before, key,
		nanoseconds / 1000, nanoseconds % 1000);
}

/* A share of 0 to 1. */
static void
put_share(FILE *out, uint64_t part, uint64_t whole)
{
	uint64_t share = 0;

	if (whole > 0)
		share = (uint64_t)((double)part / (double)whole * 1e6 + 0.5);
	fprintf(out, ",\"share\":%" PRIu64 ".%06" PRIu64, share / 1000000,
		share % 1000000);
}

static bool
is_of_kind(enum outcome outcome, enum kind kind)
{
	if (kind == OBSERVED)
		return !outcome_ends_message(outcome);
	return outcome_ends_message(outcome) && outcome != OUTCOME_ECHOED;
}

static void
put_outcomes(FILE *out, const uint64_t counts[OUTCOME_COUNT], enum kind kind)
{
	const char *before = "";

	fprintf(out, ",\"%s\":{", kind == FAILED ? "failed" : "observed");
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		if (counts[i] == 0 || !is_of_kind(i, kind))
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, before, outcome_key(i),
			counts[i]);
		before = ",";
	}
	putc('}', out);
}

void
report_json_failure(FILE *out, const struct failure *failure)
{
	fputs("{\"type\":\"failure\"", out);
	put_seconds(out, "time", failure->at > 0 ? (uint64_t)failure->at : 0);
	put_string(out, "target", failure->target->name);
	put_string(out, "reason", outcome_key(failure->outcome));
	put_string_or_null(out, "backend",
			   failure->backend ? failure->backend->name : "");
	put_number(out, "peer", failure->peer);
	if (failure->began < 0)
		fputs(",\"began\":null", out);
	else
		put_seconds(out, "began", (uint64_t)failure->began);
	put_string(out, "detail", failure->detail);
	fputs("}\n", out);
}

/* ---- a second, or a stretch of time */

static void
put_counts(FILE *out, const struct second *second)
{
	uint64_t outcomes[OUTCOME_COUNT];

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		outcomes[i] = second->outcomes[i];
	put_number(out, "started", second->started);
	put_number(out, "connected", second->connected);
	put_number(out, "echoed", second->outcomes[OUTCOME_ECHOED]);
	put_outcomes(out, outcomes, FAILED);
	put_outcomes(out, outcomes, OBSERVED);
	fputs(",\"round_trip_us\":", out);
	if (second->max == 0) {
		fputs("null", out);
		return;
	}
	put_microseconds(out, "{", "p50", second->p50);
	put_microseconds(out, ",", "p99", second->p99);
	put_microseconds(out, ",", "max", second->max);
	putc('}', out);
}

static void
put_backends_of_second(FILE *out, struct backends *backends)
{
	const char *before = "";

	fputs(",\"backends\":{", out);
	for (size_t i = 0; i < backends_count(backends); i++) {
		struct backend *backend = backends_at(backends, i);

		if (backend->last_second_echoed == 0)
			continue;
		fputs(before, out);
		json_string(out, backend->name, strlen(backend->name));
		fprintf(out, ":%" PRIu64, backend->last_second_echoed);
		backend->last_second_echoed = 0;
		before = ",";
	}
	putc('}', out);
}

void
report_json_second(FILE *out, const struct tally *tally,
		   const struct second *second, int64_t at, unsigned open)
{
	fputs("{\"type\":\"second\"", out);
	put_seconds(out, "time", at > 0 ? (uint64_t)at : 0);
	put_number(out, "open", open);
	put_counts(out, second);
	put_backends_of_second(out, tally->backends);
	fputs("}\n", out);
}

/* ---- the report */

static void
put_latency(FILE *out, const char *key, const struct latency *latency)
{
	fprintf(out, ",\"%s\":", key);
	if (latency->count == 0) {
		fputs("null", out);
		return;
	}
	put_microseconds(out, "{", "min", latency->min);
	put_microseconds(out, ",", "p50", latency_at(latency, 0.5));
	put_microseconds(out, ",", "p90", latency_at(latency, 0.9));
	put_microseconds(out, ",", "p99", latency_at(latency, 0.99));
	put_microseconds(out, ",", "p999", latency_at(latency, 0.999));
	put_microseconds(out, ",", "max", latency->max);
	put_microseconds(out, ",", "mean", latency->sum / latency->count);
	put_number(out, "count", latency->count);
	putc('}', out);
}

/* What the whole run and each target have. */
static void
put_sums(FILE *out, const struct target_tally *sum)
{
	put_number(out, "started", sum->started);
	put_number(out, "echoed", sum->outcomes[OUTCOME_ECHOED]);
	put_number(out, "unfinished", sum->unfinished);
	put_number(out, "bytes", sum->bytes);
	put_number(out, "connected", sum->connected);
	put_number(out, "silent", sum->silent);
	put_outcomes(out, sum->outcomes, FAILED);
	put_outcomes(out, sum->outcomes, OBSERVED);
	put_latency(out, "round_trip_us", &sum->round_trip);
	put_latency(out, "connect_us", &sum->connect);
}

static void
put_backends(FILE *out, const struct backends *backends)
{
	uint64_t echoed = 0;

	for (size_t i = 0; i < backends_count(backends); i++)
		echoed += backends_at(backends, i)->echoed;
	fputs(",\"backends\":[", out);
	for (size_t i = 0; i < backends_count(backends); i++) {
		const struct backend *backend = backends_at(backends, i);

		fputs(i > 0 ? ",{\"name\":" : "{\"name\":", out);
		json_string(out, backend->name, strlen(backend->name));
		put_number(out, "echoed", backend->echoed);
		put_share(out, backend->echoed, echoed);
		put_number(out, "failed", backend->failed);
		put_number(out, "connections", backend->connections);
		putc('}', out);
	}
	putc(']', out);
}

static void
put_target(FILE *out, const struct target_tally *target)
{
	fputs("{\"name\":", out);
	json_string(out, target->name, strlen(target->name));
	put_sums(out, target);
	put_string_or_null(out, "tls", target->tls);
	put_string_or_null(out, "certificate_name", target->certificate_name);
	if (target->certificate_expires > 0)
		put_number(out, "certificate_expires",
			   (uint64_t)target->certificate_expires);
	else
		fputs(",\"certificate_expires\":null", out);
	put_number_or_null(out, "largest_echoed", target->largest_echoed);
	put_number_or_null(out, "smallest_failed", target->smallest_failed);
	put_number_or_null(out, "path_mtu", target->path_mtu);
	putc('}', out);
}

static void
put_backends_of_stretch(FILE *out, const struct backends *backends,
			uint64_t mask)
{
	const char *before = "";

	fputs(",\"backends\":[", out);
	for (size_t i = 0; i < backends_count(backends); i++) {
		const char *name = backends_at(backends, i)->name;

		if (!(mask >> i & 1))
			continue;
		fputs(before, out);
		json_string(out, name, strlen(name));
		before = ",";
	}
	putc(']', out);
}

static void
put_timeline(FILE *out, const struct tally *tally)
{
	fputs(",\"timeline\":[", out);
	for (size_t i = 0; i < tally->stretch_count; i++) {
		const struct second *stretch = &tally->stretches[i];

		fprintf(out, "%s{\"from\":%" PRIu64 ",\"to\":%" PRIu64,
			i > 0 ? "," : "", (uint64_t)i * tally->stretch_seconds,
			(uint64_t)(i + 1) * tally->stretch_seconds);
		put_counts(out, stretch);
		put_backends_of_stretch(out, tally->backends,
					stretch->backends);
		putc('}', out);
	}
	putc(']', out);
}

void
report_json_end(FILE *out, const struct tally *tally)
{
	struct target_tally sum;

	tally_sum(tally, &sum);
	fputs("{\"type\":\"report\"", out);
	put_seconds(out, "seconds", (uint64_t)(tally->end - tally->begin));
	put_sums(out, &sum);
	put_backends(out, tally->backends);
	fputs(",\"targets\":[", out);
	for (size_t i = 0; i < tally->target_count; i++) {
		if (i > 0)
			putc(',', out);
		put_target(out, &tally->targets[i]);
	}
	putc(']', out);
	put_timeline(out, tally);
	fprintf(out, ",\"exit_status\":%d}\n", tally_exit_status(tally));
}
