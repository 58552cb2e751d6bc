#include "control/server.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/loop_timers.h"
#include "config/config.h"
#include "config/diff.h"
#include "control/daemon_status.h"
#include "control/deployment.h"
#include "control/process.h"
#include "control/sd_notify.h"
#include "control/watchdog.h"
#include "control/worker_pool.h"
#include "listen/graceful_close.h"
#include "listen/socket_activation.h"
#include "tcp/connection_limits.h"

/* Descriptors for all but listening sockets and connections. */
#define RESERVED_FDS 64
#define RESERVED_FDS_PER_WORKER 8

/*
 * What ending takes besides the drain, the log's last lines included; and the
 * part of it that the workers have.
 */
#define STOPPING_SECONDS 5
#define WORKERS_SECONDS 3

enum phase {
	SERVING,
	DELAYED,  /* told to end, still accepting */
	YIELDING, /* accepting only from sockets of its own */
	DRAINING,
	STOPPING,
};

struct server {
	struct server_options options;
	struct event_base *base;
	struct connection_limits *connection_limits;
	struct worker_pool *pool;
	struct deployment *deployment;
	struct socket_activation *activation;
	struct config *pending;	 /* read, to be prepared; or NULL */
	struct deployment *next; /* prepared, or NULL */
	struct graceful_close *graceful_close;
	struct daemon_status *daemon_status;
	struct watchdog *watchdog;
	const char *
		announcement; /* what to announce once all are serving, or NULL */
	enum phase phase;
	bool abandoned; /* ended with workers that have not */

	int signals; /* see process_signals(), or -1 */
	struct event *signal;
	struct event *timer; /* drain.delay, drain.grace, then the workers' */
};

static void
apply_options(const struct server_options *options, struct config *config)
{
	if (options->to_stderr)
		config->log.sink = LOG_TO_STDERR;
	if (options->verbose)
		config->log.level = LOG_DEBUG;
}

/* The CPUs that this process may run on. */
static unsigned
count_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
}

static rlim_t
raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

static void
limit_connections(const struct server *server)
{
	unsigned wanted =
		deployment_config(server->deployment)->max_connections;
	rlim_t reserved =
		RESERVED_FDS +
		worker_pool_count(server->pool) * RESERVED_FDS_PER_WORKER +
		deployment_socket_count(server->deployment);
	rlim_t limit = raise_fd_limit();
	rlim_t room = limit > reserved ? limit - reserved : 1;

	if (wanted == 0)
		wanted = room < INT32_MAX ? (unsigned)room : INT32_MAX;
	else if (wanted > room)
		log_warning("max_connections=%u is more than the limit of %llu "
			    "descriptors allows",
			    wanted, (unsigned long long)limit);
	connection_limits_set_max(server->connection_limits, wanted);
}

/* "WHAT listening=..."; the status of the unit says the same. */
static void
announce(const struct server *server, const char *what)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		deployment_print(server->deployment, out);
		fclose(out);
	}
	log_notice("%s: workers=%u listening=%s", what,
		   worker_pool_count(server->pool), text ? text : "?");
	daemon_status_announce(server->daemon_status);
	/* The manager waits for the last of the reloads that it asked for. */
	if (!server->pending)
		daemon_status_report(server->daemon_status, "READY=1",
				     "listening on %s", text ? text : "?");
	free(text);
}

/* Puts the deployment into force; told of when every worker has it. */
static void
commit(struct server *server, const char *announcement)
{
	server->announcement = announcement;
	/* First, or those who come at once would find no limit yet. */
	limit_connections(server);
	deployment_commit(server->deployment,
			  worker_pool_workers(server->pool));
}

/* A start or a reload has not come to its end. */
static bool
is_busy(const struct server *server)
{
	return server->next || server->announcement;
}

static void
tell_refusal(const struct server *server, const struct error_list *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		log_error("reload failed: %s", errors->items[i].text);
	if (errors->out_of_memory)
		log_error("reload failed: out of memory");
	daemon_status_refused(server->daemon_status);
	if (is_busy(server)) {
		log_error("reload failed: going on with the one before it");
		return;
	}
	log_error("reload failed: keeping the running configuration");
	daemon_status_report(
		server->daemon_status, "READY=1", "reload refused: %s",
		errors->count ? errors->items[0].text : "out of memory");
}

static struct deployment *
prepare(const struct server *server, struct config *config,
	struct error_list *errors)
{
	struct deployment *deployment;
	int error;

	apply_options(&server->options, config);
	diff_share(config, deployment_config(server->deployment));
	deployment = deployment_prepare(config, server->deployment,
					server->activation,
					server->connection_limits,
					worker_pool_count(server->pool), errors,
					&error);
	if (deployment &&
	    !daemon_status_prepare(server->daemon_status, deployment)) {
		errors->out_of_memory = true;
		deployment_free(deployment);
		deployment = NULL;
	}
	return deployment;
}

/* They are bound all the same, and whoever connects there waits. */
static void
warn_of_unserved(const struct server *server)
{
	struct error_list unserved;

	error_list_init(&unserved, server->options.config_file);
	socket_activation_check(server->activation,
				deployment_config(server->deployment),
				&unserved);
	for (size_t i = 0; i < unserved.count; i++)
		log_warning("%s", unserved.items[i].text);
	error_list_free(&unserved);
}

/* Their number is that of the start; `before` is what the last file had. */
static void
tell_workers(const struct server *server, unsigned before)
{
	unsigned set = deployment_config(server->deployment)->workers;
	unsigned wanted = set ? set : count_cpus();

	if (set && set != worker_pool_count(server->pool))
		log_warning("workers=%u takes effect at the next start", set);
	else if (!set && (before || wanted != worker_pool_count(server->pool)))
		log_warning("workers is not set: workers=%u, one a CPU%s",
			    wanted,
			    wanted == worker_pool_count(server->pool) ?
				    "" :
				    ", takes effect at the next start");
}

/* Puts the one that is prepared in the place of the one in force. */
static void
replace(struct server *server)
{
	unsigned before = deployment_config(server->deployment)->workers;

	deployment_log_dropped(server->deployment, server->next);
	diff_log(deployment_config(server->next),
		 deployment_config(server->deployment));
	daemon_status_deployed(server->daemon_status, server->next);
	deployment_free(server->deployment);
	server->deployment = server->next;
	server->next = NULL;
	log_configure(&deployment_config(server->deployment)->log);
	commit(server, "echod " PACKAGE_VERSION " reloaded");
	tell_workers(server, before);
	warn_of_unserved(server);
}

/* Of what is in force all that is not going to be; then on_withdrawn(). */
static void
withdraw(struct server *server)
{
	deployment_close_dropped(server->deployment, server->next,
				 server->graceful_close);
	graceful_close_wait(server->graceful_close);
}

/* Begins with what is pending. */
static void
reload(struct server *server)
{
	struct config *config = server->pending;
	struct error_list errors;

	server->pending = NULL;
	error_list_init(&errors, server->options.config_file);
	server->next = prepare(server, config, &errors);
	config_unref(config);
	if (server->next)
		withdraw(server);
	else
		tell_refusal(server, &errors);
	error_list_free(&errors);
}

static void
on_serving(void *owner)
{
	struct server *server = owner;

	if (server->phase == SERVING)
		announce(server, server->announcement);
	server->announcement = NULL;
	if (server->phase == SERVING && server->pending)
		reload(server);
}

/* Read at once, as the file is now: later it may be another one. */
static void
hang_up(struct server *server)
{
	struct error_list errors;
	struct config *config;

	if (server->phase != SERVING) {
		log_notice("reload ignored: echod is ending");
		return;
	}
	sd_notify_reloading();
	daemon_status_reloading(server->daemon_status);
	error_list_init(&errors, server->options.config_file);
	config = config_load(server->options.config_file, &errors);
	if (config) {
		config_unref(server->pending);
		server->pending = config;
	} else {
		tell_refusal(server, &errors);
	}
	error_list_free(&errors);
	if (config && !is_busy(server))
		reload(server);
}

static void
set_timer(struct server *server, double seconds)
{
	struct timeval timeout = {
		.tv_sec = (time_t)seconds,
		.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) *
					 1e6),
	};

	loop_timers_add_event(server->timer, &timeout);
}

static void
stop(struct server *server)
{
	if (server->phase == STOPPING)
		return;
	graceful_close_cancel(server->graceful_close);
	server->phase = STOPPING;
	worker_pool_stop(server->pool);
	set_timer(server, WORKERS_SECONDS);
}

/* One hangs, or does not hear of it. */
static void
abandon(struct server *server)
{
	log_error("not all workers end: ending without them");
	server->abandoned = true;
	event_base_loopbreak(server->base);
}

static void
drain(struct server *server)
{
	server->phase = DRAINING;
	worker_pool_drain(server->pool);
	deployment_close_dropped(server->deployment, NULL,
				 server->graceful_close);
	/* A reload that waits for its withdrawal has its sockets open. */
	if (server->next)
		deployment_close_dropped(server->next, NULL,
					 server->graceful_close);
	graceful_close_wait(server->graceful_close);
}

/* Then drain(), once all workers have answered. */
static void
yield(struct server *server)
{
	server->phase = YIELDING;
	worker_pool_yield(server->pool);
	set_timer(server, deployment_config(server->deployment)->drain.grace);
}

static void
on_withdrawn(void *owner)
{
	struct server *server = owner;

	if (server->next)
		replace(server);
	if (server->phase == DRAINING)
		worker_pool_shut(server->pool);
}

static void
on_timer(evutil_socket_t fd, short what, void *argument)
{
	struct server *server = argument;

	(void)fd;
	(void)what;
	if (server->phase == DELAYED)
		yield(server);
	else if (server->phase == STOPPING)
		abandon(server);
	else
		stop(server);
}

/* However long that is to take: TimeoutStopSec= is not to cut it short. */
static void
tell_stopping(const struct server *server)
{
	const struct config_drain *drain =
		&deployment_config(server->deployment)->drain;
	double seconds = drain->delay + drain->grace + STOPPING_SECONDS;
	char state[80];

	snprintf(state, sizeof(state), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%.0f",
		 seconds * 1e6);
	daemon_status_report(server->daemon_status, state, "draining");
}

static void
terminate(struct server *server, int number)
{
	double delay = deployment_config(server->deployment)->drain.delay;

	if (server->pending)
		log_notice("reload ignored: echod is ending");
	config_unref(server->pending);
	server->pending = NULL;
	if (server->phase != SERVING) {
		log_notice("%s again: ending at once",
			   number == SIGINT ? "SIGINT" : "SIGTERM");
		stop(server);
		return;
	}
	log_notice("%s: draining, connections=%u",
		   number == SIGINT ? "SIGINT" : "SIGTERM",
		   connection_limits_count(server->connection_limits));
	daemon_status_drain(server->daemon_status);
	tell_stopping(server);
	if (delay > 0) {
		server->phase = DELAYED;
		set_timer(server, delay);
	} else {
		yield(server);
	}
}

static void
on_signal(evutil_socket_t fd, short what, void *argument)
{
	struct server *server = argument;
	int number;

	(void)what;
	while ((number = process_next_signal(fd)) != 0) {
		if (number == SIGHUP)
			hang_up(server);
		else if (number == SIGUSR1)
			daemon_status_log_counters(server->daemon_status);
		else
			terminate(server, number);
	}
}

static void
on_answered(void *owner)
{
	struct server *server = owner;

	watchdog_answered(server->watchdog);
}

static void
on_yielded(void *owner)
{
	struct server *server = owner;

	if (server->phase == YIELDING)
		drain(server);
}

static void
on_finished(void *owner)
{
	struct server *server = owner;

	event_base_loopbreak(server->base);
}

static bool
set_up_events(struct server *server)
{
	struct event_base *base = server->base;

	server->signal = event_new(base, server->signals, EV_READ | EV_PERSIST,
				   on_signal, server);
	server->timer = event_new(base, -1, 0, on_timer, server);
	return server->signal && server->timer &&
	       event_add(server->signal, NULL) == 0;
}

static bool
set_up(struct server *server)
{
	int signals = process_signals();

	server->signals = signals < 0 ? -1 : signals;
	if (signals < 0)
		errno = -signals;
	if (signals < 0 || !(server->base = event_base_new()) ||
	    !(server->connection_limits = connection_limits_new()))
		return false;
	server->graceful_close =
		graceful_close_new(server->base, on_withdrawn, server);
	return server->graceful_close && set_up_events(server);
}

static void
free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static void
free_events(struct server *server)
{
	free_event(server->signal);
	free_event(server->timer);
}

void
server_free(struct server *server)
{
	if (!server)
		return;
	worker_pool_free(server->pool);
	graceful_close_free(server->graceful_close);
	config_unref(server->pending);
	deployment_free(server->next);
	deployment_free(server->deployment);
	socket_activation_free(server->activation);
	connection_limits_free(server->connection_limits);
	free_events(server);
	daemon_status_free(server->daemon_status);
	watchdog_free(server->watchdog);
	if (server->base)
		event_base_free(server->base);
	if (server->signals >= 0)
		close(server->signals);
	log_stop();
	free(server);
}

static int
exit_status(int error)
{
	return error == EACCES || error == EPERM ? EX_NOPERM : EX_OSERR;
}

/* Returns an exit status. */
static int
start(struct server *server, struct config *config, struct error_list *errors)
{
	static const struct worker_pool_callbacks news = {
		.serving = on_serving,
		.answered = on_answered,
		.yielded = on_yielded,
		.finished = on_finished,
	};
	unsigned workers = config->workers ? config->workers : count_cpus();
	int error;

	raise_fd_limit();
	if (server->activation)
		socket_activation_check(server->activation, config, errors);
	if (error_any(errors))
		return errors->out_of_memory ? EX_OSERR : EX_CONFIG;
	server->deployment = deployment_prepare(config, NULL,
						server->activation,
						server->connection_limits,
						workers, errors, &error);
	if (!server->deployment)
		return exit_status(error);
	server->pool = worker_pool_new(server->base, workers, &news, server);
	if (!server->pool) {
		error_add(errors, 0, NULL, "cannot start %u workers: %s",
			  workers, strerror(errno));
		return EX_OSERR;
	}
	server->daemon_status =
		daemon_status_new(server->base, server->connection_limits,
				  worker_pool_workers(server->pool), workers);
	server->watchdog = watchdog_new(
		server->base, worker_pool_workers(server->pool), workers);
	if (!server->daemon_status || !server->watchdog ||
	    !daemon_status_prepare(server->daemon_status, server->deployment)) {
		errors->out_of_memory = true;
		return EX_OSERR;
	}
	daemon_status_deployed(server->daemon_status, server->deployment);
	error = log_start(&config->log);
	if (error) {
		error_add(errors, 0, NULL, "cannot start the logger: %s",
			  strerror(error));
		return EX_OSERR;
	}
	return EX_OK;
}

struct server *
server_new(const struct server_options *options, struct config *config,
	   struct error_list *errors, int *status)
{
	struct server *server = calloc(1, sizeof(*server));

	*status = EX_OSERR;
	if (server)
		server->activation = socket_activation_take(errors);
	if (!server || !set_up(server)) {
		error_add(errors, 0, NULL, "cannot start: %s", strerror(errno));
		server_free(server);
		return NULL;
	}
	server->options = *options;
	apply_options(options, config);
	signal(SIGPIPE, SIG_IGN);

	*status = start(server, config, errors);
	if (*status != EX_OK) {
		server_free(server);
		return NULL;
	}
	return server;
}

int
server_run(struct server *server)
{
	commit(server, "echod " PACKAGE_VERSION " started");
	watchdog_start(server->watchdog);
	event_base_dispatch(server->base);
	if (server->abandoned)
		return EX_SOFTWARE;

	log_notice("drained: closed=%u forced=%u",
		   worker_pool_drained(server->pool),
		   worker_pool_forced(server->pool));
	server->phase = STOPPING;
	return EX_OK;
}
