#include "probe/run_setup.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "probe/tls_client.h"

/* Each connection needs a descriptor; the soft limit is often 1024. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
out_of_memory(char *reason)
{
	snprintf(reason, RUN_REASON_SIZE, "%s", strerror(ENOMEM));
	return EX_OSERR;
}

static int
resolve(const struct probe_options *options, struct target_list *targets,
	char *reason)
{
	char why[TARGET_REASON_SIZE];

	for (size_t i = 0; i < options->url_count; i++) {
		const char *error = target_list_add(targets, options->urls[i],
						    options->socket.family,
						    options->each_address, why);

		if (error) {
			snprintf(reason, RUN_REASON_SIZE, "%s", error);
			return 2;
		}
	}
	return 0;
}

static int
make_payload(struct run *run)
{
	const struct probe_options *options = run->options;
	const struct framing *framing = &options->framing;
	struct pattern *pattern = malloc(sizeof(*pattern));
	enum pattern_alphabet alphabet = PATTERN_ALL;
	int excluded = -1;

	if (!pattern)
		return -1;
	if (options->lines)
		alphabet = PATTERN_TEXT;
	else if (!framing->prefix)
		alphabet = PATTERN_NO_TEXT;
	if (framing->prefix && framing->prefix_length > 0)
		excluded = (unsigned char)framing->prefix[0];
	pattern_init(pattern, alphabet, excluded);
	run->payload = (struct payload_params){
		.pattern = pattern,
		.sizes = options->sizes,
		.lines = options->lines,
	};
	return 0;
}

static int
make_tls(struct run *run, const struct target_list *targets, char *reason)
{
	char why[TLS_CLIENT_REASON_SIZE];

	for (size_t i = 0; i < targets->count; i++) {
		const char *error;

		if (targets->items[i].scheme != TARGET_TLS)
			continue;
		error = tls_client_context(&run->options->tls, &run->tls, why);
		if (!error)
			return 0;
		snprintf(reason, RUN_REASON_SIZE, "%s", error);
		return EX_USAGE;
	}
	return 0;
}

static int
make_tally(struct run *run, const struct target_list *targets, char *reason)
{
	const char **names = calloc(targets->count, sizeof(*names));
	char why[RUN_REASON_SIZE / 2];
	const char *error;
	int status = 0;

	if (!names)
		return out_of_memory(reason);
	for (size_t i = 0; i < targets->count; i++)
		names[i] = targets->items[i].name;
	error = backends_new(run->options->backend, &run->backends, why,
			     sizeof(why));
	if (error) {
		snprintf(reason, RUN_REASON_SIZE, "--backend: %s", error);
		status = EX_USAGE;
	} else if (!tally_init(&run->tally, names, targets->count,
			       run->backends))
		status = out_of_memory(reason);
	free(names);
	return status;
}

/*
 * A rate needs more than the milliseconds of epoll_wait(2).  This costs a
 * system call each time around the loop, so a closed loop does without it.
 */
static int
make_base(struct run *run)
{
	struct event_config *config = event_config_new();

	if (config) {
		if (run->options->rate > 0 || run->options->pause > 0)
			event_config_set_flag(config,
					      EVENT_BASE_FLAG_PRECISE_TIMER);
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		event_config_set_flag(config,
				      EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
		run->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	run->buffer = malloc(RUN_BUFFER_SIZE);
	return run->base && run->buffer ? 0 : -1;
}

int
run_set_up(struct run *run, const struct probe_options *options,
	   struct target_list *targets, char reason[RUN_REASON_SIZE])
{
	int status;

	run->options = options;
	raise_descriptor_limit();
	if (getrandom(&run->id, sizeof(run->id), 0) < 0)
		run->id = (uint32_t)getpid();
	if (make_payload(run) < 0 || make_base(run) < 0)
		return out_of_memory(reason);
	errno = 0;
	status = resolve(options, targets, reason);
	if (status == 0)
		status = make_tls(run, targets, reason);
	if (status == 0)
		status = make_tally(run, targets, reason);
	/* Neither the resolver nor the options are at fault then. */
	return status != 0 && errno == ENOMEM ? EX_OSERR : status;
}

void
run_tear_down(struct run *run)
{
	if (run->base)
		event_base_free(run->base);
	free(run->buffer);
	free((void *)run->payload.pattern);
	tally_free(&run->tally);
	backends_free(run->backends);
	tls_client_context_free(run->tls);
}
