#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *
fail(char reason[FILE_REASON_SIZE], const char *why)
{
	snprintf(reason, FILE_REASON_SIZE, "%s", why);
	return NULL;
}

/*
 * Waits for bytes or the end of a pipe or a terminal.  The daemon blocks its
 * signals, so SIGINT and SIGTERM are unblocked for the wait.
 */
static void
wait_readable(int fd)
{
	struct pollfd item = { .fd = fd, .events = POLLIN };
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	sigdelset(&mask, SIGINT);
	sigdelset(&mask, SIGTERM);
	ppoll(&item, 1, NULL, &mask);
}

/* Reads to the end: the size can differ from the one that fstat(2) returned. */
static ssize_t
read_some(int fd, bool regular, char *text, size_t most)
{
	size_t length = 0;

	while (length < most) {
		ssize_t got;

		if (!regular)
			wait_readable(fd);
		got = read(fd, text + length, most - length);
		if (got < 0 &&
		    (errno == EINTR || (!regular && errno == EAGAIN)))
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

static char *
read_whole(int fd, bool regular, size_t *length, char reason[FILE_REASON_SIZE])
{
	char *text = malloc(FILE_SIZE_MAX + 1);
	ssize_t got;

	if (!text)
		return fail(reason, "");
	got = read_some(fd, regular, text, FILE_SIZE_MAX + 1);
	if (got >= 0 && got <= FILE_SIZE_MAX) {
		text[got] = '\0';
		*length = (size_t)got;
		return text;
	}
	if (got < 0)
		fail(reason, strerror(errno));
	else
		snprintf(reason, FILE_REASON_SIZE,
			 "the file is larger than %d bytes", FILE_SIZE_MAX);
	free(text);
	return NULL;
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* What happened to a file while it was read. */
enum state {
	UNCHANGED,
	REPLACED, /* the path leads to another file now; the old one was read */
	WRITTEN,  /* what was read may be partly old and partly new */
};

static bool
was_written(const struct stat *before, const struct stat *now)
{
	if (now->st_size != before->st_size ||
	    !is_same_time(&now->st_mtim, &before->st_mtim))
		return true;
	/*
	 * A program can set st_mtim back, but not st_ctim.  A rename over the
	 * file changes st_ctim, too, but then st_nlink has changed.
	 */
	return now->st_nlink == before->st_nlink &&
	       !is_same_time(&now->st_ctim, &before->st_ctim);
}

static enum state
state_of(const char *path, int fd, const struct stat *before)
{
	struct stat now;

	if (fstat(fd, &now) < 0 || was_written(before, &now))
		return WRITTEN;
	if (stat(path, &now) < 0 || now.st_dev != before->st_dev ||
	    now.st_ino != before->st_ino)
		return REPLACED;
	return UNCHANGED;
}

static int
open_file(const char *path)
{
	/* O_NONBLOCK: otherwise opening a FIFO would wait for a writer. */
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static char *
read_once(const char *path, size_t *length, char reason[FILE_REASON_SIZE],
	  enum state *state)
{
	int fd = open_file(path);
	char *text = NULL;
	struct stat st;

	*state = UNCHANGED;
	if (fd < 0)
		return fail(reason, strerror(errno));
	if (fstat(fd, &st) < 0)
		fail(reason, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		fail(reason, "not a regular file");
	else
		text = read_whole(fd, true, length, reason);
	if (text)
		*state = state_of(path, fd, &st);
	close(fd);
	if (*state != WRITTEN)
		return text;
	free(text);
	return fail(reason, "the file changes while it is read");
}

char *
file_read(const char *path, size_t *length, char reason[FILE_REASON_SIZE])
{
	enum state state;
	char *text = read_once(path, length, reason, &state);

	if (state == UNCHANGED)
		return text;
	free(text);
	return read_once(path, length, reason, &state);
}

char *
file_read_stream(int fd, size_t *length, char reason[FILE_REASON_SIZE])
{
	return read_whole(fd, false, length, reason);
}

char *
file_read_any(const char *path, bool *regular, size_t *length,
	      char reason[FILE_REASON_SIZE])
{
	struct stat st;
	char *text;
	int fd;

	/* If stat(2) fails, file_read() finds the reason, too. */
	*regular = stat(path, &st) < 0 || S_ISREG(st.st_mode);
	if (*regular)
		return file_read(path, length, reason);
	fd = open_file(path);
	if (fd < 0)
		return fail(reason, strerror(errno));
	text = file_read_stream(fd, length, reason);
	close(fd);
	return text;
}
