#include "support/daemon.h"
#include "support/log_time.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_SECONDS 40
#define LIVING 16
#define PORTS 16
#define SHOWN_LINES 120

struct daemon {
	pid_t pid;
	char directory[64];
	char config[80];
	unsigned ports[PORTS];
	size_t port_count;

	pthread_t reader;
	FILE *pipe;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t news;
	char **lines;
	size_t line_count;
	size_t forgotten;
	bool ended;
};

/* Daemons that this process has not waited for. */
static struct daemon *living[LIVING];
static pid_t owner;

static void
show_log(const struct daemon *daemon)
{
	size_t first = 0;

	if (daemon->line_count > SHOWN_LINES)
		first = daemon->line_count - SHOWN_LINES;
	for (size_t i = first; i < daemon->line_count; i++)
		printf("# %s\n", daemon->lines[i]);
	fflush(stdout);
}

static void
show_state(const struct daemon *daemon)
{
	int status;

	if (waitpid(daemon->pid, &status, WNOHANG) != daemon->pid)
		printf("# (its end has not come)\n");
	else if (WIFSIGNALED(status))
		printf("# (it died of signal %d)\n", WTERMSIG(status));
	else
		printf("# (it has ended, status %d)\n", WEXITSTATUS(status));
}

/* Replaces the C library's, which Check calls when a test fails. */
_Noreturn void
_exit(int status)
{
	bool shows = getpid() == owner;

	for (size_t i = 0; shows && i < LIVING && living[i]; i++) {
		struct daemon *daemon = living[i];

		printf("# echod[%d]:\n", (int)daemon->pid);
		/* The failing thread may hold the lock. */
		if (pthread_mutex_trylock(&daemon->lock) == 0) {
			show_log(daemon);
			pthread_mutex_unlock(&daemon->lock);
		}
		show_state(daemon);
		fflush(stdout);
	}
	syscall(SYS_exit_group, status);
	abort();
}

static void
enlist(struct daemon *daemon)
{
	size_t i = 0;

	while (i < LIVING && living[i])
		i++;
	ck_assert_uint_lt(i, LIVING);
	living[i] = daemon;
	owner = getpid();
}

static void
strike_off(const struct daemon *daemon)
{
	size_t i = 0, last = LIVING - 1;

	while (living[i] != daemon)
		i++;
	while (!living[last])
		last--;
	living[i] = living[last];
	living[last] = NULL;
}

/* Reads the log at once: a full pipe would block the daemon's logger. */
static void *
read_log(void *argument)
{
	struct daemon *daemon = argument;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, daemon->pipe)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		pthread_mutex_lock(&daemon->lock);
		daemon->lines =
			realloc(daemon->lines, (daemon->line_count + 1) *
						       sizeof(*daemon->lines));
		daemon->lines[daemon->line_count++] =
			strdup(skip_log_time(line));
		pthread_cond_broadcast(&daemon->news);
		pthread_mutex_unlock(&daemon->lock);
	}
	free(line);
	pthread_mutex_lock(&daemon->lock);
	daemon->ended = true;
	pthread_cond_broadcast(&daemon->news);
	pthread_mutex_unlock(&daemon->lock);
	return NULL;
}

static _Noreturn void
become_daemon(const struct daemon *daemon, const struct daemon_setup *setup,
	      int log)
{
	const char *echod = getenv("ECHOD");
	const char *argv[8] = { echod, "-c", daemon->config };
	int null = open("/dev/null", O_RDWR);
	size_t count = setup->config ? 3 : 1;

	for (size_t i = 0; i < 4 && setup->arguments[i]; i++)
		argv[count++] = setup->arguments[i];
	argv[count] = NULL;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (setup->terminal)
		log = open(setup->terminal, O_RDWR | O_NOCTTY);
	dup2(log, STDERR_FILENO);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setup->prepare)
		setup->prepare();
	execv(echod, (char **)argv);
	perror(echod);
	_exit(127);
}

void
daemon_preload(const char *name)
{
	const char *build = getenv("TOP_BUILDDIR");
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/support/%s", build ? build : ".",
		 name);
	setenv("LD_PRELOAD", path, 1);
}

struct daemon *
daemon_spawn(const struct daemon_setup *setup)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	const char *tmp = getenv("TMPDIR");
	int fds[2];

	ck_assert_msg(getenv("ECHOD") != NULL, "ECHOD names no daemon");
	snprintf(daemon->directory, sizeof(daemon->directory),
		 "%s/echod-test.XXXXXX",
		 tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(daemon->directory));
	snprintf(daemon->config, sizeof(daemon->config), "%s/echod.conf",
		 daemon->directory);
	if (setup->config)
		daemon_configure(daemon, setup->config);

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	daemon->pid = fork();
	ck_assert_int_ge(daemon->pid, 0);
	if (daemon->pid == 0)
		become_daemon(daemon, setup, fds[1]);
	close(fds[1]);

	daemon->pipe = fdopen(fds[0], "r");
	pthread_mutex_init(&daemon->lock, NULL);
	pthread_cond_init(&daemon->news, NULL);
	ck_assert_int_eq(
		pthread_create(&daemon->reader, NULL, read_log, daemon), 0);
	enlist(daemon);
	return daemon;
}

struct daemon *
daemon_start_prepared(const char *config, void (*prepare)(void))
{
	struct daemon_setup setup = {
		.config = config,
		.arguments = { "-e" },
		.prepare = prepare,
	};
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_wait_started(daemon);
	return daemon;
}

static int handed;

/* In the process that becomes the daemon, as sd_listen_fds(3) has it. */
static void
hand_over(void)
{
	char pid[16];

	dup2(handed, 3);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
}

struct daemon *
daemon_start_handed(const char *config, int fd)
{
	handed = fd;
	return daemon_start_prepared(config, hand_over);
}

struct daemon *
daemon_start(const char *config)
{
	return daemon_start_prepared(config, NULL);
}

void
daemon_expect_failure(const char *config, const char *line, int status)
{
	struct daemon_setup setup = { .config = config, .arguments = { "-e" } };
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_wait_line(daemon, line);
	ck_assert_int_eq(daemon_end(daemon), status);
}

void
daemon_wait_started(struct daemon *daemon)
{
	daemon_read_ports(daemon, daemon_wait_line(daemon, " started "));
}

/* Returns the wait status. */
static int
reap(struct daemon *daemon)
{
	int status;

	/* When its end of the pipe is closed, the process is about to exit. */
	daemon_wait_line(daemon, NULL);
	strike_off(daemon);
	pthread_join(daemon->reader, NULL);
	ck_assert_int_eq(waitpid(daemon->pid, &status, 0), daemon->pid);
	return status;
}

static void
release(struct daemon *daemon)
{
	fclose(daemon->pipe);
	for (size_t i = 0; i < daemon->line_count; i++)
		free(daemon->lines[i]);
	free(daemon->lines);
	unlink(daemon->config);
	rmdir(daemon->directory);
	free(daemon);
}

int
daemon_end(struct daemon *daemon)
{
	int status = reap(daemon);

	if (status != 0)
		show_log(daemon);
	ck_assert_msg(WIFEXITED(status), "the daemon died of signal %d",
		      WTERMSIG(status));
	release(daemon);
	return WEXITSTATUS(status);
}

void
daemon_kill(struct daemon *daemon)
{
	daemon_signal(daemon, SIGKILL);
	reap(daemon);
	release(daemon);
}

int
daemon_stop(struct daemon *daemon)
{
	daemon_signal(daemon, SIGTERM);
	return daemon_end(daemon);
}

void
daemon_signal(struct daemon *daemon, int number)
{
	ck_assert_int_eq(kill(daemon->pid, number), 0);
}

void
daemon_pause(struct daemon *daemon)
{
	int status;

	daemon_signal(daemon, SIGSTOP);
	ck_assert_int_eq(waitpid(daemon->pid, &status, WUNTRACED), daemon->pid);
	ck_assert(WIFSTOPPED(status));
}

void
daemon_resume(struct daemon *daemon)
{
	daemon_signal(daemon, SIGCONT);
}

pid_t
daemon_pid(const struct daemon *daemon)
{
	return daemon->pid;
}

void
daemon_limit(const struct daemon *daemon, int resource, rlim_t limit)
{
	struct rlimit both = { limit, RLIM_INFINITY };

	ck_assert_int_eq(prlimit(daemon->pid, resource, &both, NULL), 0);
}

unsigned
daemon_port(const struct daemon *daemon, size_t at)
{
	ck_assert_uint_lt(at, daemon->port_count);
	return daemon->ports[at];
}

void
daemon_read_ports(struct daemon *daemon, const char *line)
{
	const char *at = strstr(line, "listening=");

	ck_assert_msg(at != NULL, "no listening= in: %s", line);
	daemon->port_count = 0;
	while (at && daemon->port_count < PORTS) {
		size_t length = strcspn(at, ",");
		unsigned port = 0;

		for (size_t i = length; i > 0 && at[i - 1] != ':'; i--)
			port = (unsigned)strtoul(at + i - 1, NULL, 10);
		daemon->ports[daemon->port_count++] = port;
		at = at[length] ? at + length + 1 : NULL;
	}
}

const char *
daemon_directory(const struct daemon *daemon)
{
	return daemon->directory;
}

const char *
daemon_config_file(const struct daemon *daemon)
{
	return daemon->config;
}

void
daemon_configure(struct daemon *daemon, const char *config)
{
	char path[sizeof(daemon->config) + 4];
	FILE *file;

	/* Atomic: the daemon reads the old or the new file. */
	snprintf(path, sizeof(path), "%s.new", daemon->config);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(config, file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(rename(path, daemon->config), 0);
}

const char *
daemon_reload(struct daemon *daemon, const char *config)
{
	const char *line;

	daemon_forget(daemon);
	daemon_configure(daemon, config);
	daemon_signal(daemon, SIGHUP);
	line = daemon_wait_line(daemon, " reloaded |keeping the running");
	if (strstr(line, "listening="))
		daemon_read_ports(daemon, line);
	return line;
}

/* With the lock held.  Returns the line that completes `count`, or NULL. */
static const char *
find_lines(const struct daemon *daemon, const regex_t *regex, size_t from,
	   size_t count, size_t *found)
{
	*found = 0;
	for (size_t i = from; i < daemon->line_count; i++) {
		if (regexec(regex, daemon->lines[i], 0, NULL, 0) != 0)
			continue;
		if (++*found == count)
			return daemon->lines[i];
	}
	return NULL;
}

/* A NULL pattern matches the end of the log. */
static const char *
try_lines(struct daemon *daemon, const char *pattern, size_t from, size_t count,
	  bool needed)
{
	struct timespec deadline;
	const char *line = NULL;
	regex_t regex;
	size_t found = 0;
	int error = 0;

	ck_assert_int_eq(regcomp(&regex, pattern ? pattern : "",
				 REG_EXTENDED | REG_NOSUB),
			 0);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_SECONDS;
	pthread_mutex_lock(&daemon->lock);
	while (error == 0) {
		if (pattern)
			line = find_lines(daemon, &regex, from, count, &found);
		if (line || daemon->ended)
			break;
		error = pthread_cond_timedwait(&daemon->news, &daemon->lock,
					       &deadline);
	}
	needed = needed && pattern;
	pthread_mutex_unlock(&daemon->lock);
	regfree(&regex);
	ck_assert_msg(line || !needed, "%zu of %zu lines: %s", found, count,
		      pattern);
	ck_assert_msg(line || !error, "the daemon does not end");
	return line;
}

static const char *
wait_lines(struct daemon *daemon, const char *pattern, size_t from,
	   size_t count)
{
	return try_lines(daemon, pattern, from, count, true);
}

const char *
daemon_wait_line(struct daemon *daemon, const char *pattern)
{
	return wait_lines(daemon, pattern, daemon->forgotten, 1);
}

const char *
daemon_try_line(struct daemon *daemon, const char *pattern)
{
	return try_lines(daemon, pattern, daemon->forgotten, 1, false);
}

const char *
daemon_wait_lines(struct daemon *daemon, const char *pattern, size_t count)
{
	return wait_lines(daemon, pattern, daemon->forgotten, count);
}

size_t
daemon_count_lines(struct daemon *daemon, const char *pattern)
{
	regex_t regex;
	size_t found;

	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	pthread_mutex_lock(&daemon->lock);
	find_lines(daemon, &regex, daemon->forgotten, 0, &found);
	pthread_mutex_unlock(&daemon->lock);
	regfree(&regex);
	return found;
}

void
daemon_forget(struct daemon *daemon)
{
	pthread_mutex_lock(&daemon->lock);
	daemon->forgotten = daemon->line_count;
	pthread_mutex_unlock(&daemon->lock);
}

unsigned long long
line_number(const char *line, const char *key)
{
	char wanted[64];
	const char *at;

	snprintf(wanted, sizeof(wanted), " %s=", key);
	at = strstr(line, wanted);
	ck_assert_msg(at != NULL, "no%s in: %s", wanted, line);
	return strtoull(at + strlen(wanted), NULL, 10);
}

unsigned long long
daemon_counter(struct daemon *daemon, const char *key)
{
	size_t from;

	pthread_mutex_lock(&daemon->lock);
	from = daemon->line_count;
	pthread_mutex_unlock(&daemon->lock);
	daemon_signal(daemon, SIGUSR1);
	return line_number(wait_lines(daemon, "^Counters ", from, 1), key);
}

void
daemon_wait_counter(struct daemon *daemon, const char *key,
		    unsigned long long value)
{
	time_t deadline = time(NULL) + DEADLINE_SECONDS;
	unsigned long long now;

	while ((now = daemon_counter(daemon, key)) != value)
		ck_assert_msg(time(NULL) < deadline, "%s=%llu, not %llu", key,
			      now, value);
}

static FILE *
open_proc(const struct daemon *daemon, const char *name)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)daemon->pid, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	return file;
}

long
daemon_status_kib(const struct daemon *daemon, const char *name)
{
	FILE *file = open_proc(daemon, "status");
	char line[256];
	long value = -1;

	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0 &&
		    line[strlen(name)] == ':')
			value = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(file);
	ck_assert_int_ge(value, 0);
	return value;
}

long
daemon_cpu_ticks(const struct daemon *daemon)
{
	FILE *file = open_proc(daemon, "stat");
	long user, system;
	/* proc(5): the name may hold anything but ends with the last ')'. */
	int got = fscanf(file,
			 "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u "
			 "%*u %*u %*u %ld %ld",
			 &user, &system);

	fclose(file);
	ck_assert_int_eq(got, 2);
	return user + system;
}

size_t
daemon_count(const struct daemon *daemon, const char *directory)
{
	char path[64];
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)daemon->pid,
		 directory);
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s: %s", path, strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

void
daemon_wait_descriptors(const struct daemon *daemon, size_t count)
{
	time_t deadline = time(NULL) + DEADLINE_SECONDS;
	size_t now;

	while ((now = daemon_count(daemon, "fd")) != count) {
		ck_assert_msg(time(NULL) < deadline, "%zu descriptors, not %zu",
			      now, count);
		poll(NULL, 0, 10);
	}
}
