#include "target.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_log.h"
#include "files.h"
#include "run.h"
#include "spawn.h"

enum reloading {
	RELOADING_NOT,
	RELOADING_GOOD,
	RELOADING_BAD,
};

struct target {
	struct run *run;
	pid_t pid;
	struct daemon_log *log;
	char directory[64];
	struct files files;
	uint16_t reserved[KINDS_MOST];
	int descriptors[KINDS_MOST + 1];
	size_t descriptor_count;

	bool ended;
	int status;
	bool drained;
	enum reloading reloading;
	int64_t asked; /* when: the reload, the counters */
	const char *what;
	unsigned confirmed;
	unsigned newest;
	unsigned ports[KINDS_MOST];
	char *counters; /* NULL: none yet */
};

static uint16_t
reserve(struct target *target, bool listens)
{
	int *fd = &target->descriptors[target->descriptor_count++];
	uint16_t port = spawn_reserve(listens, fd);

	if (port == 0)
		run_fail(target->run, "no port: %s", strerror(errno));
	return port;
}

static void
reserve_all(struct target *target)
{
	for (size_t i = 0; i < kind_count; i++)
		if (kinds[i].presence != PRESENT_ALWAYS &&
		    kinds[i].protocol == OVER_IPV4)
			target->reserved[i] = reserve(target, false);
	target->files.busy = reserve(target, true);
	target->files.ports = target->reserved;
	target->files.directory = target->directory;
}

static void
write_file(const struct target *target, const char *text, size_t length)
{
	if (spawn_configure(target->directory, text, length) < 0)
		run_fail(target->run, "%s: %s", target->directory,
			 strerror(errno));
}

static void
read_port(struct target *target, size_t kind, const char *token, size_t length)
{
	const char *end = token + length, *at = end;
	unsigned port;

	if (kinds[kind].protocol == OVER_UNIX ||
	    kinds[kind].protocol == OVER_ABSTRACT)
		return;
	while (at > token && at[-1] != ':')
		at--;
	port = (unsigned)strtoul(at, NULL, 10);
	if (target->ports[kind] != 0 && target->ports[kind] != port)
		run_fail(target->run, "%s has moved from port %u to %u",
			 kinds[kind].name, target->ports[kind], port);
	target->ports[kind] = port;
}

/* The addresses come in the order of the listeners in the file. */
static void
read_addresses(struct target *target, const char *line)
{
	const char *at = strstr(line, " listening=");

	at = at ? at + strlen(" listening=") : "";
	for (size_t i = 0; i < kind_count; i++) {
		const struct kind *kind = &kinds[i];
		size_t length = strcspn(at, ",");

		if (kind->protocol == OVER_HTTP ||
		    !run_has_kind(target->run, kind) ||
		    !target_may_listen(kind, target->confirmed,
				       target->confirmed))
			continue;
		if (length == 0)
			run_fail(target->run, "%s is not listened on: %s",
				 kind->name, line);
		read_port(target, i, at, length);
		at += length + (at[length] == ',');
	}
	if (*at)
		run_fail(target->run, "more is listened on: %s", at);
}

static void
on_answer(struct target *target, const char *line, bool accepted)
{
	struct run *run = target->run;

	if (target->reloading == RELOADING_NOT ||
	    (target->reloading == RELOADING_GOOD) != accepted)
		run_fail(run, "reload of %s: %s", target->what, line);
	target->reloading = RELOADING_NOT;
	if (accepted) {
		run->reloads++;
		target->confirmed = target->newest;
		read_addresses(target, line);
	} else {
		run->reloads_refused++;
	}
}

static void
on_status(struct target *target, const char *line)
{
	for (size_t i = 0; i < kind_count; i++)
		if (kinds[i].protocol == OVER_HTTP)
			read_port(target, i, line, strlen(line) - 1);
}

static void
on_line(void *owner, enum log_line kind, const char *line)
{
	struct target *target = owner;

	switch (kind) {
	case LOG_STARTED:
		read_addresses(target, line);
		break;
	case LOG_STATUS:
		on_status(target, line);
		break;
	case LOG_RELOADED:
	case LOG_REFUSED:
		on_answer(target, line, kind == LOG_RELOADED);
		break;
	case LOG_ERROR:
		if (target->reloading != RELOADING_BAD)
			run_fail(target->run, "without a cause: %s", line);
		break;
	case LOG_COUNTERS:
		free(target->counters);
		target->counters = strdup(line);
		break;
	case LOG_DRAINED:
		target->drained = strstr(line, " forced=0") != NULL;
		break;
	case LOG_USUAL:
		break;
	case LOG_UNKNOWN:
		run_fail(target->run, "without a cause: %s", line);
	}
}

static void
on_end(void *owner)
{
	struct target *target = owner;

	if (waitpid(target->pid, &target->status, 0) != target->pid)
		run_fail(target->run, "waitpid: %s", strerror(errno));
	target->ended = true;
	if (!target->run->draining)
		run_fail(target->run, "the daemon has ended: wait status 0x%x",
			 (unsigned)target->status);
}

static bool
knows_ports(const struct target *target)
{
	for (size_t i = 0; i < kind_count; i++) {
		const struct kind *kind = &kinds[i];

		if (kind->protocol != OVER_UNIX &&
		    kind->protocol != OVER_ABSTRACT &&
		    kind->presence != PRESENT_ODD &&
		    run_has_kind(target->run, kind) && target->ports[i] == 0)
			return false;
	}
	return true;
}

struct target *
target_start(struct run *run)
{
	struct target *target = calloc(1, sizeof(*target));
	char text[FILE_SIZE];
	int log;

	run->target = target;
	target->run = run;
	strcpy(target->directory, "/tmp/echod-stress.XXXXXX");
	if (!mkdtemp(target->directory))
		run_fail(run, "%s: %s", target->directory, strerror(errno));
	run->has_tls = run->has_tls && spawn_certificate(target->directory);
	reserve_all(target);
	for (size_t i = 0; i < kind_count; i++)
		target->ports[i] = target->reserved[i];
	write_file(target, text, files_good(run, &target->files, 0, text));
	target->pid = spawn_daemon(target->directory, &log);
	if (target->pid < 0)
		run_fail(run, "no process: %s", strerror(errno));
	target->log = daemon_log_new(run->base, log, on_line, on_end, target);
	while (!knows_ports(target))
		event_base_loop(run->base, EVLOOP_ONCE);
	return target;
}

static void
remove_files(const struct target *target)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", target->directory);
	if (system(command) != 0)
		perror(target->directory);
}

void
target_kill(struct target *target)
{
	if (!target->ended && target->pid > 0) {
		kill(target->pid, SIGKILL);
		waitpid(target->pid, NULL, 0);
	}
	remove_files(target);
}

void
target_stop(struct target *target)
{
	target->run->draining = true;
	kill(target->pid, SIGTERM);
}

bool
target_has_stopped(const struct target *target)
{
	if (!target->ended)
		return false;
	if (!WIFEXITED(target->status) || WEXITSTATUS(target->status) != 0)
		run_fail(target->run, "the daemon ends with wait status 0x%x",
			 (unsigned)target->status);
	if (!target->drained)
		run_fail(target->run, "the drain has forced somebody");
	return true;
}

void
target_free(struct target *target)
{
	for (size_t i = 0; i < target->descriptor_count; i++)
		close(target->descriptors[i]);
	remove_files(target);
	daemon_log_free(target->log);
	free(target->counters);
	free(target);
}

pid_t
target_pid(const struct target *target)
{
	return target->pid;
}

static socklen_t
unix_address(const struct target *target, const struct kind *kind,
	     struct sockaddr_storage *address)
{
	struct sockaddr_un *there = (struct sockaddr_un *)address;
	size_t abstract = kind->protocol == OVER_ABSTRACT;
	int length;

	there->sun_family = AF_UNIX;
	length = snprintf(there->sun_path + abstract,
			  sizeof(there->sun_path) - abstract, "%s/%s",
			  target->directory, kind->name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract +
			   (size_t)length);
}

socklen_t
target_address(const struct target *target, const struct kind *kind,
	       struct sockaddr_storage *address)
{
	uint16_t port = htons((uint16_t)target->ports[kind - kinds]);
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	switch (kind->protocol) {
	case OVER_UNIX:
	case OVER_ABSTRACT:
		return unix_address(target, kind, address);
	case OVER_IPV6:
	case OVER_UDP6:
		six->sin6_family = AF_INET6;
		six->sin6_port = port;
		six->sin6_addr = in6addr_loopback;
		return sizeof(*six);
	default:
		four->sin_family = AF_INET;
		four->sin_port = port;
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*four);
	}
}

bool
target_has_udp_port(const struct target *target, unsigned port)
{
	for (size_t i = 0; i < kind_count; i++)
		if ((kinds[i].protocol == OVER_UDP4 ||
		     kinds[i].protocol == OVER_UDP6) &&
		    target->ports[i] == port)
			return true;
	return false;
}

unsigned
target_oldest(const struct target *target)
{
	return target->confirmed;
}

unsigned
target_newest(const struct target *target)
{
	return target->newest;
}

bool
target_may_listen(const struct kind *kind, unsigned oldest, unsigned newest)
{
	return kind->presence != PRESENT_ODD || oldest % 2 == 1 ||
	       newest > oldest;
}

bool
target_may_refuse(const struct kind *kind, unsigned oldest, unsigned newest)
{
	return kind->presence == PRESENT_ODD &&
	       (oldest % 2 == 0 || newest > oldest);
}

bool
target_is_reloading(const struct target *target)
{
	if (target->reloading != RELOADING_NOT &&
	    run_now() - target->asked > DEADLINES_MS)
		run_fail(target->run, "no answer to the reload of %s",
			 target->what);
	return target->reloading != RELOADING_NOT;
}

static void
reload(struct target *target, const char *text, size_t length, const char *what)
{
	target->what = what;
	target->asked = run_now();
	write_file(target, text, length);
	kill(target->pid, SIGHUP);
}

void
target_reload(struct target *target)
{
	char text[FILE_SIZE];

	target->reloading = RELOADING_GOOD;
	target->newest = target->confirmed + 1;
	reload(target, text,
	       files_good(target->run, &target->files, target->newest, text),
	       "a good file");
}

void
target_reload_bad(struct target *target, struct random *random)
{
	char text[FILE_SIZE];
	const char *what;
	/* A version that must never serve a session. */
	size_t length = files_bad(target->run, &target->files,
				  99999990 + target->confirmed % 2, random,
				  text, &what);

	target->reloading = RELOADING_BAD;
	reload(target, text, length, what);
}

void
target_ask_counters(struct target *target)
{
	free(target->counters);
	target->counters = NULL;
	kill(target->pid, SIGUSR1);
}

long long
target_counter(const struct target *target, const char *key)
{
	char wanted[64];
	const char *at;

	if (!target->counters)
		return -1;
	snprintf(wanted, sizeof(wanted), " %s=", key);
	at = strstr(target->counters, wanted);
	if (!at)
		run_fail(target->run, "no%s in: %s", wanted, target->counters);
	return strtoll(at + strlen(wanted), NULL, 10);
}

void
target_show_log(const struct target *target)
{
	if (target && target->log)
		daemon_log_show(target->log);
}
