#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "admit.h"
#include "changes.h"
#include "config.h"
#include "crew.h"
#include "deploy.h"
#include "error.h"
#include "inherited.h"
#include "log.h"
#include "monitor.h"
#include "notify.h"
#include "process.h"
#include "timers.h"
#include "watchdog.h"
#include "withdrawal.h"

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
	struct admit *admit;
	struct crew *crew;
	struct deployment *deployment;
	struct inherited *inherited;
	struct config *pending;	 /* read, to be prepared; or NULL */
	struct deployment *next; /* prepared, or NULL */
	struct withdrawal *withdrawal;
	struct monitor *monitor;
	struct watchdog *watchdog;
	const char *news; /* what to announce once all are serving, or NULL */
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
	unsigned wanted = deploy_config(server->deployment)->max_connections;
	rlim_t reserved = RESERVED_FDS +
			  crew_count(server->crew) * RESERVED_FDS_PER_WORKER +
			  deploy_sockets(server->deployment);
	rlim_t limit = raise_fd_limit();
	rlim_t room = limit > reserved ? limit - reserved : 1;

	if (wanted == 0)
		wanted = room < INT32_MAX ? (unsigned)room : INT32_MAX;
	else if (wanted > room)
		log_warning("max_connections=%u is more than the limit of %llu "
			    "descriptors allows",
			    wanted, (unsigned long long)limit);
	admit_set_limit(server->admit, wanted);
}

/* "WHAT listening=..."; the status of the unit says the same. */
static void
announce(const struct server *server, const char *what)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		deploy_print(server->deployment, out);
		fclose(out);
	}
	log_notice("%s: workers=%u listening=%s", what,
		   crew_count(server->crew), text ? text : "?");
	monitor_announce(server->monitor);
	/* The manager waits for the last of the reloads that it asked for. */
	if (!server->pending)
		monitor_tell(server->monitor, "READY=1", "listening on %s",
			     text ? text : "?");
	free(text);
}

/* Puts the deployment into force; told of when every worker has it. */
static void
commit(struct server *server, const char *news)
{
	server->news = news;
	/* First, or those who come at once would find no limit yet. */
	limit_connections(server);
	deploy_commit(server->deployment, crew_workers(server->crew));
}

/* A start or a reload has not come to its end. */
static bool
is_busy(const struct server *server)
{
	return server->next || server->news;
}

static void
tell_refusal(const struct server *server, const struct error_list *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		log_error("reload failed: %s", errors->items[i].text);
	if (errors->out_of_memory)
		log_error("reload failed: out of memory");
	monitor_refused(server->monitor);
	if (is_busy(server)) {
		log_error("reload failed: going on with the one before it");
		return;
	}
	log_error("reload failed: keeping the running configuration");
	monitor_tell(server->monitor, "READY=1", "reload refused: %s",
		     errors->count ? errors->items[0].text : "out of memory");
}

static struct deployment *
prepare(const struct server *server, struct config *config,
	struct error_list *errors)
{
	struct deployment *deployment;
	int error;

	apply_options(&server->options, config);
	changes_share(config, deploy_config(server->deployment));
	deployment = deploy_prepare(config, server->deployment,
				    server->inherited, server->admit,
				    crew_count(server->crew), errors, &error);
	if (deployment && !monitor_prepare(server->monitor, deployment)) {
		errors->out_of_memory = true;
		deploy_free(deployment);
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
	inherited_check(server->inherited, deploy_config(server->deployment),
			&unserved);
	for (size_t i = 0; i < unserved.count; i++)
		log_warning("%s", unserved.items[i].text);
	error_list_free(&unserved);
}

/* Their number is that of the start; `before` is what the last file had. */
static void
tell_workers(const struct server *server, unsigned before)
{
	unsigned set = deploy_config(server->deployment)->workers;
	unsigned wanted = set ? set : count_cpus();

	if (set && set != crew_count(server->crew))
		log_warning("workers=%u takes effect at the next start", set);
	else if (!set && (before || wanted != crew_count(server->crew)))
		log_warning("workers is not set: workers=%u, one a CPU%s",
			    wanted,
			    wanted == crew_count(server->crew) ?
				    "" :
				    ", takes effect at the next start");
}

/* Puts the one that is prepared in the place of the one in force. */
static void
replace(struct server *server)
{
	unsigned before = deploy_config(server->deployment)->workers;

	deploy_tell_dropped(server->deployment, server->next);
	changes_log(deploy_config(server->next),
		    deploy_config(server->deployment));
	monitor_deployed(server->monitor, server->next);
	deploy_free(server->deployment);
	server->deployment = server->next;
	server->next = NULL;
	log_configure(&deploy_config(server->deployment)->log);
	commit(server, "echod " PACKAGE_VERSION " reloaded");
	tell_workers(server, before);
	warn_of_unserved(server);
}

/* Of what is in force all that is not going to be; then on_withdrawn(). */
static void
withdraw(struct server *server)
{
	deploy_withdraw(server->deployment, server->next, server->withdrawal);
	withdrawal_wait(server->withdrawal);
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
		announce(server, server->news);
	server->news = NULL;
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
	notify_reloading();
	monitor_reloading(server->monitor);
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

	timers_add_event(server->timer, &timeout);
}

static void
stop(struct server *server)
{
	if (server->phase == STOPPING)
		return;
	withdrawal_cancel(server->withdrawal);
	server->phase = STOPPING;
	crew_stop(server->crew);
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
	crew_drain(server->crew);
	deploy_withdraw(server->deployment, NULL, server->withdrawal);
	/* A reload that waits for its withdrawal has its sockets open. */
	if (server->next)
		deploy_withdraw(server->next, NULL, server->withdrawal);
	withdrawal_wait(server->withdrawal);
}

/* Then drain(), once all workers have answered. */
static void
yield(struct server *server)
{
	server->phase = YIELDING;
	crew_yield(server->crew);
	set_timer(server, deploy_config(server->deployment)->drain.grace);
}

static void
on_withdrawn(void *owner)
{
	struct server *server = owner;

	if (server->next)
		replace(server);
	if (server->phase == DRAINING)
		crew_shut(server->crew);
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
		&deploy_config(server->deployment)->drain;
	double seconds = drain->delay + drain->grace + STOPPING_SECONDS;
	char state[80];

	snprintf(state, sizeof(state), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%.0f",
		 seconds * 1e6);
	monitor_tell(server->monitor, state, "draining");
}

static void
terminate(struct server *server, int number)
{
	double delay = deploy_config(server->deployment)->drain.delay;

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
		   admit_count(server->admit));
	monitor_drain(server->monitor);
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
			monitor_log_counters(server->monitor);
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
	    !(server->admit = admit_new()))
		return false;
	server->withdrawal = withdrawal_new(server->base, on_withdrawn, server);
	return server->withdrawal && set_up_events(server);
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
	crew_free(server->crew);
	withdrawal_free(server->withdrawal);
	config_unref(server->pending);
	deploy_free(server->next);
	deploy_free(server->deployment);
	inherited_free(server->inherited);
	admit_free(server->admit);
	free_events(server);
	monitor_free(server->monitor);
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
	static const struct crew_news news = {
		.serving = on_serving,
		.answered = on_answered,
		.yielded = on_yielded,
		.finished = on_finished,
	};
	unsigned workers = config->workers ? config->workers : count_cpus();
	int error;

	raise_fd_limit();
	if (server->inherited)
		inherited_check(server->inherited, config, errors);
	if (error_any(errors))
		return errors->out_of_memory ? EX_OSERR : EX_CONFIG;
	server->deployment = deploy_prepare(config, NULL, server->inherited,
					    server->admit, workers, errors,
					    &error);
	if (!server->deployment)
		return exit_status(error);
	server->crew = crew_new(server->base, workers, &news, server);
	if (!server->crew) {
		error_add(errors, 0, NULL, "cannot start %u workers: %s",
			  workers, strerror(errno));
		return EX_OSERR;
	}
	server->monitor = monitor_new(server->base, server->admit,
				      crew_workers(server->crew), workers);
	server->watchdog =
		watchdog_new(server->base, crew_workers(server->crew), workers);
	if (!server->monitor || !server->watchdog ||
	    !monitor_prepare(server->monitor, server->deployment)) {
		errors->out_of_memory = true;
		return EX_OSERR;
	}
	monitor_deployed(server->monitor, server->deployment);
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
		server->inherited = inherited_take(errors);
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

	log_notice("drained: closed=%u forced=%u", crew_drained(server->crew),
		   crew_forced(server->crew));
	server->phase = STOPPING;
	return EX_OK;
}
