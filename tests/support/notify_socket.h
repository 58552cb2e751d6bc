/*
 * notify_socket: the service manager's socket of sd_notify(3), for a daemon
 * that is started with notify_prepare().
 */
#ifndef ECHOD_TESTS_NOTIFY_SOCKET_H
#define ECHOD_TESTS_NOTIFY_SOCKET_H

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/suite.h"

static char notify_directory[] = "/tmp/echod-notify.XXXXXX";
static struct sockaddr_un notify_address = { .sun_family = AF_UNIX };

/* For daemon_setup.prepare. */
static inline void
notify_prepare(void)
{
	setenv("NOTIFY_SOCKET", notify_address.sun_path, 1);
}

static inline int
notify_open(void)
{
	struct timeval deadline = { .tv_sec = 40 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(mkdtemp(notify_directory));
	snprintf(notify_address.sun_path, sizeof(notify_address.sun_path),
		 "%s/notify", notify_directory);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&notify_address,
			      sizeof(notify_address)),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	return fd;
}

static inline void
notify_close(int manager)
{
	close(manager);
	unlink(notify_address.sun_path);
	rmdir(notify_directory);
}

/* Waits for the next message. */
static inline const char *
notify_receive(int manager)
{
	static char text[4096];
	ssize_t length = recv(manager, text, sizeof(text) - 1, 0);

	ck_assert_msg(length > 0, "no message but: %s", strerror(errno));
	text[length] = '\0';
	return text;
}

static inline bool
notify_matches(const char *text, const char *pattern)
{
	regex_t regex;
	bool matches;

	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	matches = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return matches;
}

/* Waits for the next message, which must match the regular expression. */
static inline const char *
notify_expect(int manager, const char *pattern)
{
	const char *text = notify_receive(manager);

	ck_assert_msg(notify_matches(text, pattern), "\"%s\" is not as \"%s\"",
		      text, pattern);
	return text;
}

/* Waits for a message that matches, and ignores others. */
static inline const char *
notify_await(int manager, const char *pattern)
{
	const char *text;

	do
		text = notify_receive(manager);
	while (!notify_matches(text, pattern));
	return text;
}

#endif
