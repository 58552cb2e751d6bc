#include "control/sd_notify.h"

#include <errno.h>
#include <limits.h>
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

/* The length of the address; zero if the variable holds no valid one. */
static socklen_t
sd_notify_address(struct sockaddr_un *address)
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

static bool
send_to(const struct sockaddr_un *address, socklen_t length,
	const char *message, int flags)
{
	static const struct timeval timeout = { .tv_sec = 2 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t sent;

	if (fd < 0)
		return false;
	/* A manager that hangs must not block the daemon. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	sent = sendto(fd, message, strlen(message), flags | MSG_NOSIGNAL,
		      (const struct sockaddr *)address, length);
	close(fd);
	return sent >= 0;
}

static bool __attribute__((format(printf, 2, 0)))
compose_and_send(int flags, const char *format, va_list arguments)
{
	struct sockaddr_un address;
	socklen_t length = sd_notify_address(&address);
	char *message;
	bool sent;

	if (length == 0 || vasprintf(&message, format, arguments) < 0)
		return false;
	sent = send_to(&address, length, message, flags);
	free(message);
	return sent;
}

bool
sd_notify_is_enabled(void)
{
	struct sockaddr_un address;

	return sd_notify_address(&address) > 0;
}

void
sd_notify_send(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	compose_and_send(0, format, arguments);
	va_end(arguments);
}

bool
sd_notify_try(const char *format, ...)
{
	va_list arguments;
	bool sent;

	va_start(arguments, format);
	sent = compose_and_send(MSG_DONTWAIT, format, arguments);
	va_end(arguments);
	return sent;
}

long long
sd_notify_reloading(void)
{
	struct timespec now;
	long long usec;

	clock_gettime(CLOCK_MONOTONIC, &now);
	usec = (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	sd_notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", usec);
	return usec;
}

/* -1 if the text is not a number from 1 to `most`. */
static long long
parse_number(const char *text, long long most)
{
	char *end;
	long long value;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	return *end || errno || value == 0 || value > most ? -1 : value;
}

long long
sd_notify_watchdog_usec(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	long long watched;

	if (!usec)
		return 0;
	watched = pid ? parse_number(pid, INT_MAX) : getpid();
	if (watched < 0)
		return -1;
	/* Inherited from another process, which the watchdog is for. */
	if (watched != getpid())
		return 0;
	return parse_number(usec, LLONG_MAX);
}
