#include "control/reload_command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* A name that no instance has as its directory. */
#define SOCKET_NAME "/.reload"

/* Of an answer; a longer reason is cut. */
#define MESSAGE_SIZE 4096

/* False without a runtime directory, or if its path is too long. */
static bool
socket_address(struct sockaddr_un *address)
{
	const char *path = getenv("RUNTIME_DIRECTORY");
	/* The unit can have several, separated by colons. */
	size_t length = path ? strcspn(path, ":") : 0;

	if (length == 0 ||
	    length + sizeof(SOCKET_NAME) > sizeof(address->sun_path))
		return false;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length);
	memcpy(address->sun_path + length, SOCKET_NAME, sizeof(SOCKET_NAME));
	return true;
}

void
reload_command_answer(long long requested, const char *refusal)
{
	struct sockaddr_un address;
	char message[MESSAGE_SIZE];
	int fd;

	if (!socket_address(&address) || access(address.sun_path, F_OK) < 0)
		return;
	snprintf(message, sizeof(message), "%lld %s", requested,
		 refusal ? refusal : "");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
	       (const struct sockaddr *)&address, sizeof(address));
	close(fd);
}

static long long
now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int
daemon_has_ended(void)
{
	fputs("echod: the daemon has ended\n", stderr);
	return EX_UNAVAILABLE;
}

static int
fail(const char *what)
{
	if (errno == ESRCH)
		return daemon_has_ended();
	fprintf(stderr, "echod: %s: %s\n", what, strerror(errno));
	return EX_OSERR;
}

/* The exit status, or -1 if the result is of a request before `sent`. */
static int
read_answer(int fd, long long sent)
{
	char message[MESSAGE_SIZE];
	char *reason;
	ssize_t length = recv(fd, message, sizeof(message) - 1, 0);

	if (length < 0)
		return errno == EINTR ? -1 : fail("recv");
	message[length] = '\0';
	if (strtoll(message, &reason, 10) < sent)
		return -1;
	if (strcmp(reason, " ") == 0)
		return EX_OK;
	fprintf(stderr, "echod: reload refused:%s\n", reason);
	return EX_UNAVAILABLE;
}

static int
signal_and_wait(int fd, int process)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = process, .events = POLLIN },
	};
	long long sent = now_usec();
	int status = -1;

	if (syscall(SYS_pidfd_send_signal, process, SIGHUP, NULL, 0) < 0)
		return fail("SIGHUP");
	while (status < 0) {
		if (poll(fds, 2, -1) < 0) {
			if (errno != EINTR)
				return fail("poll");
		} else if (fds[0].revents) {
			status = read_answer(fd, sent);
		} else if (fds[1].revents) {
			return daemon_has_ended();
		}
	}
	return status;
}

/* False with errno set; EALREADY if another command waits. */
static bool
bind_socket(int fd, const struct sockaddr_un *address)
{
	const struct sockaddr *name = (const struct sockaddr *)address;

	/* Only this user and root can send a result. */
	umask(0077);
	if (bind(fd, name, sizeof(*address)) == 0)
		return true;
	if (errno != EADDRINUSE)
		return false;
	if (connect(fd, name, sizeof(*address)) == 0) {
		errno = EALREADY;
		return false;
	}
	/* A command that was killed has left its socket. */
	unlink(address->sun_path);
	return bind(fd, name, sizeof(*address)) == 0;
}

static int
open_and_wait(const struct sockaddr_un *address, int process)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int status;

	if (fd < 0)
		return fail("socket");
	if (bind_socket(fd, address)) {
		status = signal_and_wait(fd, process);
		unlink(address->sun_path);
	} else {
		status = fail(address->sun_path);
	}
	close(fd);
	return status;
}

int
reload_command(pid_t pid)
{
	struct sockaddr_un address;
	int process, status;

	if (!socket_address(&address)) {
		fputs("echod: --reload is for ExecReload= of a unit with"
		      " RuntimeDirectory=; elsewhere, send SIGHUP\n",
		      stderr);
		return EX_USAGE;
	}
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0)
		return fail("pidfd_open");
	status = open_and_wait(&address, process);
	close(process);
	return status;
}
