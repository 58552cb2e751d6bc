#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_LINES 4096
#define STOP_SECONDS 2

struct line {
	int priority;
	char *text;
};

/* Guarded by `lock`. */
static struct {
	struct line lines[QUEUE_LINES];
	size_t first;
	size_t count;
	bool running;
	bool stopping;
} queue;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake;
static pthread_t logger;

/* Settings, read by every thread. */
static atomic_int sink = LOG_TO_STDERR;
static atomic_int facility = LOG_DAEMON;
static atomic_int level = LOG_INFO;
static atomic_bool connections = true;
static atomic_uint rate;

/* What LOG_TO_AUTO means; only for the thread of log_start(). */
static int automatic = LOG_TO_STDERR;

/* High half: a second of the monotonic clock; low half: lines in it. */
static _Atomic uint64_t rate_window;
/* Lines not reported yet, and all lines. */
static _Atomic uint64_t suppressed, suppressed_total;
static _Atomic uint64_t dropped, dropped_total;

static bool
to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char this[48];
	struct stat st;

	/* systemd.exec(5): valid only if it names this descriptor. */
	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(this, sizeof(this), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return strcmp(stream, this) == 0;
}

/* 0, or the errno with which connecting to /dev/log fails. */
static int
try_syslog(int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX,
				       .sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	/* EAGAIN: it listens, and its queue is full. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
	    errno != EAGAIN)
		error = errno;
	close(fd);
	return error;
}

/* The same; syslog(3), too, tries both types of socket. */
static int
find_syslog(void)
{
	int error = try_syslog(SOCK_DGRAM);

	return error == EPROTOTYPE ? try_syslog(SOCK_STREAM) : error;
}

static int
choose_sink(void)
{
	return isatty(STDERR_FILENO) || to_journal() || find_syslog() != 0 ?
		       LOG_TO_STDERR :
		       LOG_TO_SYSLOG;
}

static const char *
label(int priority)
{
	switch (priority) {
	case LOG_ERR:
		return "error: ";
	case LOG_WARNING:
		return "warning: ";
	case LOG_DEBUG:
		return "debug: ";
	default:
		return "";
	}
}

static void
emit_stderr(int priority, const char *text)
{
	char number[8];
	const char *before = label(priority);

	/* sd-daemon(3): "<N>" is the priority of the line for the journal. */
	if (to_journal()) {
		snprintf(number, sizeof(number), "<%d>", priority);
		before = number;
	}
	/*
	 * Not stdio: exit(3) waits for the lock of each stream, and the logger
	 * can be blocked in this one, for example by a full pipe.
	 */
	struct iovec line[] = {
		{ (char *)before, strlen(before) },
		{ (char *)text, strlen(text) },
		{ (char *)"\n", 1 },
	};
	if (writev(STDERR_FILENO, line, 3) < 0)
		return; /* nothing else could report it */
}

static void
emit(int priority, const char *text)
{
	if (atomic_load(&sink) == LOG_TO_SYSLOG)
		syslog(atomic_load(&facility) | priority, "%s", text);
	else
		emit_stderr(priority, text);
}

/* Done by the logger: only the logger knows that there is room again. */
static void
report_losses(void)
{
	uint64_t kept_back = atomic_exchange(&suppressed, 0);
	uint64_t lost = atomic_exchange(&dropped, 0);
	char text[128];

	if (kept_back) {
		snprintf(text, sizeof(text),
			 "Log lines suppressed count=%llu rate=%u",
			 (unsigned long long)kept_back, atomic_load(&rate));
		emit(LOG_NOTICE, text);
	}
	if (lost) {
		snprintf(text, sizeof(text),
			 "Log lines dropped count=%llu: syslog is slow",
			 (unsigned long long)lost);
		emit(LOG_WARNING, text);
	}
}

static bool
have_losses(void)
{
	return atomic_load(&suppressed) || atomic_load(&dropped);
}

/* With `lock` held: waits for a line, or a second if there are losses. */
static void
wait_for_line(void)
{
	struct timespec until;

	if (!have_losses()) {
		pthread_cond_wait(&wake, &lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	while (queue.count == 0 && !queue.stopping)
		if (pthread_cond_timedwait(&wake, &lock, &until) == ETIMEDOUT)
			break;
}

static void
take_and_emit(void)
{
	struct line line = queue.lines[queue.first];

	queue.first = (queue.first + 1) % QUEUE_LINES;
	queue.count--;
	pthread_mutex_unlock(&lock);
	emit(line.priority, line.text);
	free(line.text);
	pthread_mutex_lock(&lock);
}

static time_t
monotonic_second(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

static void *
run_logger(void *unused)
{
	time_t reported = monotonic_second();

	(void)unused;
	pthread_mutex_lock(&lock);
	while (queue.count > 0 || !queue.stopping) {
		if (queue.count > 0)
			take_and_emit();
		else
			wait_for_line();

		time_t now = monotonic_second();
		if (have_losses() && now != reported) {
			pthread_mutex_unlock(&lock);
			report_losses();
			pthread_mutex_lock(&lock);
			reported = now;
		}
	}
	pthread_mutex_unlock(&lock);
	report_losses();

	pthread_mutex_lock(&lock);
	queue.running = false;
	pthread_cond_broadcast(&wake);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Otherwise the log would be lost in silence; syslog(3) returns no error. */
static void
warn_without_syslog(void)
{
	struct pollfd item = { .fd = STDERR_FILENO, .events = POLLOUT };
	int error = find_syslog();
	char text[128];

	/* Only the logger can wait for room in a full pipe. */
	if (error == 0 || poll(&item, 1, 0) <= 0)
		return;
	snprintf(text, sizeof(text), "Syslog cannot be reached: /dev/log: %s",
		 strerror(error));
	emit_stderr(LOG_WARNING, text);
}

void
log_configure(const struct log_settings *settings)
{
	int to = settings->sink == LOG_TO_AUTO ? automatic : settings->sink;

	if (settings->sink == LOG_TO_SYSLOG)
		warn_without_syslog();
	atomic_store(&facility, settings->facility);
	atomic_store(&level, settings->level);
	atomic_store(&connections, settings->connections);
	atomic_store(&rate, settings->rate);
	atomic_store(&sink, to);
}

enum log_sink
log_sink_in_use(void)
{
	return (enum log_sink)atomic_load(&sink);
}

int
log_start(const struct log_settings *settings)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int error;

	automatic = choose_sink();
	log_configure(settings);
	openlog("echod", LOG_PID, LOG_DAEMON);

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&wake, &attributes);
	pthread_condattr_destroy(&attributes);

	queue.stopping = false;
	queue.running = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&logger, NULL, run_logger, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		queue.running = false;
	return error;
}

/* With `lock` held: true if the logger has written everything and ended. */
static bool
wait_for_logger(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_SECONDS;
	while (queue.running)
		if (pthread_cond_timedwait(&wake, &lock, &until) == ETIMEDOUT)
			break;
	return !queue.running;
}

void
log_stop(void)
{
	bool ended;

	pthread_mutex_lock(&lock);
	if (!queue.running) {
		pthread_mutex_unlock(&lock);
		return;
	}
	queue.stopping = true;
	pthread_cond_broadcast(&wake);
	ended = wait_for_logger();
	pthread_mutex_unlock(&lock);

	/* A log daemon that hangs must not block the end of the process. */
	if (ended)
		pthread_join(logger, NULL);
	else
		pthread_detach(logger);
}

bool
log_wants(int priority)
{
	return priority <= atomic_load_explicit(&level, memory_order_relaxed);
}

bool
log_wants_connections(void)
{
	return atomic_load_explicit(&connections, memory_order_relaxed);
}

static bool
needs_escape(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* Takes `text`; returns it, or its escaped copy. */
static char *
escape(char *text)
{
	size_t extra = 0;

	for (const char *c = text; *c; c++)
		extra += needs_escape((unsigned char)*c) ? 3 : 0;
	if (extra == 0)
		return text;

	char *escaped = malloc(strlen(text) + extra + 1);
	char *out = escaped;
	for (const char *c = text; escaped && *c; c++) {
		if (needs_escape((unsigned char)*c))
			out += sprintf(out, "\\x%02x", (unsigned char)*c);
		else
			*out++ = *c;
	}
	if (escaped)
		*out = '\0';
	free(text);
	return escaped;
}

static void
wake_logger(void)
{
	pthread_mutex_lock(&lock);
	if (queue.running)
		pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
}

/* True for the first one since the last report. */
static bool
count_dropped(void)
{
	atomic_fetch_add(&dropped_total, 1);
	return atomic_fetch_add(&dropped, 1) == 0;
}

uint64_t
log_suppressed(void)
{
	return atomic_load(&suppressed_total);
}

uint64_t
log_dropped(void)
{
	return atomic_load(&dropped_total);
}

/* Takes `text`, or returns false if no logger runs. */
static bool
enqueue(int priority, char *text)
{
	pthread_mutex_lock(&lock);
	if (!queue.running) {
		pthread_mutex_unlock(&lock);
		return false;
	}
	if (queue.count == QUEUE_LINES) {
		count_dropped();
		free(text);
	} else {
		size_t at = (queue.first + queue.count) % QUEUE_LINES;
		queue.lines[at] = (struct line){ priority, text };
		/* The logger sleeps only on an empty queue. */
		if (queue.count++ == 0)
			pthread_cond_signal(&wake);
	}
	pthread_mutex_unlock(&lock);
	return true;
}

void
log_write(int priority, const char *format, ...)
{
	int saved = errno;
	va_list arguments;
	char *text;

	if (!log_wants(priority))
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (text)
		text = escape(text);

	if (!text) {
		/* Memory is out, and the next line may be far away. */
		if (count_dropped())
			wake_logger();
	} else if (!enqueue(priority, text)) {
		emit(priority, text);
		free(text);
	}
	errno = saved;
}

bool
log_admits_peer(void)
{
	unsigned allowed = atomic_load_explicit(&rate, memory_order_relaxed);
	uint64_t second = (uint64_t)monotonic_second() << 32;
	uint64_t window =
		atomic_load_explicit(&rate_window, memory_order_relaxed);
	uint64_t next;

	if (allowed == 0)
		return true;
	do {
		next = window;
		if (window >> 32 != second >> 32)
			next = second;
		if ((uint32_t)next >= allowed) {
			atomic_fetch_add(&suppressed_total, 1);
			/* The first one makes the logger report in a second. */
			if (atomic_fetch_add(&suppressed, 1) == 0)
				wake_logger();
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&rate_window, &window, next + 1, memory_order_relaxed,
		memory_order_relaxed));
	return true;
}
