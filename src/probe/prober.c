#include "probe/prober.h"

#include <stdlib.h>

#include "probe/run.h"
#include "probe/stream.h"
#include "probe/udp_peers.h"

struct prober {
	struct run *run;
	struct target *target;
	struct load load;
	uint64_t due;		 /* messages of the load */
	struct stream **streams; /* `load.peers`; NULL: UDP */
	unsigned opened;	 /* of these */
	struct udp_peers *udp;
};

/* UDP without a rate: one datagram a second and peer. */
static struct load
make_load(const struct probe_options *options, const struct target *target)
{
	struct load load = {
		.peers = options->peers,
		.count = options->count,
		.rate = options->rate,
	};

	if (target->scheme == TARGET_UDP && !options->rate_given)
		load.rate = options->peers;
	return load;
}

static bool
make_streams(struct prober *prober)
{
	unsigned count = prober->load.peers;

	prober->streams = calloc(count, sizeof(struct stream *));
	for (unsigned i = 0; prober->streams && i < count; i++) {
		prober->streams[i] = stream_new(prober->run, prober->target,
						&prober->load, i);
		if (!prober->streams[i])
			return false;
	}
	return prober->streams != NULL;
}

static bool
make_udp(struct prober *prober)
{
	prober->udp = udp_peers_new(prober->run, prober->target, &prober->load);
	return prober->udp != NULL;
}

struct prober *
prober_new(struct run *run, struct target *target)
{
	struct prober *prober = calloc(1, sizeof(*prober));

	if (!prober)
		return NULL;
	prober->run = run;
	prober->target = target;
	prober->load = make_load(run->options, target);
	if (target_is_stream(target) ? make_streams(prober) : make_udp(prober))
		return prober;
	prober_free(prober);
	return NULL;
}

void
prober_free(struct prober *prober)
{
	if (!prober)
		return;
	for (unsigned i = 0; prober->streams && i < prober->load.peers; i++)
		stream_free(prober->streams[i]);
	free(prober->streams);
	udp_peers_free(prober->udp);
	free(prober);
}

void
prober_begin(struct prober *prober, int64_t now)
{
	prober->load.begin = now;
	prober->due = 0;
	prober->opened = 0;
	for (unsigned i = 0; prober->streams && i < prober->load.peers; i++)
		stream_begin(prober->streams[i]);
	if (prober->udp && prober->load.rate == 0)
		udp_peers_begin(prober->udp);
}

bool
prober_open_one(struct prober *prober)
{
	bool warming = prober->run->warming;
	unsigned index = prober->opened;

	if (!prober->streams || index == prober->load.peers ||
	    (prober->load.rate > 0 && !warming))
		return false;
	prober->opened++;
	if (warming)
		stream_open(prober->streams[index]);
	else
		stream_due(prober->streams[index],
			   load_quota(&prober->load, index));
	return true;
}

/* The streams of the messages that are due now and were not before. */
static void
release_streams(struct prober *prober, uint64_t due)
{
	const struct load *load = &prober->load;
	uint64_t first = prober->due;

	if (due - first > load->peers)
		first = due - load->peers;
	for (uint64_t k = first; k < due; k++) {
		unsigned index = (unsigned)(k % load->peers);

		stream_due(prober->streams[index],
			   load_due_of(load, index, due));
	}
}

int64_t
prober_release(struct prober *prober, int64_t now)
{
	uint64_t due;

	if (prober->load.rate == 0)
		return INT64_MAX;
	due = load_due(&prober->load, now);
	if (due > prober->due) {
		if (prober->streams)
			release_streams(prober, due);
		else
			udp_peers_due(prober->udp, due);
		prober->due = due;
	}
	return load_time(&prober->load, due);
}

void
prober_tick(struct prober *prober, int64_t now)
{
	if (prober->udp)
		udp_peers_tick(prober->udp, now);
	for (unsigned i = 0; prober->streams && i < prober->load.peers; i++)
		stream_tick(prober->streams[i], now);
}

bool
prober_has_begun_all(const struct prober *prober)
{
	const struct target_tally *tally =
		&prober->run->tally.targets[prober->target->index];

	return prober->load.count > 0 && tally->started >= prober->load.count;
}

uint64_t
prober_awaited(const struct prober *prober)
{
	uint64_t awaited = 0;

	if (prober->udp)
		return udp_peers_awaited(prober->udp);
	for (unsigned i = 0; i < prober->load.peers; i++)
		awaited += stream_awaited(prober->streams[i]);
	return awaited;
}

uint64_t
prober_silent(const struct prober *prober)
{
	uint64_t silent = 0;

	if (prober->udp)
		return udp_peers_silent(prober->udp);
	for (unsigned i = 0; i < prober->load.peers; i++)
		silent += stream_echoed(prober->streams[i]) == 0;
	return silent;
}

unsigned
prober_open_count(const struct prober *prober)
{
	unsigned count = 0;

	for (unsigned i = 0; prober->streams && i < prober->load.peers; i++)
		count += stream_is_open(prober->streams[i]);
	return count;
}

bool
prober_is_ready(const struct prober *prober)
{
	for (unsigned i = 0; prober->streams && i < prober->load.peers; i++)
		if (!stream_is_open(prober->streams[i]) ||
		    stream_awaited(prober->streams[i]) > 0)
			return false;
	return true;
}

void
prober_close(struct prober *prober)
{
	for (unsigned i = 0; prober->streams && i < prober->load.peers; i++)
		stream_close(prober->streams[i]);
}

bool
prober_is_closed(const struct prober *prober)
{
	for (unsigned i = 0; prober->streams && i < prober->load.peers; i++)
		if (!stream_is_closed(prober->streams[i]))
			return false;
	return true;
}
