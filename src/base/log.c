#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE_LINES 4096
#define STOP_SECONDS 2

/* Guarded by `lock`. */
static struct {
	struct log_record lines[QUEUE_LINES]; /* each with its own text */
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
static atomic_int log_format = LOG_TEXT;
static atomic_int facility = LOG_DAEMON;
static atomic_bool stamps;
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
emit(const struct log_record *record)
{
	struct log_output output = {
		.sink = atomic_load(&sink),
		.format = atomic_load(&log_format),
		.facility = atomic_load(&facility),
		.stamps = atomic_load(&stamps),
	};

	return log_sink_write(record, &output);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True for the first one since the last report. */
static bool
count_dropped(void)
{
	atomic_fetch_add(&dropped_total, 1);
	return atomic_fetch_add(&dropped, 1) == 0;
}

/* Logs `text`; if that is not possible, `losses` go back to `counter`. */
static void
report(int priority, const char *text, _Atomic uint64_t *counter,
       uint64_t losses)
{
	if (!emit(&(struct log_record){ priority, now_ms(), text }))
		atomic_fetch_add(counter, losses);
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
		report(LOG_NOTICE, text, &suppressed, kept_back);
	}
	if (lost) {
		snprintf(text, sizeof(text),
			 "Log lines dropped count=%llu: the log was slow or "
			 "could not be reached",
			 (unsigned long long)lost);
		report(LOG_WARNING, text, &dropped, lost);
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
	struct log_record line = queue.lines[queue.first];

	queue.first = (queue.first + 1) % QUEUE_LINES;
	queue.count--;
	pthread_mutex_unlock(&lock);
	if (!emit(&line))
		count_dropped();
	free((char *)line.text);
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

void
log_configure(const struct log_settings *settings)
{
	struct log_output output = {
		.sink = settings->sink == LOG_TO_AUTO ? automatic :
							settings->sink,
		.format = settings->format,
		.stamps = atomic_load(&stamps),
	};

	/* LOG_TO_AUTO has found its sink, at the start. */
	if (settings->sink != LOG_TO_AUTO)
		log_sink_open(&output);
	atomic_store(&log_format, settings->format);
	atomic_store(&facility, settings->facility);
	atomic_store(&level, settings->level);
	atomic_store(&connections, settings->connections);
	atomic_store(&rate, settings->rate);
	atomic_store(&sink, output.sink);
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

	automatic = log_sink_choose();
	atomic_store(&stamps, log_sink_needs_stamps());
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

static void
wake_logger(void)
{
	pthread_mutex_lock(&lock);
	if (queue.running)
		pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
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

/* Takes the text, or returns false if no logger runs. */
static bool
enqueue(const struct log_record *line)
{
	pthread_mutex_lock(&lock);
	if (!queue.running) {
		pthread_mutex_unlock(&lock);
		return false;
	}
	if (queue.count == QUEUE_LINES) {
		count_dropped();
		free((char *)line->text);
	} else {
		size_t at = (queue.first + queue.count) % QUEUE_LINES;
		queue.lines[at] = *line;
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
	struct log_record line = { .priority = priority };
	va_list arguments;
	char *text;

	if (!log_wants(priority))
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);

	line.ms = now_ms();
	line.text = text;
	if (!text) {
		/* Memory is out, and the next line may be far away. */
		if (count_dropped())
			wake_logger();
	} else if (!enqueue(&line)) {
		emit(&line);
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
