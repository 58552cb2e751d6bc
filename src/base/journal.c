#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
journal_open(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/*
 * To a path and not to a connected socket: a journald that was started again
 * may have a new one.
 */
static int
send_message(int fd, const char *path, struct msghdr message)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	ssize_t sent;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	message.msg_name = &address;
	message.msg_namelen = sizeof(address);
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int
write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

/* A file in memory, which journald accepts only if it is sealed. */
static int
store(const char *bytes, size_t length)
{
	int fd = memfd_create("echod-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	error = write_all(fd, bytes, length);
	if (error == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		error = -errno;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static int
send_file(int fd, const char *path, int file)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = {
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &file, sizeof(int));
	return send_message(fd, path, message);
}

int
journal_send(int fd, const char *path, const char *bytes, size_t length)
{
	struct iovec part = { (char *)bytes, length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int error = send_message(fd, path, message);
	int file;

	/* unix(7): more than SO_SNDBUF, or than the kernel can allocate. */
	if (error != -EMSGSIZE && error != -ENOBUFS)
		return error;
	file = store(bytes, length);
	if (file < 0)
		return file;
	error = send_file(fd, path, file);
	close(file);
	return error;
}
