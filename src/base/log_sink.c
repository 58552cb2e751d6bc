#include "base/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/journal.h"

#define SYSLOG_SOCKET "/dev/log"

/*
 * Kept open from the first use on: a line can be about a shortage of
 * descriptors.
 */
static atomic_int journal = -1;

static bool
stderr_is_journal(void)
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

bool
log_sink_needs_stamps(void)
{
	return !isatty(STDERR_FILENO) && !stderr_is_journal();
}

/* 0, or the errno with which connecting to the socket fails. */
static int
try_socket(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	strcpy(address.sun_path, path);
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
	int error = try_socket(SYSLOG_SOCKET, SOCK_DGRAM);

	return error == EPROTOTYPE ? try_socket(SYSLOG_SOCKET, SOCK_STREAM) :
				     error;
}

int
log_sink_choose(void)
{
	return isatty(STDERR_FILENO) || stderr_is_journal() ||
			       find_syslog() != 0 ?
		       LOG_TO_STDERR :
		       LOG_TO_SYSLOG;
}

/* The level of a line on a terminal, or in a file. */
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

#define PREFIX_SIZE (LOG_TIME_SIZE + sizeof(" warning: "))

/* What is before a line on standard error. */
static const char *
format_prefix(const struct log_record *record, const struct log_output *output,
	      char text[PREFIX_SIZE])
{
	char time[LOG_TIME_SIZE];

	text[0] = '\0';
	/* sd-daemon(3): "<N>" is the priority of the line for the journal. */
	if (stderr_is_journal())
		snprintf(text, PREFIX_SIZE, "<%d>", record->priority);
	else if (output->format == LOG_TEXT)
		snprintf(text, PREFIX_SIZE, "%s%s%s",
			 output->stamps ? log_encode_time(record->ms, time) :
					  "",
			 output->stamps ? " " : "", label(record->priority));
	return text;
}

static void
write_stderr(const struct log_record *record, const struct log_output *output,
	     const char *text)
{
	char prefix[PREFIX_SIZE];

	format_prefix(record, output, prefix);
	/*
	 * Not stdio: exit(3) waits for the lock of each stream, and the logger
	 * can be blocked in this one, for example by a full pipe.
	 */
	struct iovec line[] = {
		{ prefix, strlen(prefix) },
		{ (char *)text, strlen(text) },
		{ (char *)"\n", 1 },
	};
	if (writev(STDERR_FILENO, line, 3) < 0)
		return; /* nothing else could report it */
}

/* The line as the sink gets it, for the caller to free; NULL: no memory. */
static char *
encode(const struct log_record *record, const struct log_output *output,
       size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (!out)
		return NULL;
	/* No other thread knows it, so it needs no lock for each character. */
	__fsetlocking(out, FSETLOCKING_BYCALLER);
	if (output->sink == LOG_TO_JOURNAL)
		log_encode_journal(record, output->facility, getpid(), out);
	else if (output->format == LOG_JSON)
		log_encode_json(record, out);
	else
		log_encode_text(record, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

bool
log_sink_write(const struct log_record *record, const struct log_output *output)
{
	size_t size;
	char *text = encode(record, output, &size);
	bool written = text != NULL;

	if (!text)
		return false;
	if (output->sink == LOG_TO_JOURNAL)
		written = journal_send(atomic_load(&journal), JOURNAL_SOCKET,
				       text, size) == 0;
	else if (output->sink == LOG_TO_SYSLOG)
		syslog(output->facility | record->priority, "%s", text);
	else
		write_stderr(record, output, text);
	free(text);
	return written;
}

/* Otherwise the log would be lost in silence. */
static void
warn(const struct log_output *output, const char *what, const char *path,
     int error)
{
	struct pollfd item = { .fd = STDERR_FILENO, .events = POLLOUT };
	struct log_output to_stderr = *output;
	struct timespec now;
	char text[128];

	/* Only the logger can wait for room in a full pipe. */
	if (error == 0 || poll(&item, 1, 0) <= 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	to_stderr.sink = LOG_TO_STDERR;
	snprintf(text, sizeof(text), "%s cannot be reached: %s: %s", what, path,
		 strerror(error));
	log_sink_write(
		&(struct log_record){ LOG_WARNING,
				      now.tv_sec * 1000 + now.tv_nsec / 1000000,
				      text },
		&to_stderr);
}

void
log_sink_open(const struct log_output *output)
{
	if (output->sink == LOG_TO_SYSLOG)
		warn(output, "Syslog", SYSLOG_SOCKET, find_syslog());
	if (output->sink != LOG_TO_JOURNAL)
		return;
	if (atomic_load(&journal) < 0)
		atomic_store(&journal, journal_open());
	warn(output, "Journal", JOURNAL_SOCKET,
	     try_socket(JOURNAL_SOCKET, SOCK_DGRAM));
}
