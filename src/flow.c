#include "flow.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

#include "detour.h"
#include "gather.h"
#include "socket.h"
#include "stats.h"
#include "timers.h"
#include "tlslink.h"

/* For flow.error: all is said. */
#define END_OF_INPUT (-1)

/* So long, in milliseconds, without a small message: nobody else is there. */
#define ALONE_MS 10

/* What is dropped at a time of what comes too late. */
#define DISCARD_MAX (16 * 1024)

int
flow_fd(const struct flow *flow)
{
	return bufferevent_getfd(flow->bev);
}

size_t
flow_unsent(const struct flow *flow)
{
	return evbuffer_get_length(bufferevent_get_output(flow->bev));
}

static struct ssl_st *
link_of(const struct flow *flow)
{
	return tlslink_of(flow->bev);
}

static bool
has_tls(const struct flow *flow)
{
	return flow->path == PUMP_BUFFERED && link_of(flow);
}

size_t
flow_detained(const struct flow *flow)
{
	return flow->detour ? detour_held(flow->detour) : 0;
}

size_t
flow_held(const struct flow *flow)
{
	return evbuffer_get_length(bufferevent_get_input(flow->bev));
}

uint64_t
flow_received(const struct flow *flow)
{
	return has_tls(flow) ? tlslink_received(link_of(flow)) :
			       flow->in + flow_held(flow);
}

uint64_t
flow_sent(const struct flow *flow)
{
	if (!has_tls(flow))
		return flow->out;
	return tlslink_sent(link_of(flow)) + flow_unsent(flow);
}

bool
flow_is_empty(const struct flow *flow)
{
	return flow_held(flow) == 0 &&
	       !(has_tls(flow) && tlslink_is_amid(link_of(flow)));
}

/* close_notify waits for room. */
static bool
is_leaving(const struct flow *flow)
{
	return event_pending(&flow->readable, EV_WRITE, NULL);
}

static bool
start_reading(struct flow *flow)
{
	/* libevent does not tell of the end a second time. */
	if (flow->error == END_OF_INPUT)
		event_active(&flow->readable, EV_READ, 0);
	if (flow->path == PUMP_BUFFERED)
		return bufferevent_enable(flow->bev, EV_READ) == 0;
	if (flow->reading == FLOW_TURN &&
	    turns_wait(flow->host->turns, &flow->turn))
		return true;
	flow->reading = FLOW_EVENT;
	return event_add(&flow->readable, NULL) == 0;
}

static bool
stop_reading(struct flow *flow)
{
	if (flow->path == PUMP_BUFFERED)
		return bufferevent_disable(flow->bev, EV_READ) == 0;
	turns_cancel(&flow->turn);
	return event_del(&flow->readable) == 0;
}

bool
flow_read(struct flow *flow, enum flow_reading reading)
{
	enum flow_reading before = flow->reading;

	if (reading == before)
		return true;
	flow->reading = reading;
	return (before == FLOW_STILL || stop_reading(flow)) &&
	       (reading == FLOW_STILL || start_reading(flow));
}

/* Whether it is in bulk, and alone with its like. */
static bool
is_alone(const struct flow *flow)
{
	struct flow_host *host = flow->host;
	int64_t now = timers_now();

	if (flow->bulk == 0)
		host->small_at = now;
	return now - host->small_at >= ALONE_MS;
}

/*
 * What comes after a turn.  In company who has not come to an end waits for
 * another turn, and everybody else is served in between.
 */
static enum flow_reading
next_reading(const struct pump_job *job, enum pump_state state, uint64_t taken)
{
	if (state != PUMP_EMPTY)
		return FLOW_STILL;
	if (job->path == PUMP_BUFFERED || job->bulk == 0 || job->absorb ||
	    job->budget > PUMP_BUDGET_SHARED || taken < job->budget)
		return FLOW_EVENT;
	return FLOW_TURN;
}

/* Output that waits fills the room of what is to come. */
static size_t
room(const struct flow *flow, size_t output_limit)
{
	size_t unsent = flow_unsent(flow);

	return unsent < output_limit ? output_limit - unsent : 0;
}

bool
flow_release(struct flow *flow, size_t output_limit)
{
	ssize_t gone = detour_release(flow->detour,
				      bufferevent_get_output(flow->bev),
				      room(flow, output_limit));

	if (gone < 0) {
		errno = ENOMEM;
		return false;
	}
	flow->out += (uint64_t)gone;
	stats_add(flow->host->stats, STATS_bytes_out, (uint64_t)gone);
	return true;
}

/* Echoes as far as to the detour, and from there what may go on. */
static enum pump_state
echo_by_detour(struct flow *flow, struct pump_job *job,
	       struct pump_tally *tally)
{
	size_t output_limit = job->output_limit;
	enum pump_state state;

	job->detour = detour_buffer(flow->detour);
	job->output_limit = room(flow, output_limit);
	state = pump_run(flow->host->pump, job, tally);
	detour_come(flow->detour, tally->out);
	/* It has gone out once it is let go. */
	tally->out = 0;
	return flow_release(flow, output_limit) ? state : PUMP_FAILED;
}

enum pump_state
flow_echo(struct flow *flow, const struct frame *frame, size_t output_limit,
	  enum flow_reading *reading)
{
	struct stats *stats = flow->host->stats;
	bool alone = is_alone(flow);
	struct pump_tally tally = { 0 };
	struct pump_job job = {
		.bev = flow->bev,
		.frame = frame,
		.output_limit = output_limit,
		.budget = alone ? PUMP_BUDGET : PUMP_BUDGET_SHARED,
		.path = flow->path,
		.absorb = flow->absorb,
		.in_line = flow->in_line,
		.bulk = flow->bulk,
	};
	enum pump_state state =
		flow->detour ? echo_by_detour(flow, &job, &tally) :
			       pump_run(flow->host->pump, &job, &tally);

	if (alone)
		gather_rest(flow->host->gather);
	if (state == PUMP_EMPTY && flow->error == END_OF_INPUT)
		state = PUMP_ENDED;
	*reading = next_reading(&job, state, tally.in);
	flow->bulk = job.bulk;
	flow->in_line = job.in_line;
	flow->in += tally.in;
	flow->out += tally.out;
	stats_add(stats, STATS_bytes_in, tally.in);
	stats_add(stats, STATS_bytes_out, tally.out);
	stats_add(stats, STATS_chunks, tally.chunks);
	return state;
}

/*
 * libevent begins to look for room when output is added, and says nothing if
 * that fails.  To enable what is enabled already costs no system call.
 */
bool
flow_note_output(struct flow *flow)
{
	flow->stuck = flow_unsent(flow) > 0;
	if (flow->stuck)
		return bufferevent_enable(flow->bev, EV_WRITE) == 0;
	flow->absorb = false;
	return true;
}

bool
flow_may_resume(const struct flow *flow, size_t output_limit)
{
	if (flow->path == PUMP_DIRECT && !flow->absorb)
		return flow_unsent(flow) == 0;
	return flow_unsent(flow) + flow_detained(flow) <= output_limit / 2;
}

bool
flow_is_patient(const struct flow *flow)
{
	return flow->detour && detour_waits(flow->detour);
}

bool
flow_is_over(const struct flow *flow)
{
	return flow->detour && detour_is_over(flow->detour);
}

void
flow_wake(struct flow *flow)
{
	detour_wake(flow->detour);
}

bool
flow_take_leave(struct flow *flow)
{
	if (!has_tls(flow) || tlslink_take_leave(link_of(flow)))
		return true;
	return event_add(&flow->readable, NULL) < 0;
}

bool
flow_shut(struct flow *flow)
{
	flow->shut = true;
	/* ENOTCONN: the peer has reset it, which is told to who reads on. */
	return !flow_take_leave(flow) ||
	       shutdown(flow_fd(flow), SHUT_WR) == 0 || errno == ENOTCONN;
}

void
flow_abort(struct flow *flow)
{
	struct linger none = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(flow_fd(flow), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	/* And not to take leave before that. */
	flow->error = ECONNRESET;
}

ssize_t
flow_discard(struct flow *flow)
{
	struct evbuffer *input = bufferevent_get_input(flow->bev);
	/* tcp(7) could do without a buffer, by MSG_TRUNC; unix(7) cannot. */
	char waste[DISCARD_MAX];

	if (flow->path == PUMP_DIRECT)
		return recv(flow_fd(flow), waste, sizeof(waste), 0);

	size_t length = evbuffer_get_length(input);
	evbuffer_drain(input, length);
	/* It is told once, and not to come before close_notify is out. */
	if (flow->error == END_OF_INPUT && !is_leaving(flow))
		return 0;
	if (length > 0)
		return (ssize_t)length;
	errno = EAGAIN;
	return -1;
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct flow *flow = argument;

	(void)fd;
	(void)what;
	flow->host->readable(flow);
}

static void
on_turn(struct turn *turn)
{
	struct flow *flow =
		(struct flow *)((char *)turn - offsetof(struct flow, turn));

	flow->reading = FLOW_STILL;
	flow->host->readable(flow);
}

static void
on_read(struct bufferevent *bev, void *argument)
{
	struct flow *flow = argument;

	(void)bev;
	flow->host->readable(flow);
}

/* Runs after every write that has sent something (see the watermark). */
static void
on_write(struct bufferevent *bev, void *argument)
{
	struct flow *flow = argument;

	(void)bev;
	flow->host->written(flow);
}

static void
on_due(struct wheel_timer *timer, int64_t late)
{
	struct flow *flow = detour_owner(timer);

	(void)late;
	flow->host->due(flow);
}

/*
 * With TLS libevent tells of the end in the midst of reading, when what came
 * before it is not in the input yet: the host is told when all that is done.
 * A write that fails is told as an end, too, and would fail for ever.
 */
static void
on_event(struct bufferevent *bev, short what, void *argument)
{
	int error = errno;
	struct flow *flow = argument;

	if (!has_tls(flow)) {
		flow->host->ended(flow, !(what & BEV_EVENT_EOF));
		return;
	}
	if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING))
		flow->error = END_OF_INPUT;
	else
		flow->error = tlslink_error(bev, error);
	event_active(&flow->readable, EV_READ, 0);
}

/* Input has ended, or all has.  libevent does not write from then on. */
static void
tell_end(struct flow *flow)
{
	if (flow->error == END_OF_INPUT &&
	    bufferevent_enable(flow->bev, EV_WRITE) == 0) {
		flow->host->readable(flow);
	} else {
		errno = flow->error == END_OF_INPUT ? ENOMEM : flow->error;
		flow->host->ended(flow, true);
	}
}

/* There is room for close_notify, or for the rest of it. */
static void
go_on_leaving(struct flow *flow)
{
	if (!flow->shut)
		flow->host->written(flow);
	else if (!flow_shut(flow))
		flow->host->ended(flow, true);
	else if (flow->error == END_OF_INPUT && !is_leaving(flow))
		flow->host->readable(flow);
}

/* Activated by hand, or on its way because of flow_take_leave(). */
static void
on_news(evutil_socket_t fd, short what, void *argument)
{
	struct flow *flow = argument;

	(void)fd;
	if (!(what & EV_WRITE)) {
		tell_end(flow);
		return;
	}
	/* Before it is activated again, or that would be undone. */
	event_del(&flow->readable);
	/* The flow may be gone after either. */
	if (what & EV_READ)
		event_active(&flow->readable, EV_READ, 0);
	go_on_leaving(flow);
}

bool
flow_open(struct flow *flow, struct flow_host *host, int fd, struct ssl_st *tls,
	  enum pump_path path)
{
	flow->host = host;
	flow->path = path;
	flow->bev = tls ? tlslink_bufferevent(tls, host->base) :
			  bufferevent_socket_new(host->base, fd,
						 BEV_OPT_CLOSE_ON_FREE);
	if (!flow->bev)
		return false;
	bufferevent_setcb(flow->bev, on_read, on_write, on_event, flow);
	/* No output is too much for the write callback to be told of. */
	bufferevent_setwatermark(flow->bev, EV_WRITE, SIZE_MAX, 0);
	if (tls)
		event_assign(&flow->readable, host->base, fd,
			     EV_WRITE | EV_PERSIST, on_news, flow);
	else
		event_assign(&flow->readable, host->base, fd,
			     EV_READ | EV_PERSIST, on_readable, flow);
	if (tls)
		bufferevent_disable(flow->bev, EV_READ);
	return true;
}

bool
flow_misbehave(struct flow *flow, const struct fault_terms *terms)
{
	flow->detour = detour_new(flow->host->detours, terms, flow);
	return flow->detour;
}

void
flow_close(struct flow *flow)
{
	/* Without close_notify the peer sees that its echo is incomplete. */
	bool is_cut = flow_unsent(flow) > 0 || flow_detained(flow) > 0;

	detour_free(flow->detour);
	flow_read(flow, FLOW_STILL);
	if (has_tls(flow)) {
		if (flow->error <= 0 && !is_cut)
			tlslink_take_leave(link_of(flow));
		event_del(&flow->readable);
	}
	/* BEV_OPT_CLOSE_ON_FREE: the descriptor goes with it. */
	bufferevent_free(flow->bev);
}

bool
flow_host_init(struct flow_host *host)
{
	host->pump = pump_new();
	host->turns = turns_new(host->base, on_turn);
	host->gather = gather_new(host->base);
	host->detours = timers_new(host->base, on_due);
	return host->pump && host->turns && host->gather && host->detours;
}

void
flow_host_release(struct flow_host *host)
{
	pump_free(host->pump);
	turns_free(host->turns);
	timers_free(host->detours);
	gather_free(host->gather);
}
