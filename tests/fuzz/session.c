/*
 * A session whose peer does what a script says, and whose socket takes, gives
 * and refuses what the script says.  Five digits of settings come first, see
 * configure(); then steps, each a letter and what it takes (see steps[]).
 *
 * The program is linked with --wrap: the calls of echod come here first.
 */
#include "session.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admit.h"
#include "config.h"
#include "fuzz.h"
#include "model.h"
#include "origin.h"
#include "patience.h"
#include "timers.h"
#include "world.h"

#define STEPS_MAX 256
#define SAID_MAX (192 * 1024)
#define SLOW_MAX (16 * 1024) /* of an echo that is delayed */

#define ABSORBED_MS (PATIENCE_ABSORB + 2 * TIMERS_TICK_MS)

/* See bufferevent_set_max_single_read(). */
#define READ_AT_ONCE (16 * 1024)

/* Passes of the loop in which something is called, and no byte moves. */
#define IDLE_PASSES 64

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_splice(int from, off64_t *from_at, int to, off64_t *to_at,
		      size_t size, unsigned flags);
ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at,
		      size_t size, unsigned flags);

/* What a direction of the socket does next. */
struct valve {
	size_t allowance; /* bytes, then it refuses once */
	size_t piece;	  /* bytes a call */
	int error;	  /* of the next call, once; 0: none */
};

struct play {
	struct session_host host; /* first: the callback gets no other */
	struct stats stats;
	struct admit *admit;
	struct gate *gate;
	void (*readable)(struct flow *flow); /* those of the host itself */
	void (*written)(struct flow *flow);
	void (*due)(struct flow *flow);
	void (*ended)(struct flow *flow, bool failed);

	struct script script;
	struct model model;
	const struct config_listener *listener;
	struct session *session; /* NULL: it has ended */
	struct stats before;
	struct valve in, out;
	int fd, peer; /* peer: -1 once it is gone */
	uint64_t said, said_max;
	uint64_t due_by_drain; /* of what was said */
	uint64_t calls;
	uint64_t moved;	      /* bytes, anywhere */
	int64_t moved_at;     /* ms */
	unsigned idle_passes; /* since a byte has moved */
	bool finished;	      /* FIN has been sent */
	bool heard_end;	      /* the session's FIN, or RST, has come */
	bool drained, closed, reset;
	bool broken;   /* a call has failed for good */
	bool squeezed; /* no byte need go on in time */
};

/* The one whose descriptor is looked for in calls. */
static struct play play;

static bool
is_ours(int fd)
{
	return play.session && fd == play.fd;
}

/* Returns how many bytes may pass, or -1 with errno set. */
static ssize_t
pass(struct valve *valve, size_t size)
{
	play.calls++;
	if (valve->error) {
		errno = valve->error;
		valve->error = 0;
		return -1;
	}
	if (valve->allowance == 0 && size > 0) {
		valve->allowance = SIZE_MAX;
		play.idle_passes = 0;
		errno = EAGAIN;
		return -1;
	}
	if (size > valve->piece)
		size = valve->piece;
	if (size > valve->allowance)
		size = valve->allowance;
	if (valve->allowance != SIZE_MAX)
		valve->allowance -= size;
	return (ssize_t)size;
}

ssize_t
__wrap_recv(int fd, void *data, size_t size, int flags)
{
	ssize_t passing = is_ours(fd) ? pass(&play.in, size) : (ssize_t)size;

	return passing < 0 ? -1 : __real_recv(fd, data, (size_t)passing, flags);
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
	ssize_t passing = is_ours(fd) ? pass(&play.out, size) : (ssize_t)size;

	return passing < 0 ? -1 : __real_send(fd, data, (size_t)passing, flags);
}

static size_t
total(const struct iovec *parts, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	return bytes;
}

/* Copies so many bytes of the vector; returns how many parts that takes. */
static size_t
shorten(struct iovec *to, const struct iovec *parts, size_t bytes)
{
	size_t count = 0;

	while (bytes > 0) {
		to[count] = parts[count];
		if (to[count].iov_len > bytes)
			to[count].iov_len = bytes;
		bytes -= to[count++].iov_len;
	}
	return count;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec parts[1024];
	struct msghdr shorter = *message;
	ssize_t passing;

	if (!is_ours(fd))
		return __real_sendmsg(fd, message, flags);
	passing = pass(&play.out, total(message->msg_iov, message->msg_iovlen));
	if (passing < 0)
		return -1;
	shorter.msg_iov = parts;
	shorter.msg_iovlen = shorten(parts, message->msg_iov, (size_t)passing);
	return __real_sendmsg(fd, &shorter, flags);
}

ssize_t
__wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
	      unsigned flags)
{
	ssize_t passing = (ssize_t)size;

	if (is_ours(from))
		passing = pass(&play.in, size);
	else if (is_ours(to))
		passing = pass(&play.out, size);
	return passing < 0 ? -1 :
			     __real_splice(from, from_at, to, to_at,
					   (size_t)passing, flags);
}

/* ---- the host, which is made once */

static void
on_readable(struct flow *flow)
{
	play.calls++;
	play.readable(flow);
}

static void
on_written(struct flow *flow)
{
	play.calls++;
	play.written(flow);
}

static void
on_due(struct flow *flow)
{
	play.calls++;
	play.due(flow);
}

static void
on_ended(struct flow *flow, bool failed)
{
	play.calls++;
	play.ended(flow, failed);
}

static void
on_closed(struct session_host *host)
{
	FUZZ_EXPECT(host == &play.host && play.session);
	play.session = NULL;
}

static void
make_host(void)
{
	struct flow_host *flows = &play.host.flows;

	FUZZ_EXPECT(session_host_init(&play.host, world_base(), &play.stats));
	play.host.closed = on_closed;
	play.readable = flows->readable;
	play.written = flows->written;
	play.due = flows->due;
	play.ended = flows->ended;
	flows->readable = on_readable;
	flows->written = on_written;
	flows->due = on_due;
	flows->ended = on_ended;
	play.admit = admit_new();
	play.gate = gate_new(play.admit, "main");
	FUZZ_EXPECT(play.gate);
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
/* What unix(7) has for a buffer; 0: as it is. */
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
	return world_config(text);
}

static void
begin(struct script script)
{
	struct origin origin = { 0 };
	enum refuse_reason reason;
	struct config *config;
	int fds[2], buffer;

	play.script = script;
	config = configure(&play.script, &buffer);
	play.listener = &config->listeners[0];
	play.model = (struct model){
		.frame = play.listener->frame,
		.corrupt_every = play.listener->fault.corrupt_every,
	};
	world_pair(fds);
	play.peer = fds[0];
	play.fd = fds[1];
	if (buffer > 0)
		setsockopt(play.fd, SOL_SOCKET, SO_SNDBUF, &buffer,
			   sizeof(buffer));
	play.in = play.out = (struct valve){ SIZE_MAX, SIZE_MAX, 0 };
	play.said = play.due_by_drain = 0;
	play.said_max = play.listener->fault.delay > 0 ? SLOW_MAX : SAID_MAX;
	play.moved = 0;
	play.moved_at = world_now();
	play.idle_passes = 0;
	play.finished = play.heard_end = play.drained = play.closed = false;
	play.reset = play.broken = play.squeezed = false;
	play.before = play.stats;

	origin.fd = play.fd;
	origin.gate = play.gate;
	origin.listener = play.listener;
	FUZZ_EXPECT(
		gate_enter(play.gate, &origin.peer, 0, &origin.id, &reason));
	play.session = session_new(&play.host, &origin);
	FUZZ_EXPECT(play.session);
}

static uint64_t
counted(enum stats_counter counter)
{
	return play.stats.counter[counter] - play.before.counter[counter];
}

/* What a peer that has not read finds in the kernel. */
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

/* Notes whether a byte has moved. */
static void
look(void)
{
	uint64_t in_kernel = waiting();
	uint64_t moved = counted(STATS_bytes_in) + counted(STATS_bytes_out) +
			 play.model.heard + in_kernel;

	if (moved != play.moved) {
		play.moved = moved;
		play.moved_at = world_now();
		play.idle_passes = 0;
	}
	FUZZ_EXPECT(play.idle_passes++ < IDLE_PASSES);
	check_bound(in_kernel);
}

/* False where nothing was called. */
static bool
turn(void)
{
	uint64_t calls = play.calls;

	world_turn();
	if (play.calls == calls)
		return false;
	look();
	return true;
}

/* Turns until nothing happens, which has to come. */
static void
settle(void)
{
	unsigned quiet = 0;

	play.idle_passes = 0;
	while (quiet < 2)
		quiet = turn() ? 0 : quiet + 1;
}

static size_t
hear(size_t most)
{
	static uint8_t data[65536];
	ssize_t got;

	if (play.peer < 0 || play.heard_end)
		return 0;
	got = __real_recv(play.peer, data,
			  most < sizeof(data) ? most : sizeof(data), 0);
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
		size_t piece = left < WORLD_RUN ? left : WORLD_RUN;
		ssize_t sent = __real_send(play.peer, world_pattern(play.said),
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
	turn();
}

/* As after SIGSTOP: all at once. */
static void
step_jump(void)
{
	world_pass((int64_t)script_size(&play.script));
	settle();
}

/* Time as it passes. */
static void
pass_time(int64_t ms)
{
	for (int64_t end = world_now() + ms; world_now() < end;) {
		world_pass(TIMERS_TICK_MS);
		if (turn())
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

/* With something unread unix(7) sends what TCP would call RST, else FIN. */
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
	play.out.allowance = script_size(&play.script) - 1;
}

static void
step_limit_input(void)
{
	play.in.allowance = script_size(&play.script) - 1;
}

static void
step_cut_output(void)
{
	play.out.piece = script_size(&play.script);
}

static void
step_cut_input(void)
{
	play.in.piece = script_size(&play.script);
}

static void
step_interrupt(void)
{
	play.in.error = EINTR;
}

static void
step_fail(void)
{
	static const int errors[] = { ECONNRESET, EPIPE, ETIMEDOUT,
				      EHOSTUNREACH, EIO };
	uint8_t byte = script_digit(&play.script);
	struct valve *valve = byte & 1 ? &play.in : &play.out;

	valve->error = PICK(errors, byte >> 1);
	play.broken = true;
}

static const struct step {
	char letter;
	void (*take)(void);
} steps[] = {
	{ 's', step_say },	    /* SIZE */
	{ 'h', step_hear },	    /* SIZE */
	{ 't', step_turn },	    /* one pass of the loop */
	{ '.', settle },	    /* as many as it takes */
	{ 'j', step_jump },	    /* SIZE, ms */
	{ 'w', step_wait },	    /* BYTE, ticks */
	{ 'F', step_finish },	    /* FIN */
	{ 'R', step_leave },	    /* RST where something is unread */
	{ 'D', step_drain },	    /* told to end */
	{ 'C', step_close },	    /* ended */
	{ 'o', step_limit_output }, /* SIZE - 1, then EAGAIN once */
	{ 'i', step_limit_input },  /* likewise */
	{ 'O', step_cut_output },   /* SIZE, of each call */
	{ 'I', step_cut_input },    /* likewise */
	{ 'e', step_interrupt },    /* EINTR, once */
	{ 'E', step_fail },	    /* BYTE, an error of a direction */
};

static void
take_step(char letter)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (steps[i].letter == letter)
			steps[i].take();
}

/* ---- the end */

/* Why it may have ended. */
static bool
is_right(enum close_reason reason)
{
	const struct config_listener *listener = play.listener;
	int64_t idle = (int64_t)(listener->idle_timeout * 1000);

	switch (reason) {
	case CLOSE_eof:
		return play.finished || play.reset;
	case CLOSE_reset:
		return play.reset || play.broken;
	case CLOSE_idle_timeout:
		/* What is absorbed for a peer that does not read is no sign. */
		return idle > 0 &&
		       world_now() - play.moved_at + ABSORBED_MS >= idle;
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

/* So much of what was said has to have come back. */
static void
check_echo(enum close_reason reason)
{
	const struct fault_terms *fault = &play.listener->fault;

	if (play.broken || play.closed || play.reset)
		return;
	if (reason == CLOSE_eof)
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
 * Nothing is in its way any more: it has to come to its end by itself, but for
 * one whose fault is silence.
 */
static void
finish(void)
{
	play.in = play.out = (struct valve){ SIZE_MAX, SIZE_MAX, 0 };
	step_finish();
	hear_all();
	if (play.listener->fault.end == FAULT_stall)
		step_drain();
	for (int idle = 0; play.session && idle < 50; idle++) {
		uint64_t before = play.moved;

		world_pass(4 * TIMERS_TICK_MS);
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

	world_freeze();
	if (!play.gate)
		make_host();
	lowest = world_lowest_descriptor();
	begin((struct script){ data, size, 0 });
	for (int i = 0; i < STEPS_MAX && play.script.at < size; i++)
		take_step((char)script_next(&play.script));
	finish();
	check_echo(check_reason());
	if (play.peer >= 0)
		close(play.peer);
	FUZZ_EXPECT(play.host.count == 0);
	FUZZ_EXPECT(admit_count(play.admit) == 0);
	FUZZ_EXPECT(world_lowest_descriptor() == lowest);
	config_unref(play.listener->config);
	world_thaw();
}
