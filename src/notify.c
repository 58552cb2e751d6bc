#include "notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Zero where the variable names no socket that can be reached. */
static socklen_t
notify_address(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if (length < 2 || (path[0] != '/' && path[0] != '@') ||
	    length >= sizeof(address->sun_path))
		return 0;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length);
	/* unix(7): an abstract name begins with NUL; its length is exact. */
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	else
		length++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void
notify_send(const char *format, ...)
{
	static const struct timeval patience = { .tv_sec = 2 };
	struct sockaddr_un address;
	socklen_t length = notify_address(&address);
	va_list arguments;
	char *message;
	int size;

	if (length == 0)
		return;
	va_start(arguments, format);
	size = vasprintf(&message, format, arguments);
	va_end(arguments);
	if (size < 0)
		return;

	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		/* A manager that is stuck must not keep us. */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			   sizeof(patience));
		sendto(fd, message, (size_t)size, MSG_NOSIGNAL,
		       (struct sockaddr *)&address, length);
		close(fd);
	}
	free(message);
}

void
notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld",
		    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}
