#include "control/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int numbers[] = { SIGHUP, SIGINT, SIGTERM, SIGUSR1 };

#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

bool
process_open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/*
		 * The wrong direction: reading 0 and writing 1 and 2 must fail.
		 */
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/*
		 * The kernel takes the lowest free number, which is this one.
		 */
		if (open("/dev/null", flags) < 0)
			return false;
	}
	return true;
}

static sigset_t
make_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < NUMBERS; i++)
		sigaddset(&set, numbers[i]);
	return set;
}

void
process_block_signals(void)
{
	sigset_t set = make_set();

	pthread_sigmask(SIG_SETMASK, &set, NULL);
	for (size_t i = 0; i < NUMBERS; i++)
		signal(numbers[i], SIG_DFL);
}

void
process_unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

int
process_signals(void)
{
	sigset_t set = make_set();
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int
process_next_signal(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

rlim_t
process_raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}
