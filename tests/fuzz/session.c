/*
 * A session whose peer and whose socket do what a script says.  Five digits
 * with settings come first (see configure()), then steps, each a letter and its
 * arguments (see steps[]).
 */
#include "tcp/session.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timers.h"
#include "config/config.h"
#include "fixture.h"
#include "fuzz.h"
#include "model.h"
#include "tcp/connection_info.h"
#include "tcp/connection_limits.h"
#include "tcp/deadlines.h"
#include "wrapped_socket.h"

#define STEPS_MAX 256
#define SAID_MAX (192 * 1024)
#define SLOW_MAX (16 * 1024) /* of an echo that is delayed */

#define ABSORBED_MS (DEADLINES_ABSORB + 2 * TIMERS_TICK_MS)

/* See bufferevent_set_max_single_read(). */
#define READ_AT_ONCE (16 * 1024)

/* Passes of the loop with callbacks or calls, in which no byte moves. */
#define IDLE_PASSES 64

struct play {
	struct session_context host; /* first: the callback gets no other */
	struct stats stats;
	struct limits *limits;
	struct limit *limit;
	void (*readable)(struct transport *transport); /* the host's own */
	void (*written)(struct transport *transport);
	void (*due)(struct transport *transport);
	void (*ended)(struct transport *transport, bool failed);

	struct script script;
	struct model model;
	struct config *config;
	const struct config_listener *listener; /* of it */
	struct session *session;		/* NULL: it has ended */
	enum close_reason reason;		/* why it has */
	struct stats before;
	int peer; /* -1: closed */
	uint64_t said, said_max;
	uint64_t due_by_drain; /* of `said`: as much must come back */
	uint64_t calls;
	uint64_t moved;	      /* bytes, anywhere */
	int64_t moved_at;     /* ms; absorbed bytes do not count */
	uint64_t out;	      /* bytes, as of the last look */
	uint64_t passed;      /* of these, to the peer, as of then */
	uint64_t refusals;    /* as of the last look */
	unsigned idle_passes; /* since a byte has moved */
	bool finished;	      /* FIN has been sent */
	bool heard_end;	      /* the session's FIN, or RST, has come */
	bool drained, closed, reset;
	bool broken; /* a call has failed with an error that ends a session */
};

static struct play play;

/* ---- the host, which is made once */

static void
on_readable(struct transport *transport)
{
	play.calls++;
	play.readable(transport);
}

static void
on_written(struct transport *transport)
{
	play.calls++;
	play.written(transport);
}

static void
on_due(struct transport *transport)
{
	play.calls++;
	play.due(transport);
}

static void
on_ended(struct transport *transport, bool failed)
{
	play.calls++;
	play.ended(transport, failed);
}

/* Whether it can have ended for this reason. */
static bool
is_right(enum close_reason reason)
{
	const struct config_listener *listener = play.listener;
	int64_t idle = (int64_t)(listener->idle_timeout * 1000);

	switch (reason) {
	case CLOSE_eof:
		return play.finished || play.reset;
	case CLOSE_no_data:
		return play.finished || play.reset || play.broken;
	case CLOSE_reset:
		return play.reset || play.broken;
	case CLOSE_idle_timeout:
		/* Bytes absorbed for a peer that does not read do not count. */
		return idle > 0 &&
		       fixture_now() - play.moved_at + ABSORBED_MS >= idle;
	case CLOSE_write_timeout:
		return listener->write_timeout > 0;
	case CLOSE_drain:
		return play.drained || play.closed;
	case CLOSE_fault:
		return listener->fault.end != FAULT_none;
	case CLOSE_vanished:
	case CLOSE_error:
		return play.broken;
	default:
		return false;
	}
}

static enum close_reason
check_reason(void)
{
	unsigned count = 0, found = CLOSE_REASON_COUNT;

	for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++) {
		uint64_t times = play.stats.closed[i] - play.before.closed[i];

		if (times > 0)
			found = i;
		count += (unsigned)times;
	}
	FUZZ_EXPECT(count == 1);
	if (!is_right(found)) {
		fprintf(stderr, "it ended with reason=%s\n",
			stats_close_reason(found));
		FUZZ_EXPECT(!"the right reason");
	}
	return found;
}

static void
on_closed(struct session_context *host)
{
	FUZZ_EXPECT(host == &play.host && play.session);
	play.session = NULL;
	wrapped_socket.fd = -1;
	play.reason = check_reason();
}

static void
make_host(void)
{
	struct transport_context *transports = &play.host.transports;

	FUZZ_EXPECT(session_context_init(&play.host, fixture_base(), 0));
	play.host.closed = on_closed;
	play.readable = transports->readable;
	play.written = transports->written;
	play.due = transports->due;
	play.ended = transports->ended;
	transports->readable = on_readable;
	transports->written = on_written;
	transports->due = on_due;
	transports->ended = on_ended;
	play.limits = limits_new();
	play.limit = limit_new(play.limits, "main", &play.stats);
	FUZZ_EXPECT(play.limit);
}

/* ---- one session of it */

static const char *const prefixes[] = {
	"",
	"",
	"GOT:",
	">",
	"[0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstu]",
};
static const unsigned chunk_sizes[] = { 1000, 1, 7, 65536 };
static const unsigned output_limits[] = { 262144, 1024, 5000, 65536 };
static const char *const timeouts[] = {
	"idle_timeout = 0; write_timeout = 0;",
	"idle_timeout = 0.5; write_timeout = 0;",
	"idle_timeout = 0; write_timeout = 0.5;",
	"idle_timeout = 2.0; write_timeout = 0.3; minimum_rate = 1000;",
};
static const char *const faults[] = {
	"",
	"",
	"delay = 0.05;",
	"rate = 900000;",
	"corrupt_every = 3;",
	"delay = 0.02; rate = 400000; corrupt_every = 100;",
	"end = \"close\"; after = 100;",
	"end = \"reset\"; after = 5000;",
	"end = \"stall\"; after = 10;",
	"end = \"close\"; after = 0;",
	"end = \"close\"; after = 70000; delay = 0.03;",
};
/* SO_SNDBUF; 0: the default. */
static const int buffers[] = { 0, 4608, 20000, 400000 };

#define PICK(table, byte) ((table)[(byte) % (sizeof(table) / sizeof(*(table)))])

/*
 * Five digits: framing and chunk size, prefix, limit and buffer, time-outs,
 * fault.
 */
static struct config *
configure(struct script *script, int *buffer)
{
	char text[1024];
	uint8_t framing = script_digit(script);
	uint8_t prefix = script_digit(script);
	uint8_t room = script_digit(script);
	uint8_t timeout = script_digit(script);
	uint8_t fault = script_digit(script);

	snprintf(text, sizeof(text),
		 "listen = \"127.0.0.1:0\"; framing = \"%s\"; "
		 "chunk_size = %u; prefix = \"%s\"; output_limit = %u; %s "
		 "fault = { %s };",
		 framing & 1 ? "line" : "chunk",
		 PICK(chunk_sizes, framing >> 1), PICK(prefixes, prefix),
		 PICK(output_limits, room), PICK(timeouts, timeout),
		 PICK(faults, fault));
	*buffer = PICK(buffers, room >> 2);
	return fixture_config(text);
}

static void
begin(struct script script)
{
	struct connection_info info = { 0 };
	enum refuse_reason reason;
	struct config *config;
	int fds[2], buffer;

	play.script = script;
	config = configure(&play.script, &buffer);
	play.config = config;
	play.listener = fixture_listener(config);
	play.model = (struct model){
		.frame = play.listener->frame,
		.corrupt_every = play.listener->fault.corrupt_every,
	};
	fixture_pair(fds);
	play.peer = fds[0];
	if (buffer > 0)
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buffer,
			   sizeof(buffer));
	wrapped_socket_attach(fds[1]);
	play.said = play.due_by_drain = 0;
	play.said_max = play.listener->fault.delay > 0 ? SLOW_MAX : SAID_MAX;
	play.moved = play.refusals = play.out = play.passed = 0;
	play.moved_at = fixture_now();
	play.idle_passes = 0;
	play.finished = play.heard_end = play.drained = play.closed = false;
	play.reset = play.broken = false;
	play.before = play.stats;

	info.fd = fds[1];
	info.limit = play.limit;
	info.listener = play.listener;
	FUZZ_EXPECT(limit_enter(play.limit, &info.peer, 0, &info.id, &reason));
	play.session = session_new(&play.host, &info);
	FUZZ_EXPECT(play.session);
}

static uint64_t
counted(enum stats_counter counter)
{
	return play.stats.counter[counter] - play.before.counter[counter];
}

/* Bytes that the peer can read. */
static uint64_t
waiting(void)
{
	int bytes = 0;

	if (play.peer >= 0)
		ioctl(play.peer, FIONREAD, &bytes);
	return (uint64_t)bytes;
}

/*
 * A chunk may go past the limit, and so may the prefixes of a few lines, and
 * what libevent has read at once.
 */
static void
check_bound(uint64_t in_kernel)
{
	const struct config_listener *listener = play.listener;
	uint64_t heard = play.model.heard + in_kernel;
	uint64_t heard_in = play.model.echoed + in_kernel;
	uint64_t slack =
		READ_AT_ONCE + listener->chunk_size +
		(FRAME_LINES_LEAST + 1) * (play.model.frame.prefix_length + 1);
	uint64_t out = counted(STATS_bytes_out);
	uint64_t in = counted(STATS_bytes_in);

	if (!play.session || play.peer < 0)
		return;
	FUZZ_EXPECT(heard <= out);
	FUZZ_EXPECT(out - heard <= listener->output_limit + slack);
	if (in > heard_in && listener->fault.end == FAULT_none)
		FUZZ_EXPECT(in - heard_in <=
			    2 * listener->output_limit + slack);
}

/*
 * Output waits, and none of it has passed to the peer: what was read was
 * absorbed, perhaps long after its time (step_jump()).
 */
static bool
is_absorbed(uint64_t passed)
{
	bool absorbed = play.out > play.passed && passed == play.passed;

	play.out = counted(STATS_bytes_out);
	play.passed = passed;
	return absorbed;
}

/* Notes whether a byte has moved. */
static void
look(void)
{
	uint64_t in_kernel = waiting();
	bool absorbed = is_absorbed(play.model.heard + in_kernel);
	uint64_t moved = counted(STATS_bytes_in) + counted(STATS_bytes_out) +
			 play.model.heard + in_kernel + wrapped_socket.received;

	if (moved != play.moved) {
		play.moved = moved;
		if (!absorbed)
			play.moved_at = fixture_now();
		play.idle_passes = 0;
	}
	if (wrapped_socket.refusals != play.refusals)
		play.idle_passes = 0;
	play.refusals = wrapped_socket.refusals;
	FUZZ_EXPECT(play.idle_passes++ < IDLE_PASSES);
	check_bound(in_kernel);
}

/* False if nothing was called. */
static bool
entry(void)
{
	uint64_t calls = play.calls + wrapped_socket.calls;

	fixture_turn();
	if (play.calls + wrapped_socket.calls == calls)
		return false;
	look();
	return true;
}

/* Runs the loop until nothing happens any more. */
static void
settle(void)
{
	unsigned quiet = 0;

	play.idle_passes = 0;
	while (quiet < 2)
		quiet = entry() ? 0 : quiet + 1;
}

static size_t
hear(size_t most)
{
	static uint8_t data[65536];
	ssize_t got;

	if (play.peer < 0 || play.heard_end)
		return 0;
	got = recv(play.peer, data, most < sizeof(data) ? most : sizeof(data),
		   0);
	if (got < 0) {
		FUZZ_EXPECT(errno == EAGAIN || errno == ECONNRESET);
		play.heard_end = errno == ECONNRESET;
		return 0;
	}
	if (got == 0)
		play.heard_end = true;
	model_hear(&play.model, data, (size_t)got);
	FUZZ_EXPECT(play.model.echoed <= play.said);
	return (size_t)got;
}

/* ---- the steps of a script */

static void
step_say(void)
{
	size_t left = script_size(&play.script);

	if (play.peer < 0 || play.finished)
		return;
	if (left > play.said_max - play.said)
		left = play.said_max - play.said;
	while (left > 0) {
		size_t piece = left < FIXTURE_RUN ? left : FIXTURE_RUN;
		ssize_t sent = send(play.peer, fixture_pattern(play.said),
				    piece, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		play.said += (uint64_t)sent;
		left -= (size_t)sent;
	}
}

static void
step_hear(void)
{
	size_t left = script_size(&play.script);
	size_t got;

	while (left > 0 && (got = hear(left)) > 0)
		left -= got;
}

static void
step_turn(void)
{
	entry();
}

/* As after SIGSTOP: all at once. */
static void
step_jump(void)
{
	fixture_advance((int64_t)script_size(&play.script));
	settle();
}

/* Time as it passes. */
static void
pass_time(int64_t ms)
{
	for (int64_t end = fixture_now() + ms; fixture_now() < end;) {
		fixture_advance(TIMERS_TICK_MS);
		if (entry())
			settle();
	}
}

static void
step_wait(void)
{
	int64_t ticks = script_next(&play.script) % 64;

	pass_time(ticks * TIMERS_TICK_MS);
}

static void
step_finish(void)
{
	if (play.peer >= 0)
		shutdown(play.peer, SHUT_WR);
	play.finished = true;
}

/* With unread bytes, closing a unix socket is what RST is in TCP. */
static void
step_leave(void)
{
	if (play.peer >= 0)
		close(play.peer);
	play.peer = -1;
	play.reset = true;
}

static void
step_drain(void)
{
	if (!play.session)
		return;
	if (!play.drained)
		play.due_by_drain = play.said;
	play.drained = true;
	session_drain(play.session);
}

static void
step_close(void)
{
	if (!play.session)
		return;
	play.closed = true;
	session_close(play.session, CLOSE_drain);
}

static void
step_limit_output(void)
{
	wrapped_socket.out.allowance = script_size(&play.script) - 1;
}

static void
step_limit_input(void)
{
	wrapped_socket.in.allowance = script_size(&play.script) - 1;
}

static void
step_cut_output(void)
{
	wrapped_socket.out.piece = script_size(&play.script);
}

static void
step_cut_input(void)
{
	wrapped_socket.in.piece = script_size(&play.script);
}

static void
step_interrupt(void)
{
	wrapped_socket.in.error = EINTR;
}

static void
step_fail(void)
{
	static const int errors[] = { ECONNRESET, EPIPE, ETIMEDOUT,
				      EHOSTUNREACH, EIO };
	uint8_t byte = script_digit(&play.script);
	struct direction *direction = byte & 1 ? &wrapped_socket.in :
						 &wrapped_socket.out;

	direction->error = PICK(errors, byte >> 1);
	play.broken = true;
}

static const struct script_step steps[] = {
	{ 's', step_say },	    /* SIZE */
	{ 'h', step_hear },	    /* SIZE */
	{ 't', step_turn },	    /* one pass of the loop */
	{ '.', settle },	    /* as many as it takes */
	{ 'j', step_jump },	    /* SIZE, ms */
	{ 'w', step_wait },	    /* BYTE, ticks */
	{ 'F', step_finish },	    /* FIN */
	{ 'R', step_leave },	    /* close; RST if bytes are unread */
	{ 'D', step_drain },	    /* drained */
	{ 'C', step_close },	    /* ended */
	{ 'o', step_limit_output }, /* SIZE - 1, then EAGAIN once */
	{ 'i', step_limit_input },  /* likewise */
	{ 'O', step_cut_output },   /* SIZE, of each call */
	{ 'I', step_cut_input },    /* likewise */
	{ 'e', step_interrupt },    /* EINTR, once */
	{ 'E', step_fail },	    /* BYTE, an error of a direction */
	{ 0 },
};

/* ---- the end */

/* Whether as much has come back as must have. */
static void
check_echo(enum close_reason reason)
{
	const struct fault_params *fault = &play.listener->fault;

	if (play.broken || play.closed || play.reset)
		return;
	if (reason == CLOSE_eof || reason == CLOSE_no_data)
		FUZZ_EXPECT(play.model.echoed == play.said);
	if (reason == CLOSE_drain && fault->end != FAULT_stall)
		FUZZ_EXPECT(play.model.echoed >= play.due_by_drain);
	if (reason == CLOSE_fault)
		FUZZ_EXPECT(play.model.heard == fault->after);
	FUZZ_EXPECT(play.model.prefix_at == 0 || fault->end != FAULT_none ||
		    (reason != CLOSE_eof && reason != CLOSE_drain));
}

static void
hear_all(void)
{
	do
		settle();
	while (hear(SIZE_MAX) > 0);
}

/*
 * Nothing is cut or refused any more: the session must end by itself, except
 * for fault.end = "stall".
 */
static void
finish(void)
{
	wrapped_socket_unlimit();
	step_finish();
	hear_all();
	if (play.listener->fault.end == FAULT_stall)
		step_drain();
	for (int idle = 0; play.session && idle < 50; idle++) {
		uint64_t before = play.moved;

		fixture_advance(4 * TIMERS_TICK_MS);
		hear_all();
		if (play.moved != before)
			idle = 0;
	}
	FUZZ_EXPECT(!play.session);
	/* libevent closes the descriptor in the pass that follows. */
	settle();
	while (hear(SIZE_MAX) > 0)
		continue;
	FUZZ_EXPECT(play.peer < 0 || play.heard_end);
}

void
fuzz_session(const uint8_t *data, size_t size)
{
	int lowest;

	fixture_freeze();
	if (!play.limit)
		make_host();
	lowest = fixture_lowest_descriptor();
	begin((struct script){ data, size, 0 });
	script_run(&play.script, steps, STEPS_MAX);
	finish();
	check_echo(play.reason);
	if (play.peer >= 0)
		close(play.peer);
	FUZZ_EXPECT(play.host.count == 0);
	FUZZ_EXPECT(limits_count(play.limits) == 0);
	FUZZ_EXPECT(fixture_lowest_descriptor() == lowest);
	config_unref(play.config);
	fixture_thaw();
}
