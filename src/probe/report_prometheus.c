#include "probe/report_prometheus.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/metrics_text.h"
#include "base/replace_file.h"

#define PREFIX "echoprobe_"
#define SECOND UINT64_C(1000000000)

/* A counter of each target. */
struct family {
	const char *name;
	const char *help;
	uint64_t (*value)(const struct target_tally *target);
};

/* A histogram of each target. */
struct times {
	const char *name;
	const char *help;
	const struct latency *(*value)(const struct target_tally *target);
};

static uint64_t
started(const struct target_tally *target)
{
	return target->started;
}

static uint64_t
echoed(const struct target_tally *target)
{
	return target->outcomes[OUTCOME_ECHOED];
}

static uint64_t
connected(const struct target_tally *target)
{
	return target->connected;
}

static uint64_t
bytes(const struct target_tally *target)
{
	return target->bytes;
}

static const struct latency *
round_trip(const struct target_tally *target)
{
	return &target->round_trip;
}

static const struct latency *
connect_time(const struct target_tally *target)
{
	return &target->connect;
}

static const struct family counters[] = {
	{ PREFIX "messages_started_total", "messages that were begun",
	  started },
	{ PREFIX "messages_echoed_total", "messages that came back whole",
	  echoed },
	{ PREFIX "connections_total", "connections that were made", connected },
	{ PREFIX "bytes_total", "bytes of payload that were echoed", bytes },
};

static const struct times histograms[] = {
	{ PREFIX "round_trip_seconds",
	  "seconds from sending a message to the end of its echo", round_trip },
	{ PREFIX "connect_seconds",
	  "seconds until a connection was made, with its TLS handshake",
	  connect_time },
};

/* The upper bounds of the buckets, and their labels. */
static const struct {
	uint64_t nanoseconds;
	const char *label;
} bounds[] = {
	{ 10000, "1e-05" },    { 25000, "2.5e-05" },  { 50000, "5e-05" },
	{ 100000, "0.0001" },  { 250000, "0.00025" }, { 500000, "0.0005" },
	{ 1000000, "0.001" },  { 2500000, "0.0025" }, { 5000000, "0.005" },
	{ 10000000, "0.01" },  { 25000000, "0.025" }, { 50000000, "0.05" },
	{ 100000000, "0.1" },  { 250000000, "0.25" }, { 500000000, "0.5" },
	{ 1000000000, "1" },   { 2500000000, "2.5" }, { 5000000000, "5" },
	{ 10000000000, "10" },
};

/* NAME{target="..." and, if others before it have its name, its number. */
static void
put_target(FILE *out, const char *name, const struct tally *tally, size_t index)
{
	const char *target = tally->targets[index].name;
	unsigned number = 1;
	char text[16];

	for (size_t i = 0; i < index; i++)
		if (strcmp(tally->targets[i].name, target) == 0)
			number++;
	fputs(name, out);
	metrics_label(out, "{", "target", target);
	if (number == 1)
		return;
	snprintf(text, sizeof(text), "%u", number);
	metrics_label(out, ",", "number", text);
}

static void
put_counters(FILE *out, const struct tally *tally)
{
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		const struct family *family = &counters[i];

		metrics_head(out, family->name, "counter", family->help);
		for (size_t j = 0; j < tally->target_count; j++) {
			put_target(out, family->name, tally, j);
			fprintf(out, "} %" PRIu64 "\n",
				family->value(&tally->targets[j]));
		}
	}
}

/* Failures, or if `observed`, observations. */
static void
put_reasons(FILE *out, const char *name, const struct tally *tally,
	    size_t target, bool observed)
{
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		if (i == OUTCOME_ECHOED || outcome_ends_message(i) == observed)
			continue;
		put_target(out, name, tally, target);
		metrics_label(out, ",", "reason", outcome_key(i));
		fprintf(out, "} %" PRIu64 "\n",
			tally->targets[target].outcomes[i]);
	}
}

static void
put_outcomes(FILE *out, const struct tally *tally)
{
	static const char failed[] = PREFIX "messages_failed_total";
	static const char observed[] = PREFIX "observations_total";

	metrics_head(out, failed, "counter",
		     "messages that were not echoed, or not as they must be");
	for (size_t i = 0; i < tally->target_count; i++)
		put_reasons(out, failed, tally, i, false);
	metrics_head(out, observed, "counter",
		     "events that are not the end of a message");
	for (size_t i = 0; i < tally->target_count; i++)
		put_reasons(out, observed, tally, i, true);
}

static void
put_backends(FILE *out, const struct backends *backends)
{
	static const char messages[] = PREFIX "backend_messages_total";
	static const char failed[] = PREFIX "backend_failed_total";

	if (backends_count(backends) == 0)
		return;
	metrics_head(out, messages, "counter",
		     "messages that a backend has echoed");
	for (size_t i = 0; i < backends_count(backends); i++)
		metrics_labelled(out, messages, "backend",
				 backends_at(backends, i)->name,
				 backends_at(backends, i)->echoed);
	metrics_head(out, failed, "counter",
		     "messages that failed at a backend");
	for (size_t i = 0; i < backends_count(backends); i++)
		metrics_labelled(out, failed, "backend",
				 backends_at(backends, i)->name,
				 backends_at(backends, i)->failed);
}

static void
put_bucket(FILE *out, const char *name, const struct tally *tally,
	   size_t target, const char *le, uint64_t count)
{
	put_target(out, name, tally, target);
	metrics_label(out, ",", "le", le);
	fprintf(out, "} %" PRIu64 "\n", count);
}

static void
put_histogram(FILE *out, const struct times *times, const struct tally *tally,
	      size_t target)
{
	const struct latency *latency = times->value(&tally->targets[target]);
	char name[64];

	snprintf(name, sizeof(name), "%s_bucket", times->name);
	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++)
		put_bucket(out, name, tally, target, bounds[i].label,
			   latency_count_to(latency, bounds[i].nanoseconds));
	put_bucket(out, name, tally, target, "+Inf", latency->count);
	snprintf(name, sizeof(name), "%s_sum", times->name);
	put_target(out, name, tally, target);
	fprintf(out, "} %" PRIu64 ".%09" PRIu64 "\n", latency->sum / SECOND,
		latency->sum % SECOND);
	snprintf(name, sizeof(name), "%s_count", times->name);
	put_target(out, name, tally, target);
	fprintf(out, "} %" PRIu64 "\n", latency->count);
}

static void
put_histograms(FILE *out, const struct tally *tally)
{
	for (size_t i = 0; i < sizeof(histograms) / sizeof(*histograms); i++) {
		metrics_head(out, histograms[i].name, "histogram",
			     histograms[i].help);
		for (size_t j = 0; j < tally->target_count; j++)
			put_histogram(out, &histograms[i], tally, j);
	}
}

static void
put_certificates(FILE *out, const struct tally *tally)
{
	static const char name[] = PREFIX
		"tls_certificate_expiry_timestamp_seconds";
	bool head = false;

	for (size_t i = 0; i < tally->target_count; i++) {
		double expires = tally->targets[i].certificate_expires;

		if (expires <= 0)
			continue;
		if (!head)
			metrics_head(out, name, "gauge",
				     "time at which the certificate of the "
				     "server expires, in seconds since 1970");
		head = true;
		put_target(out, name, tally, i);
		fprintf(out, "} %.0f\n", expires);
	}
}

void
report_prometheus_write(FILE *out, const struct tally *tally, double unix_time)
{
	static const char status[] = PREFIX "exit_status";
	static const char written[] = PREFIX "last_write_timestamp_seconds";

	put_counters(out, tally);
	put_outcomes(out, tally);
	put_backends(out, tally->backends);
	put_histograms(out, tally);
	put_certificates(out, tally);
	metrics_head(out, status, "gauge",
		     "exit status if the run ended now: 1 if anything was lost "
		     "or wrong, 2 if no target was reached");
	fprintf(out, "%s %d\n", status, tally_exit_status(tally));
	metrics_head(out, written, "gauge",
		     "time at which this was written, in seconds since 1970");
	fprintf(out, "%s %.3f\n", written, unix_time);
}

int
report_prometheus_save(const char *path, const struct tally *tally)
{
	struct replace_file file;
	struct timespec now;

	if (replace_file_begin(&file, path) != 0)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	report_prometheus_write(file.out, tally,
				(double)now.tv_sec + (double)now.tv_nsec / 1e9);
	return replace_file_commit(&file);
}
