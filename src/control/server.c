#include "control/server.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/stats_table.h"
#include "config/config.h"
#include "control/cpu_count.h"
#include "control/daemon_status.h"
#include "control/deployment.h"
#include "control/drain.h"
#include "control/process.h"
#include "control/reload.h"
#include "control/watchdog.h"
#include "control/worker_pool.h"
#include "listen/graceful_close.h"
#include "listen/socket_activation.h"
#include "tcp/connection_limits.h"

struct server {
	struct server_options options;
	struct event_base *base;
	struct limits *limits;
	struct stats_table *stats;
	struct socket_activation *activation;
	struct graceful_close *graceful_close;
	struct worker_pool *pool;
	struct daemon_status *daemon_status;
	struct watchdog *watchdog;
	struct reload reload;
	struct drain drain;

	int signals; /* see process_signals(), or -1 */
	struct event *signal;
};

/*
 * The sockets that a reload or the drain closes gracefully can be closed now.
 */
static void
on_closable(void *owner)
{
	struct server *server = owner;

	reload_replace(&server->reload);
	drain_close_listeners(&server->drain);
}

static void
terminate(struct server *server, int number)
{
	const char *name = number == SIGINT ? "SIGINT" : "SIGTERM";

	reload_end(&server->reload);
	if (drain_has_begun(&server->drain)) {
		log_notice("Stopping at once signal=%s", name);
		drain_stop(&server->drain);
	} else {
		log_notice("Draining signal=%s connections=%u", name,
			   limits_count(server->limits));
		drain_begin(&server->drain);
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
			reload_request(&server->reload);
		else if (number == SIGUSR1)
			daemon_status_log_counters(server->daemon_status);
		else
			terminate(server, number);
	}
}

/* False with errno set on failure. */
static bool
set_up(struct server *server)
{
	int signals = process_signals();

	server->signals = signals < 0 ? -1 : signals;
	if (signals < 0)
		errno = -signals;
	/* Stops at the first failure, and errno is that failure's. */
	if (signals < 0 || !(server->base = event_base_new()) ||
	    !(server->limits = limits_new()) ||
	    !(server->graceful_close =
		      graceful_close_new(server->base, on_closable, server)))
		return false;
	server->signal = event_new(server->base, signals, EV_READ | EV_PERSIST,
				   on_signal, server);
	return server->signal && event_add(server->signal, NULL) == 0;
}

void
server_free(struct server *server)
{
	if (!server)
		return;
	worker_pool_free(server->pool);
	graceful_close_free(server->graceful_close);
	reload_destroy(&server->reload);
	drain_destroy(&server->drain);
	watchdog_free(server->watchdog);
	daemon_status_free(server->daemon_status);
	socket_activation_free(server->activation);
	limits_free(server->limits);
	stats_table_free(server->stats);
	if (server->signal)
		event_free(server->signal);
	if (server->base)
		event_base_free(server->base);
	if (server->signals >= 0)
		close(server->signals);
	log_stop();
	free(server);
}

/* For an errno of deployment_prepare(). */
static int
exit_status(int error)
{
	return error == EACCES || error == EPERM ? EX_NOPERM : EX_OSERR;
}

/* All that works with the pool.  False if memory is out. */
static bool
set_up_parts(struct server *server)
{
	struct worker_pool *pool = server->pool;

	server->daemon_status = daemon_status_new(server->base, server->limits,
						  server->stats, pool);
	server->watchdog = watchdog_new(server->base, pool);
	server->reload.options = &server->options;
	server->reload.activation = server->activation;
	server->reload.limits = server->limits;
	server->reload.stats = server->stats;
	server->reload.pool = pool;
	server->reload.graceful_close = server->graceful_close;
	server->reload.daemon_status = server->daemon_status;
	server->drain.base = server->base;
	server->drain.reload = &server->reload;
	return server->daemon_status && server->watchdog &&
	       reload_init(&server->reload) && drain_init(&server->drain) &&
	       daemon_status_prepare(server->daemon_status,
				     server->reload.deployment);
}

/* Returns an exit status. */
static int
start(struct server *server, struct config *config, struct error_list *errors)
{
	struct cpu_count cpus = cpu_count_read("");
	unsigned workers = config->workers ? config->workers :
					     cpu_count_workers(&cpus);
	int error;

	process_raise_fd_limit();
	if (server->activation)
		socket_activation_check(server->activation, config, errors);
	if (error_any(errors))
		return errors->out_of_memory ? EX_OSERR : EX_CONFIG;
	server->stats = stats_table_new(workers);
	if (!server->stats) {
		errors->out_of_memory = true;
		return EX_OSERR;
	}
	server->reload.deployment = deployment_prepare(
		config, NULL, server->activation, server->limits, server->stats,
		errors, &error);
	if (!server->reload.deployment)
		return exit_status(error);
	server->pool = worker_pool_new(server->base, workers);
	if (!server->pool) {
		error_add(errors, 0, NULL, "cannot start %u workers: %s",
			  workers, strerror(errno));
		return EX_OSERR;
	}
	if (!set_up_parts(server)) {
		errors->out_of_memory = true;
		return EX_OSERR;
	}
	daemon_status_deployed(server->daemon_status,
			       server->reload.deployment);
	error = log_start(&config->log);
	if (error) {
		error_add(errors, 0, NULL, "cannot start the logger: %s",
			  strerror(error));
		return EX_OSERR;
	}
	reload_log_warnings(errors->warnings);
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
	reload_apply_options(options, config);
	signal(SIGPIPE, SIG_IGN);
	/* As process 1 it adopts orphans.  The kernel reaps them. */
	signal(SIGCHLD, SIG_IGN);

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
	unsigned drained, forced;

	reload_start(&server->reload);
	watchdog_start(server->watchdog);
	event_base_dispatch(server->base);
	if (server->drain.abandoned)
		return EX_SOFTWARE;
	worker_pool_count_ended(server->pool, &drained, &forced);
	log_notice("Drained closed=%u forced=%u", drained, forced);
	return EX_OK;
}
