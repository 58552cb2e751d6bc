#include "file.h"

#include <errno.h>
#include <fcntl.h>
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

/* Reads until the end; the file may be other than fstat(2) said. */
static ssize_t
read_some(int fd, char *text, size_t most)
{
	size_t length = 0;

	while (length < most) {
		ssize_t got = read(fd, text + length, most - length);

		if (got < 0 && errno == EINTR)
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
read_whole(int fd, size_t *length, char reason[FILE_REASON_SIZE])
{
	char *text = malloc(FILE_SIZE_MAX + 1);
	ssize_t got;

	if (!text)
		return fail(reason, "");
	got = read_some(fd, text, FILE_SIZE_MAX + 1);
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

char *
file_read(const char *path, size_t *length, char reason[FILE_REASON_SIZE])
{
	/* O_NONBLOCK: opening a FIFO would wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	struct stat st;

	if (fd < 0)
		return fail(reason, strerror(errno));
	if (fstat(fd, &st) < 0)
		fail(reason, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		fail(reason, "not a regular file");
	else
		text = read_whole(fd, length, reason);
	close(fd);
	return text;
}
