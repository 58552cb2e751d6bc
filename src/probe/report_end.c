#include "probe/report_end.h"

#include <stdbool.h>
#include <string.h>

#include "probe/report_text.h"
#include "probe/report_timeline.h"

/* Columns of the names at the left. */
#define LABEL_WIDTH 12

#define NAME_WIDTH 26 /* of a target */
#define BACKEND_WIDTH 36

#define SECONDS_OF_DAY 86400.0

/* ---- the verdict */

static bool
is_bad_observation(enum outcome outcome)
{
	return report_is_observation(outcome) && outcome_is_bad(outcome);
}

static uint64_t
count_bad_observations(const struct target_tally *all)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		if (is_bad_observation((enum outcome)i))
			count += all->outcomes[i];
	return count;
}

/* "1 message", "2 messages" */
static void
add_count(struct report_line *line, uint64_t count, const char *noun)
{
	report_add(line, "%llu %s%s", (unsigned long long)count, noun,
		   count == 1 ? "" : "s");
}

/* Nothing is wrong. */
static void
add_good(struct report_line *line, const struct target_tally *all)
{
	uint64_t echoed = all->outcomes[OUTCOME_ECHOED];

	if (echoed > 0) {
		report_add(line, "All right: ");
		add_count(line, echoed, "message");
		report_add(line, " echoed, none lost, none wrong");
	} else if (all->started > 0) {
		report_add(line, "Nothing was echoed");
	} else {
		report_add(line, "Nothing was sent: ");
		add_count(line, all->connected, "connection");
	}
	if (all->unfinished > 0)
		report_add(line, "; %llu still awaited",
			   (unsigned long long)all->unfinished);
}

static void
add_wrong(struct report_line *line, const struct target_tally *all)
{
	uint64_t echoed = all->outcomes[OUTCOME_ECHOED];
	uint64_t failed = report_failed(all->outcomes);

	report_add(line, "WRONG: ");
	if (failed == 0) {
		add_count(line, echoed, "message");
		report_add(line, " echoed, but ");
	} else {
		report_add(line, "%llu of ", (unsigned long long)failed);
		add_count(line, all->started, "message");
		report_add(line, " failed: ");
		report_add_outcomes(line, all->outcomes, report_is_failure, 0);
		if (count_bad_observations(all) > 0)
			report_add(line, "; also ");
	}
	report_add_outcomes(line, all->outcomes, is_bad_observation, 0);
}

static void
add_unreached(struct report_line *line, const struct target_tally *all)
{
	report_add(line, "NOT REACHED: ");
	if (all->unfinished == 0 || report_failed(all->outcomes) > 0)
		report_add_outcomes(line, all->outcomes, report_is_any, 0);
	else
		report_add(line, "%llu awaited in vain",
			   (unsigned long long)all->unfinished);
}

static void
put_verdict(FILE *out, const struct tally *tally,
	    const struct target_tally *all)
{
	struct report_line line = { .length = 0 };

	switch (tally_exit_status(tally)) {
	case 0:
		add_good(&line, all);
		break;
	case 1:
		add_wrong(&line, all);
		break;
	default:
		add_unreached(&line, all);
	}
	report_add(&line, ".");
	report_wrap(out, line.text, 2);
}

/* ---- several targets */

static void
add_numbers(struct report_line *line, const struct target_tally *target)
{
	const struct latency *latency = &target->round_trip;
	const uint64_t values[] = { latency_at(latency, 0.5),
				    latency_at(latency, 0.99), latency->max };
	char text[REPORT_NUMBER_SIZE];

	report_add(line, " %9llu%9llu%8llu",
		   (unsigned long long)target->connected,
		   (unsigned long long)target->outcomes[OUTCOME_ECHOED],
		   (unsigned long long)report_failed(target->outcomes));
	for (size_t i = 0; i < 3; i++)
		report_add(line, "%8s",
			   latency->count ? report_time(values[i], text) : "-");
}

static void
put_targets(FILE *out, const struct tally *tally)
{
	fprintf(out, "\n%-*s %9s%9s%8s%8s%8s%8s\n", NAME_WIDTH, "target",
		"connected", "echoed", "failed", "p50", "p99", "max");
	for (size_t i = 0; i < tally->target_count; i++) {
		const struct target_tally *target = &tally->targets[i];
		struct report_line line = { .length = 0 };

		report_add_escaped(&line, target->name);
		if (report_width(line.text) > NAME_WIDTH) {
			fprintf(out, "%s\n", line.text);
			line = (struct report_line){ .length = 0 };
		}
		report_fill(&line, NAME_WIDTH);
		add_numbers(&line, target);
		fprintf(out, "%s\n", line.text);
	}
}

/* ---- counts */

static void
add_label(struct report_line *line, const char *label)
{
	report_add(line, "%s", label);
	report_fill(line, LABEL_WIDTH);
}

/* A row of outcomes, if there are any. */
static void
put_outcomes(FILE *out, const char *label, const struct target_tally *all,
	     bool (*which)(enum outcome outcome))
{
	struct report_line line = { .length = 0 };

	add_label(&line, label);
	report_add_outcomes(&line, all->outcomes, which, 0);
	if (line.length > LABEL_WIDTH)
		report_wrap(out, line.text, LABEL_WIDTH);
}

static void
put_rate(FILE *out, const struct tally *tally, const struct target_tally *all)
{
	double seconds = (double)(tally->end - tally->begin) / 1e9;
	struct report_line line = { .length = 0 };
	char bytes[REPORT_NUMBER_SIZE], time[REPORT_NUMBER_SIZE];
	double messages = (double)all->outcomes[OUTCOME_ECHOED];

	if (messages == 0 || seconds <= 0)
		return;
	add_label(&line, "payload");
	report_add(&line, "%s there and back, in %s",
		   report_bytes((double)all->bytes, bytes),
		   report_time((uint64_t)(seconds * 1e9), time));
	fprintf(out, "%s\n", line.text);
	messages /= seconds;
	line = (struct report_line){ .length = 0 };
	add_label(&line, "rate");
	report_add(&line, "%.*f messages/s, %s/s", messages < 100 ? 1 : 0,
		   messages, report_bytes((double)all->bytes / seconds, bytes));
	fprintf(out, "%s\n", line.text);
}

static void
put_counts(FILE *out, const struct tally *tally, const struct target_tally *all)
{
	struct report_line line = { .length = 0 };

	putc('\n', out);
	/* UDP, and connections that were made before the run. */
	if (all->connected > 0)
		fprintf(out, "%-*s%llu\n", LABEL_WIDTH, "connected",
			(unsigned long long)all->connected);
	add_label(&line, "messages");
	report_add(&line, "%llu started, %llu echoed, %llu failed",
		   (unsigned long long)all->started,
		   (unsigned long long)all->outcomes[OUTCOME_ECHOED],
		   (unsigned long long)report_failed(all->outcomes));
	if (all->unfinished > 0)
		report_add(&line, ", %llu unfinished",
			   (unsigned long long)all->unfinished);
	report_wrap(out, line.text, LABEL_WIDTH);
	put_outcomes(out, "failed", all, report_is_failure);
	put_outcomes(out, "observed", all, report_is_observation);
	if (all->silent > 0)
		fprintf(out, "%-*s%llu: nothing was echoed over %s\n",
			LABEL_WIDTH, "silent", (unsigned long long)all->silent,
			all->silent == 1 ? "it" : "them");
	put_rate(out, tally, all);
}

/* ---- times */

static void
put_latency(FILE *out, const char *label, const struct latency *latency)
{
	static const double fractions[] = { 0.5, 0.9, 0.99, 0.999 };
	char text[REPORT_NUMBER_SIZE];

	if (latency->count == 0)
		return;
	fprintf(out, "%-*s%10s", LABEL_WIDTH, label,
		report_time(latency->min, text));
	for (size_t i = 0; i < sizeof(fractions) / sizeof(*fractions); i++)
		fprintf(out, "%10s",
			report_time(latency_at(latency, fractions[i]), text));
	fprintf(out, "%10s\n", report_time(latency->max, text));
}

static void
put_times(FILE *out, const struct target_tally *all)
{
	if (all->round_trip.count == 0 && all->connect.count == 0)
		return;
	fprintf(out, "\n%-*s%10s%10s%10s%10s%10s%10s\n", LABEL_WIDTH, "", "min",
		"p50", "p90", "p99", "p99.9", "max");
	put_latency(out, "round trip", &all->round_trip);
	put_latency(out, "connect", &all->connect);
}

/* ---- backends */

static void
put_backend(FILE *out, const struct backend *backend, uint64_t echoed)
{
	struct report_line line = { .length = 0 };
	char share[REPORT_NUMBER_SIZE];

	report_add(&line, "%s", backend->name);
	if (report_width(line.text) > BACKEND_WIDTH) {
		report_wrap(out, line.text, 2);
		line = (struct report_line){ .length = 0 };
	}
	report_fill(&line, BACKEND_WIDTH);
	report_add(&line, " %9llu%9s%8llu%13llu",
		   (unsigned long long)backend->echoed,
		   report_share(backend->echoed, echoed, share),
		   (unsigned long long)backend->failed,
		   (unsigned long long)backend->connections);
	fprintf(out, "%s\n", line.text);
}

static void
put_backends(FILE *out, const struct backends *backends)
{
	uint64_t echoed = 0;

	for (size_t i = 0; i < backends_count(backends); i++)
		echoed += backends_at(backends, i)->echoed;
	if (backends_count(backends) == 0)
		return;
	fprintf(out, "\n%-*s %9s%9s%8s%13s\n", BACKEND_WIDTH, "backend",
		"echoed", "share", "failed", "connections");
	for (size_t i = 0; i < backends_count(backends); i++)
		put_backend(out, backends_at(backends, i), echoed);
}

/* ---- what can differ between targets */

typedef void (*add_detail)(struct report_line *line,
			   const struct target_tally *target, time_t now);

static void
add_tls(struct report_line *line, const struct target_tally *target, time_t now)
{
	double days =
		(target->certificate_expires - (double)now) / SECONDS_OF_DAY;

	if (*target->tls)
		report_add(line, "%s", target->tls);
	if (target->certificate_expires == 0)
		return;
	report_add(line, "%scertificate ", *target->tls ? ", " : "");
	report_add_escaped(line, target->certificate_name);
	if (days >= 0)
		report_add(line, ", %.*f days left", days < 10, days);
	else
		report_add(line, ", expired %.1f days ago", -days);
}

/* Sizes are of interest if they vary or a message is too large. */
static void
add_sizes(struct report_line *line, const struct target_tally *target,
	  time_t now)
{
	uint64_t echoed = target->outcomes[OUTCOME_ECHOED];
	uint64_t largest = target->largest_echoed;
	bool vary = target->bytes != largest * echoed;
	bool fails = target->smallest_failed > largest &&
		     (largest > 0 || target->outcomes[OUTCOME_TOO_LARGE] > 0);

	(void)now;
	if (!vary && !fails && target->path_mtu == 0)
		return;
	if (largest == 0)
		report_add(line, "nothing was echoed");
	else
		report_add(line, "up to %llu bytes were echoed",
			   (unsigned long long)largest);
	if (fails)
		report_add(line, "; %llu and more were not",
			   (unsigned long long)target->smallest_failed);
	if (target->path_mtu > 0)
		report_add(line, "%s path MTU %u", fails ? ":" : ";",
			   target->path_mtu);
}

static bool
is_same_detail(const struct tally *tally, add_detail add, time_t now)
{
	struct report_line first = { .length = 0 };

	add(&first, &tally->targets[0], now);
	for (size_t i = 1; i < tally->target_count; i++) {
		struct report_line line = { .length = 0 };

		add(&line, &tally->targets[i], now);
		if (strcmp(line.text, first.text) != 0)
			return false;
	}
	return true;
}

/* One row if it is the same for all targets, or else one for each. */
static bool
put_detail(FILE *out, const struct tally *tally, const char *label,
	   add_detail add, time_t now, bool begun)
{
	bool same = is_same_detail(tally, add, now);

	for (size_t i = 0; i < (same ? 1 : tally->target_count); i++) {
		struct report_line line = { .length = 0 };
		size_t before;

		add_label(&line, label);
		if (!same) {
			report_add_escaped(&line, tally->targets[i].name);
			report_add(&line, ": ");
		}
		before = line.length;
		add(&line, &tally->targets[i], now);
		if (line.length == before)
			continue;
		if (!begun)
			putc('\n', out);
		begun = true;
		report_wrap(out, line.text, LABEL_WIDTH);
	}
	return begun;
}

void
report_end_write(FILE *out, const struct tally *tally, time_t now)
{
	struct target_tally all;
	bool begun;

	tally_sum(tally, &all);
	put_verdict(out, tally, &all);
	if (tally->target_count > 1)
		put_targets(out, tally);
	put_counts(out, tally, &all);
	put_times(out, &all);
	put_backends(out, tally->backends);
	begun = put_detail(out, tally, "TLS", add_tls, now, false);
	put_detail(out, tally, "sizes", add_sizes, now, begun);
	report_timeline_write(out, tally);
}
