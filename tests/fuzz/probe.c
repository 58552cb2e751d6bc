/*
 * What echoprobe makes of bytes from servers, and of its URLs.  The first byte
 * of a script says which part of it: v, d, b or u; the rest are steps.
 */
#include "probe.h"

#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "probe/backends.h"
#include "probe/datagrams_private.h"
#include "probe/datagrams_reply.h"
#include "probe/target.h"

static struct script *script;

const struct pattern *
probe_pattern(enum pattern_alphabet alphabet)
{
	static struct pattern patterns[PATTERN_TEXT + 1];
	static bool made;

	if (!made)
		for (unsigned i = 0; i < COUNT(patterns); i++)
			pattern_init(&patterns[i], (enum pattern_alphabet)i,
				     i == PATTERN_NO_TEXT ? -1 : 'G');
	made = true;
	return &patterns[alphabet];
}

unsigned char *
probe_copy(const void *bytes, size_t length)
{
	unsigned char *copy = malloc(length > 0 ? length : 1);

	FUZZ_EXPECT(copy);
	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

/* ---- replies to datagrams */

enum { SENT_MAX = 4000, SIZE_MOST = 600, RUN = 0x12345678, PEER = 7 };

/* What the probe has sent, and how that ended. */
static struct {
	struct framing framing;
	struct payload_params params;
	struct datagrams *datagrams;
	uint32_t first; /* number */
	size_t count;
	struct {
		unsigned char data[SIZE_MOST];
		size_t size;
		enum datagrams_state state;
	} sent[SENT_MAX];
	size_t awaited;
} udp;

/* ECHOED, or a wrong echo: it ends a datagram. */
static bool
ends_datagram(enum outcome outcome)
{
	return outcome == OUTCOME_ECHOED || outcome == OUTCOME_CORRUPTED ||
	       outcome == OUTCOME_WRONG_PREFIX ||
	       outcome == OUTCOME_WRONG_LENGTH;
}

static void
note_end(const struct datagram *ended, enum datagrams_state state)
{
	uint32_t at = ended->number - udp.first;

	FUZZ_EXPECT(at < udp.count && udp.sent[at].state == STATE_AWAITED);
	FUZZ_EXPECT(ended->size == udp.sent[at].size);
	FUZZ_EXPECT(ended->started == (int64_t)at);
	udp.sent[at].state = state;
	udp.awaited--;
}

static void
check_verdict(const struct datagram_verdict *verdict, size_t length)
{
	uint32_t at = verdict->datagram.number - udp.first;

	if (ends_datagram(verdict->outcome)) {
		note_end(&verdict->datagram, STATE_ANSWERED);
	} else if (verdict->outcome != OUTCOME_FOREIGN) {
		FUZZ_EXPECT(at < udp.count);
		FUZZ_EXPECT(verdict->outcome == OUTCOME_LATE ?
				    udp.sent[at].state == STATE_LOST :
				    verdict->outcome == OUTCOME_DOUBLED &&
					    udp.sent[at].state ==
						    STATE_ANSWERED);
		udp.sent[at].state = STATE_ANSWERED;
	}
	FUZZ_EXPECT(datagrams_awaited(udp.datagrams) == udp.awaited);
	FUZZ_EXPECT(verdict->prefix_length <= length);
	FUZZ_EXPECT(verdict->got < 0 || verdict->offset < length);
	if (verdict->got >= 0)
		FUZZ_EXPECT(verdict->got != verdict->expected);
}

/* Wrong bytes are never right. */
static void
check_echo(const struct datagram_verdict *verdict, const unsigned char *data,
	   size_t length)
{
	uint32_t at = verdict->datagram.number - udp.first;
	size_t prefix = verdict->prefix_length, size = udp.sent[at].size;

	FUZZ_EXPECT(length == prefix + size);
	FUZZ_EXPECT(memcmp(data + prefix, udp.sent[at].data, size) == 0);
	if (!udp.framing.prefix)
		return;
	FUZZ_EXPECT(prefix == udp.framing.prefix_length);
	FUZZ_EXPECT(memcmp(data, udp.framing.prefix, prefix) == 0);
}

static struct datagram_verdict
reply(const void *bytes, size_t length)
{
	unsigned char *data = probe_copy(bytes, length);
	struct datagram_verdict verdict =
		datagrams_reply(udp.datagrams, data, length);

	check_verdict(&verdict, length);
	if (verdict.outcome == OUTCOME_ECHOED)
		check_echo(&verdict, data, length);
	if (verdict.got >= 0)
		FUZZ_EXPECT(verdict.got == data[verdict.offset]);
	free(data);
	return verdict;
}

static void
take_send(void)
{
	for (size_t n = script_size(script); n > 0 && udp.count < SENT_MAX;
	     n--) {
		size_t at = udp.count++;

		udp.sent[at].size = datagrams_next(udp.datagrams, (int64_t)at,
						   (int64_t)at,
						   udp.sent[at].data);
		FUZZ_EXPECT(udp.sent[at].size >= udp.params.sizes.least);
		FUZZ_EXPECT(udp.sent[at].size <= udp.params.sizes.most);
		udp.sent[at].state = STATE_AWAITED;
		udp.awaited++;
	}
}

/* One of those that were sent, counted from the last. */
static size_t
choose(void)
{
	size_t back = script_size(script) - 1;

	return udp.count - 1 - back % udp.count;
}

/* The right bytes are right once. */
static void
take_echo(void)
{
	static const enum outcome outcomes[] = {
		[STATE_AWAITED] = OUTCOME_ECHOED,
		[STATE_ANSWERED] = OUTCOME_DOUBLED,
		[STATE_LOST] = OUTCOME_LATE,
	};
	static const char any[] = "any prefix, of any length: ";
	unsigned char data[sizeof(any) + SIZE_MOST];
	size_t prefix = script_next(script) % sizeof(any), at, size;
	enum datagrams_state state;
	enum outcome outcome;

	if (udp.count == 0)
		return;
	if (udp.framing.prefix)
		prefix = udp.framing.prefix_length;
	at = choose();
	size = udp.sent[at].size;
	state = udp.sent[at].state;
	memcpy(data, udp.framing.prefix ? udp.framing.prefix : any, prefix);
	memcpy(data + prefix, udp.sent[at].data, size);
	outcome = reply(data, prefix + size).outcome;
	/* Shorter ones are not told apart; old ones are forgotten. */
	if (size >= DATAGRAM_HEAD &&
	    (state == STATE_AWAITED || udp.count - at <= DATAGRAMS_HISTORY))
		FUZZ_EXPECT(outcome == outcomes[state]);
}

/* Some bytes, a part of a datagram, and some bytes. */
static void
take_reply(void)
{
	unsigned char data[2 * UINT8_MAX + SIZE_MOST];
	size_t length, size, from;
	const uint8_t *bytes = script_bytes(script, &length);

	memcpy(data, bytes, length);
	if (udp.count > 0) {
		size_t at = choose();

		size = udp.sent[at].size;
		from = script_next(script) % (size + 1);
		size = (size - from) * script_next(script) / UINT8_MAX;
		memcpy(data + length, udp.sent[at].data + from, size);
		length += size;
	}
	bytes = script_bytes(script, &size);
	memcpy(data + length, bytes, size);
	reply(data, length + size);
}

static void
take_expiry(void)
{
	struct datagram expired;
	size_t before = udp.count - script_next(script) % (udp.count + 1);

	while (datagrams_expire(udp.datagrams, (int64_t)before, &expired))
		note_end(&expired, STATE_LOST);
}

static void
take_back(void)
{
	if (udp.count == 0 || udp.sent[udp.count - 1].state != STATE_AWAITED)
		return;
	datagrams_take_back(udp.datagrams);
	udp.count--;
	udp.awaited--;
}

/* An ICMP error quotes a part of a datagram, or anything. */
static void
take_quote(void)
{
	size_t length;
	const uint8_t *bytes = script_bytes(script, &length);
	struct datagram ended;
	unsigned char *data;

	if (length == 0 && udp.count > 0) {
		size_t at = choose();

		bytes = udp.sent[at].data;
		length = udp.sent[at].size;
	}
	data = probe_copy(bytes, length);
	if (datagrams_end(udp.datagrams, data, length, &ended))
		note_end(&ended, STATE_LOST);
	free(data);
}

static void
take_peer(void)
{
	size_t offset = script_size(script), length;
	const uint8_t *bytes = script_bytes(script, &length);
	uint32_t peers = script_next(script) * 64U, peer;
	unsigned char *data = probe_copy(bytes, length);

	peer = datagrams_peer_of(RUN, peers, data, length, &offset);
	FUZZ_EXPECT(peer < peers || peer == UINT32_MAX);
	FUZZ_EXPECT(peer == UINT32_MAX || offset + DATAGRAM_HEAD <= length);
	free(data);
}

static const struct script_step udp_steps[] = {
	{ 'n', take_send },   { 'e', take_echo }, { 'r', take_reply },
	{ 'x', take_expiry }, { 'b', take_back }, { 'q', take_quote },
	{ 'p', take_peer },   { 0, NULL },
};

/* A reply ends one datagram at most, and never one twice. */
static void
run_datagrams(void)
{
	static const char *const prefixes[] = { NULL, "", "GOT:", "G" };
	const char *prefix = prefixes[script_digit(script) % 4];
	size_t least = script_size(script) % (SIZE_MOST / 2) + 1;
	size_t more = script_size(script) % (SIZE_MOST / 2);

	udp.count = udp.awaited = 0;
	udp.framing.prefix = prefix;
	udp.framing.prefix_length = prefix ? strlen(prefix) : 0;
	udp.params.pattern = probe_pattern(PATTERN_ALL);
	udp.params.sizes.least = least;
	udp.params.sizes.most = least + more;
	udp.datagrams = datagrams_new(&udp.params, &udp.framing, RUN, PEER);
	FUZZ_EXPECT(udp.datagrams);
	/* Numbers wrap around. */
	udp.first = 0U - script_next(script);
	udp.datagrams->next = udp.datagrams->oldest = udp.first;
	script_run(script, udp_steps, 200);
	datagrams_free(udp.datagrams);
}

/* ---- the names of backends */

static void
check_name(const char *name)
{
	size_t length = strlen(name);

	FUZZ_EXPECT(length > 0 && length < BACKEND_NAME_SIZE);
	for (size_t at = 0; at < length;) {
		size_t sequence = utf8_sequence(name + at, length - at);

		FUZZ_EXPECT(sequence > 0);
		FUZZ_EXPECT(utf8_control(name + at) == 0);
		at += sequence;
	}
}

/*
 * Only with an expression a NUL follows the prefix: the sanitizer's regexec()
 * does not know REG_STARTEND.
 */
static void
find_backend(struct backends *backends, const char *client, bool terminated)
{
	size_t length;
	const uint8_t *bytes = script_bytes(script, &length);
	char *prefix = terminated ? fuzz_text(bytes, length) :
				    (char *)probe_copy(bytes, length);
	struct backend *known = backends_known(backends, prefix, length);
	struct backend *found = backends_find(backends, prefix, length, client);

	FUZZ_EXPECT(!known || known == found);
	known = backends_known(backends, prefix, length);
	FUZZ_EXPECT(!known || known == found);
	FUZZ_EXPECT(found->index < backends_count(backends));
	FUZZ_EXPECT(backends_at(backends, found->index) == found);
	check_name(found->name);
	free(prefix);
}

/* A name can be shown on any terminal; it is found again by its prefix. */
static void
run_backends(void)
{
	static const char *const expressions[] = { NULL, "backend=([a-z0-9]+)",
						   "b[0-9]*", "^.|(x)?y" };
	size_t kind = script_digit(script), length;
	const uint8_t *bytes = script_bytes(script, &length);
	char *client = fuzz_text(bytes, length);
	struct backends *backends;
	char reason[128];

	FUZZ_EXPECT(!backends_new(expressions[kind % 4], &backends, reason,
				  sizeof(reason)));
	while (script->at < script->size)
		find_backend(backends, kind & 4 ? NULL : client, kind % 4 > 0);
	backends_free(backends);
	free(client);
}

/* ---- the URL */

/* An address that is no name: nothing must be looked up. */
static bool
is_numeric(const char *url)
{
	const char *host = strchr(url, ':') + 1;

	if (target_scheme_of(url) == TARGET_UNIX || host[2] == '[')
		return true;
	host += 2;
	return host[strspn(host, "0123456789.")] == ':' &&
	       strchr(host, ':')[-1] != '.';
}

/* The text of its address is that of the URL, or of an equal one. */
static void
check_target(const char *url)
{
	struct target_list list = { 0 }, again = { 0 };
	char reason[TARGET_REASON_SIZE], text[TARGET_ADDRESS_SIZE];
	char same[8 + sizeof(text)];
	const struct target_address *address, *other;

	FUZZ_EXPECT(!target_list_add(&list, url, AF_UNSPEC, false, reason));
	FUZZ_EXPECT(list.count == 1 && list.items[0].address_count == 1);
	address = list.items[0].addresses;
	target_format(address, text);
	snprintf(same, sizeof(same), "%s%s",
		 address->sa.sa_family == AF_UNIX ? "" : "udp://", text);
	FUZZ_EXPECT(!target_list_add(&again, same, AF_UNSPEC, true, reason));
	other = again.items[0].addresses;
	FUZZ_EXPECT(address->length == other->length);
	FUZZ_EXPECT(memcmp(&address->storage, &other->storage,
			   address->length) == 0);
	target_list_free(&list);
	target_list_free(&again);
}

static void
run_url(void)
{
	size_t length = script->size - script->at;
	char *url = fuzz_text(script->data + script->at, length);
	char reason[TARGET_REASON_SIZE];
	const char *why = target_check(url, reason);

	if (why)
		FUZZ_EXPECT(why == reason && *why);
	else if (is_numeric(url))
		check_target(url);
	free(url);
}

void
fuzz_probe(const uint8_t *data, size_t size)
{
	struct script all = { .data = data, .size = size };

	script = &all;
	switch (script_next(script)) {
	case 'v':
		probe_verifier(script);
		break;
	case 'd':
		run_datagrams();
		break;
	case 'b':
		run_backends();
		break;
	case 'u':
		run_url();
		break;
	}
}
