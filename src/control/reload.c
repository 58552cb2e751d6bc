#include "control/reload.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/diff.h"
#include "config/source.h"
#include "control/cpu_count.h"
#include "control/daemon_status.h"
#include "control/deployment.h"
#include "control/process.h"
#include "control/reload_command.h"
#include "control/sd_notify.h"
#include "control/server.h"
#include "control/worker_pool.h"
#include "listen/graceful_close.h"
#include "listen/socket_activation.h"
#include "tcp/connection_limits.h"

/* Descriptors for all but listening sockets and connections. */
#define RESERVED_FDS 64
#define RESERVED_FDS_PER_WORKER 8

void
reload_apply_options(const struct server_options *options,
		     struct config *config)
{
	if (options->to_stderr)
		config->log.sink = LOG_TO_STDERR;
	if (options->verbose)
		config->log.level = LOG_DEBUG;
}

void
reload_log_warnings(struct error_list *warnings)
{
	if (!warnings)
		return;
	for (size_t i = 0; i < warnings->count; i++)
		log_warning("Configuration: %s", warnings->items[i].text);
	if (warnings->out_of_memory)
		log_warning("Warnings lost: out of memory");
	error_list_free(warnings);
}

/* The start or a reload is not complete. */
static bool
is_busy(const struct reload *reload)
{
	return reload->next || reload->announcement;
}

static const char *
refusal_of(const struct reload *reload)
{
	return reload->refusal ? reload->refusal : "out of memory";
}

/*
 * The result of the last request, when nothing is left to do; `listening` is
 * what the daemon serves.
 */
static void
report(const struct reload *reload, const char *listening)
{
	if (!reload->refused) {
		daemon_status_report(reload->daemon_status, "READY=1",
				     "listening on %s", listening);
		reload_command_answer(reload->requested, NULL);
		return;
	}
	daemon_status_report(reload->daemon_status, "READY=1",
			     "reload refused: %s", refusal_of(reload));
	reload_command_answer(reload->requested, refusal_of(reload));
}

static void
refuse(struct reload *reload, const struct error_list *errors)
{
	/* If set, it is of a later request than the file that was pending. */
	if (!reload->refused && errors->count)
		reload->refusal = strdup(errors->items[0].text);
	reload->refused = true;
	for (size_t i = 0; i < errors->count; i++)
		log_error("Reload failed: %s", errors->items[i].text);
	if (errors->out_of_memory)
		log_error("Reload failed: out of memory");
	daemon_status_refused(reload->daemon_status, refusal_of(reload));
	if (is_busy(reload)) {
		log_error("Reload failed: continuing with the previous reload");
		return;
	}
	log_error("Reload failed: keeping the running configuration");
	report(reload, "");
}

static struct deployment *
prepare(const struct reload *reload, struct config *config,
	struct error_list *errors)
{
	struct deployment *deployment;
	int error;

	reload_apply_options(reload->options, config);
	diff_share(config, deployment_config(reload->deployment));
	deployment = deployment_prepare(config, reload->deployment,
					reload->activation, reload->limits,
					reload->stats, errors, &error);
	if (deployment &&
	    !daemon_status_prepare(reload->daemon_status, deployment)) {
		errors->out_of_memory = true;
		deployment_free(deployment);
		deployment = NULL;
	}
	return deployment;
}

static void
limit_connections(const struct reload *reload)
{
	unsigned wanted =
		deployment_config(reload->deployment)->max_connections;
	rlim_t reserved =
		RESERVED_FDS +
		worker_pool_count(reload->pool) * RESERVED_FDS_PER_WORKER +
		deployment_socket_count(reload->deployment);
	rlim_t limit = process_raise_fd_limit();
	rlim_t room = limit > reserved ? limit - reserved : 1;

	if (wanted == 0)
		wanted = room < INT32_MAX ? (unsigned)room : INT32_MAX;
	else if (wanted > room)
		log_warning("Limit of open files is too low max_connections=%u "
			    "open_files=%llu",
			    wanted, (unsigned long long)limit);
	limits_set_max(reload->limits, wanted);
}

/* Steps 3 and 4, for what is pending. */
static void
begin(struct reload *reload)
{
	struct config *config = reload->pending;
	struct error_list errors;

	reload->pending = NULL;
	error_list_init(&errors, source_name(reload->options->source));
	reload->next = prepare(reload, config, &errors);
	config_unref(config);
	if (reload->next) {
		deployment_close_dropped(reload->deployment, reload->next,
					 reload->graceful_close);
		graceful_close_wait(reload->graceful_close);
	} else {
		refuse(reload, &errors);
	}
	error_list_free(&errors);
}

/* Step 6. */
static void
announce(const struct reload *reload, const char *what)
{
	static const char *const sinks[] = {
		[LOG_TO_SYSLOG] = "syslog",
		[LOG_TO_STDERR] = "stderr",
		[LOG_TO_JOURNAL] = "journal",
	};
	struct cpu_count cpus = cpu_count_read("");
	char quota[32] = "";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (cpus.quota > 0)
		snprintf(quota, sizeof(quota), " quota=%.2f", cpus.quota);
	if (out) {
		deployment_print(reload->deployment, out);
		fclose(out);
	}
	log_notice("%s workers=%u cpus=%u%s log=%s listening=%s", what,
		   worker_pool_count(reload->pool), cpus.cpus, quota,
		   sinks[log_sink_in_use()], text ? text : "?");
	daemon_status_announce(reload->daemon_status);
	/* READY=1 is for the last of the reloads that were requested. */
	if (!reload->pending)
		report(reload, text ? text : "?");
	free(text);
}

static void
on_applied(void *owner)
{
	struct reload *reload = owner;

	if (!reload->ended)
		announce(reload, reload->announcement);
	reload->announcement = NULL;
	if (reload->pending)
		begin(reload);
}

static void
commit(struct reload *reload, const char *announcement)
{
	reload->announcement = announcement;
	/* Before the workers accept: no connection may find the limit unset. */
	limit_connections(reload);
	deployment_commit(reload->deployment, reload->apply, on_applied);
}

/* Inherited sockets without a listener: clients that connect there wait. */
static void
warn_of_unserved(const struct reload *reload)
{
	struct error_list unserved;

	error_list_init(&unserved, source_name(reload->options->source));
	socket_activation_check(reload->activation,
				deployment_config(reload->deployment),
				&unserved);
	reload_log_warnings(&unserved);
}

/* A facility is of syslog and native journal; standard error has none. */
static void
warn_of_facility(const struct reload *reload)
{
	if (log_sink_in_use() == LOG_TO_STDERR &&
	    deployment_config(reload->deployment)->log.facility != LOG_DAEMON)
		log_warning("Facility not used log=stderr: log.facility needs "
			    "log.to = \"syslog\" or \"journal\"");
}

/* The number of workers is that of the start; `before` is the last file's. */
static void
warn_of_workers(const struct reload *reload, unsigned before)
{
	unsigned set = deployment_config(reload->deployment)->workers;
	struct cpu_count cpus = cpu_count_read("");
	unsigned wanted = set ? set : cpu_count_workers(&cpus);

	if (set && set != worker_pool_count(reload->pool))
		log_warning("Restart needed workers=%u", set);
	else if (!set && (before || wanted != worker_pool_count(reload->pool)))
		log_warning("Workers not set workers=%u: one for each CPU%s",
			    wanted,
			    wanted == worker_pool_count(reload->pool) ?
				    "" :
				    ", after a restart");
}

void
reload_replace(struct reload *reload)
{
	struct deployment *before = reload->deployment;
	struct deployment *next = reload->next;
	unsigned workers;

	if (!next)
		return;
	workers = deployment_config(before)->workers;
	deployment_log_dropped(before, next);
	diff_log(deployment_config(next), deployment_config(before));
	daemon_status_deployed(reload->daemon_status, next);
	deployment_free(before);
	reload->deployment = next;
	reload->next = NULL;
	log_configure(&deployment_config(next)->log);
	commit(reload, "echod " PACKAGE_VERSION " reloaded");
	warn_of_facility(reload);
	warn_of_workers(reload, workers);
	warn_of_unserved(reload);
}

static void
forget_refusal(struct reload *reload)
{
	reload->refused = false;
	free(reload->refusal);
	reload->refusal = NULL;
}

static void
answer_draining(void)
{
	reload_command_answer(LLONG_MAX, "echod is draining");
}

void
reload_request(struct reload *reload)
{
	struct error_list errors, warnings;
	struct config *config;

	if (reload->ended) {
		log_notice("Reload ignored: echod is draining");
		answer_draining();
		return;
	}
	if (source_is_fixed(reload->options->source))
		log_notice("Reload reads no file: settings as at the start");
	forget_refusal(reload);
	reload->requested = sd_notify_reloading();
	daemon_status_reloading(reload->daemon_status);
	error_list_init(&errors, source_name(reload->options->source));
	error_list_init(&warnings, source_name(reload->options->source));
	errors.warnings = &warnings;
	config = config_load(reload->options->source, &errors);
	reload_log_warnings(&warnings);
	if (config) {
		config_unref(reload->pending);
		reload->pending = config;
	} else {
		refuse(reload, &errors);
	}
	error_list_free(&errors);
	if (config && !is_busy(reload))
		begin(reload);
}

void
reload_end(struct reload *reload)
{
	if (reload->pending)
		log_notice("Reload ignored: echod is draining");
	config_unref(reload->pending);
	reload->pending = NULL;
	reload->ended = true;
	answer_draining();
}

void
reload_close_all(struct reload *reload)
{
	deployment_close_dropped(reload->deployment, NULL,
				 reload->graceful_close);
	/* In step 4 of a reload, its sockets are open already. */
	if (reload->next)
		deployment_close_dropped(reload->next, NULL,
					 reload->graceful_close);
	graceful_close_wait(reload->graceful_close);
}

void
reload_start(struct reload *reload)
{
	commit(reload, "echod " PACKAGE_VERSION " started");
	warn_of_facility(reload);
}

bool
reload_init(struct reload *reload)
{
	reload->apply = broadcast_new(reload->pool, reload);
	return reload->apply != NULL;
}

void
reload_destroy(struct reload *reload)
{
	free(reload->refusal);
	config_unref(reload->pending);
	deployment_free(reload->next);
	deployment_free(reload->deployment);
	broadcast_free(reload->apply);
}
