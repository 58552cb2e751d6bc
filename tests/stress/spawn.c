#include "spawn.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH_SIZE 128

static const char certificate[] =
	"cd %s && openssl req -x509 -newkey ec -pkeyopt"
	" ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost"
	" -keyout tls.key -out tls.pem 2>/dev/null";

bool
spawn_certificate(const char *directory)
{
	char command[sizeof(certificate) + PATH_SIZE];

	snprintf(command, sizeof(command), certificate, directory);
	return system(command) == 0;
}

int
spawn_configure(const char *directory, const char *text, size_t length)
{
	char path[PATH_SIZE], other[PATH_SIZE];
	FILE *file;
	bool written;

	snprintf(path, sizeof(path), "%s/echod.conf", directory);
	snprintf(other, sizeof(other), "%s/new.conf", directory);
	file = fopen(other, "w");
	if (!file)
		return -1;
	written = fwrite(text, 1, length, file) == length;
	if (fclose(file) != 0 || !written)
		return -1;
	return rename(other, path);
}

uint16_t
spawn_reserve(bool listens, int *fd)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr =
			htonl(listens ? INADDR_LOOPBACK : INADDR_ANY),
	};
	socklen_t length = sizeof(address);
	int on = 1;

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!listens)
		setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(*fd, (struct sockaddr *)&address, length) < 0 ||
	    (listens && listen(*fd, 1) < 0) ||
	    getsockname(*fd, (struct sockaddr *)&address, &length) < 0)
		return 0;
	return ntohs(address.sin_port);
}

static _Noreturn void
become_daemon(const char *directory, int log)
{
	const char *echod = getenv("ECHOD");
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/echod.conf", directory);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(log, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	execl(echod, echod, "-e", "-c", path, (char *)NULL);
	perror(echod);
	_exit(127);
}

pid_t
spawn_daemon(const char *directory, int *log)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become_daemon(directory, fds[1]);
	close(fds[1]);
	*log = fds[0];
	return pid;
}
