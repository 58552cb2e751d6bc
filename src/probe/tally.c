#include "probe/tally.h"

#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

bool
tally_init(struct tally *tally, const char *const *names, size_t count,
	   struct backends *backends)
{
	memset(tally, 0, sizeof(*tally));
	tally->targets = calloc(count, sizeof(*tally->targets));
	tally->stretches = calloc(TALLY_STRETCHES, sizeof(*tally->stretches));
	if (!tally->targets || !tally->stretches) {
		tally_free(tally);
		return false;
	}
	tally->target_count = count;
	tally->backends = backends;
	for (size_t i = 0; i < count; i++)
		tally->targets[i].name = names[i];
	return true;
}

void
tally_free(struct tally *tally)
{
	free(tally->targets);
	free(tally->stretches);
	tally->targets = NULL;
	tally->stretches = NULL;
}

static void
forget_backends(struct backends *backends)
{
	for (size_t i = 0; i < backends_count(backends); i++) {
		struct backend *backend = backends_at(backends, i);

		backend->echoed = backend->failed = 0;
		backend->last_second_echoed = 0;
	}
}

void
tally_begin(struct tally *tally, int64_t now)
{
	for (size_t i = 0; i < tally->target_count; i++) {
		struct target_tally *target = &tally->targets[i];
		struct target_tally fresh = {
			.name = target->name,
			.certificate_expires = target->certificate_expires,
		};

		memcpy(fresh.tls, target->tls, sizeof(fresh.tls));
		memcpy(fresh.certificate_name, target->certificate_name,
		       sizeof(fresh.certificate_name));
		*target = fresh;
	}
	forget_backends(tally->backends);
	memset(tally->stretches, 0,
	       TALLY_STRETCHES * sizeof(*tally->stretches));
	memset(&tally->second, 0, sizeof(tally->second));
	memset(&tally->this_second, 0, sizeof(tally->this_second));
	tally->stretch_count = 0;
	tally->stretch_seconds = 1;
	tally->number = 0;
	tally->is_over = false;
	tally->begin = tally->end = now;
}

void
tally_connected(struct tally *tally, size_t target, uint64_t nanoseconds)
{
	tally->targets[target].connected++;
	latency_add(&tally->targets[target].connect, nanoseconds);
	tally->second.connected++;
}

void
tally_start(struct tally *tally, size_t target)
{
	tally->targets[target].started++;
	tally->second.started++;
}

void
tally_echo(struct tally *tally, size_t index, struct backend *backend,
	   size_t size, int64_t round_trip)
{
	struct target_tally *target = &tally->targets[index];
	struct second *second = &tally->second;

	target->outcomes[OUTCOME_ECHOED]++;
	target->bytes += size;
	second->outcomes[OUTCOME_ECHOED]++;
	if (size > target->largest_echoed)
		target->largest_echoed = size;
	/* A smaller one was lost by chance. */
	if (target->smallest_failed <= size)
		target->smallest_failed = 0;
	if (backend) {
		backend->echoed++;
		backend->last_second_echoed++;
		second->backends |= UINT64_C(1) << backend->index;
	}
	if (round_trip < 0)
		return;
	latency_add(&target->round_trip, (uint64_t)round_trip);
	latency_add(&tally->this_second, (uint64_t)round_trip);
}

/* Where the last echo is counted. */
static struct second *
second_of_last_echo(struct tally *tally)
{
	size_t i = tally->stretch_count;

	if (tally->second.outcomes[OUTCOME_ECHOED] > 0)
		return &tally->second;
	while (i > 1 && tally->stretches[i - 1].outcomes[OUTCOME_ECHOED] == 0)
		i--;
	return &tally->stretches[i - 1];
}

void
tally_take_back(struct tally *tally, size_t index, struct backend *backend,
		size_t size)
{
	struct target_tally *target = &tally->targets[index];

	target->outcomes[OUTCOME_ECHOED]--;
	target->bytes -= size;
	second_of_last_echo(tally)->outcomes[OUTCOME_ECHOED]--;
	if (backend)
		backend->echoed--;
}

static void
note_size(struct target_tally *target, enum outcome outcome, size_t size)
{
	if ((outcome == OUTCOME_TIMEOUT || outcome == OUTCOME_TOO_LARGE) &&
	    size > target->largest_echoed &&
	    (target->smallest_failed == 0 || size < target->smallest_failed))
		target->smallest_failed = size;
}

void
tally_fail(struct tally *tally, size_t index, struct backend *backend,
	   size_t size, struct failure *failure)
{
	struct target_tally *target = &tally->targets[index];

	failure->target = target;
	target->outcomes[failure->outcome]++;
	/* The end of a connection can follow that of the run. */
	if (tally->is_over)
		tally->stretches[tally->stretch_count - 1]
			.outcomes[failure->outcome]++;
	else
		tally->second.outcomes[failure->outcome]++;
	note_size(target, failure->outcome, size);
	if (backend && outcome_is_bad(failure->outcome))
		backend->failed++;
	if (tally->on_failure)
		tally->on_failure(tally->owner, failure);
}

static void
add_second(struct second *second, const struct second *other)
{
	second->started += other->started;
	second->connected += other->connected;
	for (int i = 0; i < OUTCOME_COUNT; i++)
		second->outcomes[i] += other->outcomes[i];
	second->backends |= other->backends;
	/* The percentiles of both are not known; the worse is shown. */
	if (other->p50 > second->p50)
		second->p50 = other->p50;
	if (other->p99 > second->p99)
		second->p99 = other->p99;
	if (other->max > second->max)
		second->max = other->max;
}

/* Two stretches become one, until `number` has a place. */
static void
make_room(struct tally *tally, uint64_t number)
{
	enum { HALF = TALLY_STRETCHES / 2 };
	struct second *stretches = tally->stretches;

	while (number / tally->stretch_seconds >= TALLY_STRETCHES) {
		for (size_t i = 0; i < HALF; i++) {
			struct second sum = stretches[2 * i];

			add_second(&sum, &stretches[2 * i + 1]);
			stretches[i] = sum;
		}
		memset(stretches + HALF, 0, HALF * sizeof(*stretches));
		tally->stretch_count = (tally->stretch_count + 1) / 2;
		tally->stretch_seconds *= 2;
	}
}

/* The current second is complete. */
static void
store(struct tally *tally)
{
	struct second *second = &tally->second;
	size_t index;

	second->p50 = latency_at(&tally->this_second, 0.5);
	second->p99 = latency_at(&tally->this_second, 0.99);
	second->max = tally->this_second.max;
	memset(&tally->this_second, 0, sizeof(tally->this_second));
	make_room(tally, tally->number);
	index = tally->number / tally->stretch_seconds;
	add_second(&tally->stretches[index], second);
	if (tally->stretch_count <= index)
		tally->stretch_count = index + 1;
	tally->last = *second;
	memset(second, 0, sizeof(*second));
}

const struct second *
tally_tick(struct tally *tally, int64_t now)
{
	uint64_t number = (uint64_t)((now - tally->begin) / SECOND);

	if (number == tally->number)
		return NULL;
	store(tally);
	tally->number = number;
	return &tally->last;
}

void
tally_finish(struct tally *tally, int64_t now)
{
	tally->end = now;
	store(tally);
	tally->is_over = true;
}

void
tally_sum(const struct tally *tally, struct target_tally *sum)
{
	memset(sum, 0, sizeof(*sum));
	sum->name = "all";
	for (size_t i = 0; i < tally->target_count; i++) {
		const struct target_tally *target = &tally->targets[i];

		sum->connected += target->connected;
		sum->started += target->started;
		sum->unfinished += target->unfinished;
		sum->bytes += target->bytes;
		sum->silent += target->silent;
		for (int j = 0; j < OUTCOME_COUNT; j++)
			sum->outcomes[j] += target->outcomes[j];
		latency_merge(&sum->round_trip, &target->round_trip);
		latency_merge(&sum->connect, &target->connect);
	}
}

/* The host answered, perhaps with an error. */
static bool
proves_reached(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_REFUSED:
	case OUTCOME_UNREACHABLE:
	case OUTCOME_CONNECT_TIMEOUT:
	case OUTCOME_LOCAL:
	case OUTCOME_TIMEOUT:
	case OUTCOME_TOO_LARGE:
	case OUTCOME_FOREIGN:
		return false;
	default:
		return true;
	}
}

/* 1: anything was lost or wrong.  2: no target was reached. */
int
tally_exit_status(const struct tally *tally)
{
	bool reached = false, bad = false, awaited = false;

	for (size_t i = 0; i < tally->target_count; i++) {
		const struct target_tally *target = &tally->targets[i];

		reached = reached || target->connected > 0;
		awaited = awaited || target->unfinished > 0;
		for (int j = 0; j < OUTCOME_COUNT; j++) {
			if (target->outcomes[j] == 0)
				continue;
			bad = bad || outcome_is_bad(j);
			reached = reached || proves_reached(j);
		}
	}
	/* A run can end before anything times out. */
	if (!reached && (bad || awaited))
		return 2;
	return bad ? 1 : 0;
}
