#include "datagrams.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"
#include "run.h"
#include "target.h"

#define COUNT_MOST 8
#define SIZE_MOST 60000
#define AGAIN_MS 2000
#define TRIES 20

struct exchange {
	struct run *run;
	uint64_t index;
	struct script script;
	struct event event;
	int fd;
	unsigned oldest;
	unsigned tries;
	int64_t sent_at;
	unsigned count;
	unsigned answered;
	size_t size[COUNT_MOST];
	bool has_answer[COUNT_MOST];
};

static void on_event(evutil_socket_t fd, short what, void *argument);

static _Noreturn void
wrong(const struct exchange *exchange, const char *what, const char *more)
{
	char script[SCRIPT_TEXT_SIZE];

	run_fail(exchange->run,
		 "datagrams %" PRIu64 ": %s %s\n# %s\n# count=%u answered=%u",
		 exchange->index, what, more,
		 script_format(&exchange->script, script), exchange->count,
		 exchange->answered);
}

static void
end(struct exchange *exchange)
{
	struct run *run = exchange->run;

	event_del(&exchange->event);
	close(exchange->fd);
	run_end(run, exchange->script.kind, true);
	free(exchange);
}

/* Its first byte is its number; an empty one has none, and is the only one. */
static void
compose(const struct exchange *exchange, unsigned number,
	unsigned char data[SIZE_MOST])
{
	size_t length = exchange->size[number], run;
	const unsigned char *from =
		pattern_at(&exchange->run->pattern, (uint32_t)exchange->index,
			   number * (uint64_t)PATTERN_PERIOD, &run);

	memcpy(data, from, length);
	if (length > 0)
		data[0] = (unsigned char)number;
}

static void
send_all(struct exchange *exchange)
{
	static unsigned char data[SIZE_MOST];
	struct run *run = exchange->run;

	for (unsigned i = 0; i < exchange->count; i++) {
		if (exchange->has_answer[i])
			continue;
		compose(exchange, i, data);
		if (send(exchange->fd, data, exchange->size[i], 0) < 0 &&
		    errno != EAGAIN && errno != ENOBUFS && !run->draining)
			wrong(exchange, "send:", strerror(errno));
		run->bytes_sent += exchange->size[i];
		run->resent += exchange->tries > 0;
	}
	exchange->tries++;
	exchange->sent_at = run_now();
}

/* Returns the length of the prefix. */
static size_t
check_prefix(const struct exchange *exchange, const unsigned char *data,
	     size_t length)
{
	char text[PREFIX_LENGTH + 1] = "", wanted[PREFIX_LENGTH + 1];
	unsigned version;

	if (exchange->script.kind->framing == FRAMED_NOT)
		return 0;
	if (length < PREFIX_LENGTH)
		wrong(exchange, "an answer without its prefix", "");
	memcpy(text, data, PREFIX_LENGTH);
	version = (unsigned)strtoul(text + 1, NULL, 10);
	model_prefix(version, wanted);
	if (strcmp(text, wanted) != 0 || version < exchange->oldest ||
	    version > target_newest(exchange->run->target))
		wrong(exchange, "an answer with the prefix", text);
	return PREFIX_LENGTH;
}

static void
check(struct exchange *exchange, const unsigned char *data, size_t length)
{
	static unsigned char wanted[SIZE_MOST];
	size_t prefix = check_prefix(exchange, data, length);
	unsigned number = length > prefix ? data[prefix] : 0;

	if (number >= exchange->count ||
	    length != prefix + exchange->size[number])
		wrong(exchange, "an answer of another length", "");
	compose(exchange, number, wanted);
	if (memcmp(data + prefix, wanted, length - prefix) != 0)
		wrong(exchange, "an answer with other bytes", "");
	if (exchange->has_answer[number] && exchange->tries == 1)
		wrong(exchange, "an answer comes twice", "");
	exchange->answered += !exchange->has_answer[number];
	exchange->has_answer[number] = true;
	exchange->run->bytes_received += length;
}

static void
receive_all(struct exchange *exchange)
{
	static unsigned char data[SIZE_MOST + PREFIX_LENGTH + 1];
	ssize_t got;

	while ((got = recv(exchange->fd, data, sizeof(data), 0)) >= 0)
		check(exchange, data, (size_t)got);
	if (errno != EAGAIN && !exchange->run->draining)
		wrong(exchange, "recv:", strerror(errno));
}

static void
arm(struct exchange *exchange)
{
	event_assign(&exchange->event, exchange->run->base, exchange->fd,
		     EV_READ, on_event, exchange);
	event_add(&exchange->event, &(struct timeval){ .tv_usec = 200000 });
}

static void
on_event(evutil_socket_t fd, short what, void *argument)
{
	struct exchange *exchange = argument;

	(void)fd;
	(void)what;
	receive_all(exchange);
	if (exchange->answered == exchange->count || exchange->run->draining) {
		end(exchange);
		return;
	}
	if (run_now() - exchange->sent_at > AGAIN_MS) {
		if (exchange->tries == TRIES)
			wrong(exchange, "no answer to", "some of them");
		send_all(exchange);
	}
	arm(exchange);
}

static unsigned
local_port(int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} here;
	socklen_t length = sizeof(here);

	if (getsockname(fd, &here.sa, &length) < 0)
		return 0;
	return ntohs(here.sa.sa_family == AF_INET6 ? here.in6.sin6_port :
						     here.in.sin_port);
}

/* From a port that echod does not use: it does not answer its own ports. */
static int
open_socket(const struct exchange *exchange)
{
	struct target *target = exchange->run->target;
	struct sockaddr_storage address;
	socklen_t length =
		target_address(target, exchange->script.kind, &address);
	int fd = socket(address.ss_family,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, length) < 0)
		wrong(exchange, "connect:", strerror(errno));
	if (target_has_udp_port(target, local_port(fd))) {
		close(fd);
		return open_socket(exchange);
	}
	return fd;
}

void
datagrams_begin(struct run *run, uint64_t index, const struct script *script)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	struct random random = random_of(run->seed, ~index);

	run_begin(run);
	exchange->run = run;
	exchange->index = index;
	exchange->script = *script;
	exchange->oldest = target_oldest(run->target);
	exchange->count = (unsigned)random_size(&random, COUNT_MOST);
	for (unsigned i = 0; i < exchange->count; i++)
		exchange->size[i] = random_size(&random, SIZE_MOST);
	if (exchange->count == 1 && random_chance(&random, 30))
		exchange->size[0] = 0;
	exchange->fd = open_socket(exchange);
	send_all(exchange);
	arm(exchange);
}
