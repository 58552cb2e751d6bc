#include "control/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "support/suite.h"

static bool
is_blocked(int number)
{
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, number);
}

static bool
is_readable(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

START_TEST(test_what_is_closed_stays_useless)
{
	char byte = 0;
	int errors = dup(STDERR_FILENO);
	int output = dup(STDOUT_FILENO);

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	bool opened = process_open_standard();
	int next = dup(errors);
	ssize_t got = read(0, &byte, 1);
	ssize_t sent = write(1, &byte, 1);
	ssize_t told = write(2, &byte, 1);
	dup2(output, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);

	ck_assert(opened);
	ck_assert_int_gt(next, errors);
	ck_assert_int_eq((int)got, -1);
	ck_assert_int_eq((int)sent, -1);
	ck_assert_int_eq((int)told, -1);
}
END_TEST

START_TEST(test_what_is_open_stays_as_it_is)
{
	char byte = 'x';
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[0], STDIN_FILENO);
	ck_assert(process_open_standard());
	ck_assert_int_eq((int)write(fds[1], &byte, 1), 1);
	byte = 0;
	ck_assert_int_eq((int)read(STDIN_FILENO, &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
}
END_TEST

START_TEST(test_each_signal_is_read_once)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGUSR1, SIGTERM };
	sigset_t all;
	int fd;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	process_block_signals();
	ck_assert(!is_blocked(SIGALRM));
	/* Before there is a descriptor, and more often than once. */
	for (int i = 0; i < 4; i++) {
		ck_assert(is_blocked(numbers[i]));
		kill(getpid(), numbers[i]);
		kill(getpid(), numbers[i]);
	}
	fd = process_signals();
	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 4; i++) {
		ck_assert(is_readable(fd));
		ck_assert_int_eq(process_next_signal(fd), numbers[i]);
	}
	ck_assert(!is_readable(fd));
	ck_assert_int_eq(process_next_signal(fd), 0);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(process_next_signal(fd), SIGTERM);
	close(fd);
}
END_TEST

START_TEST(test_what_was_ignored_is_held)
{
	signal(SIGHUP, SIG_IGN);
	process_block_signals();
	kill(getpid(), SIGHUP);
	int fd = process_signals();
	ck_assert_int_eq(process_next_signal(fd), SIGHUP);
	close(fd);
}
END_TEST

START_TEST(test_released_none_is_blocked)
{
	process_block_signals();
	process_unblock_signals();
	for (int number = 1; number < SIGRTMIN; number++)
		ck_assert(!is_blocked(number));
}
END_TEST

SUITE(test_what_is_closed_stays_useless, test_what_is_open_stays_as_it_is,
      test_each_signal_is_read_once, test_what_was_ignored_is_held,
      test_released_none_is_blocked)
