#include "listen/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
close_fds(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

/* The first worker gets the descriptor itself, the others duplicates. */
static int
share(struct endpoint *endpoint, int fd)
{
	endpoint->fds[0] = fd;
	for (unsigned i = 1; i < endpoint->sockets; i++) {
		endpoint->fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (endpoint->fds[i] < 0) {
			int error = errno;

			close_fds(endpoint->fds, i);
			return -error;
		}
	}
	return 0;
}

int
endpoint_duplicate(struct endpoint *endpoint, int original, int backlog)
{
	int fd, result = 0;

	if (endpoint->asked.protocol != PROTOCOL_UDP)
		result = socket_set_backlog(original, backlog);
	if (result < 0)
		return result;
	fd = fcntl(original, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : share(endpoint, fd);
}

static int
open_unix(struct endpoint *endpoint, const struct endpoint_options *options)
{
	int fd = unix_socket_listen(&endpoint->bound, options->socket.backlog,
				    &options->rights, &endpoint->file);
	int result = fd < 0 ? fd : share(endpoint, fd);

	if (result < 0) {
		unix_socket_unref(endpoint->file);
		endpoint->file = NULL;
	}
	return result;
}

int
endpoint_open(struct endpoint *endpoint, const struct endpoint_options *options)
{
	struct address address = endpoint->bound.address;
	struct address *bound = &endpoint->bound.address;

	if (endpoint->bound.protocol == PROTOCOL_UNIX)
		return open_unix(endpoint, options);
	if (endpoint->bound.protocol == PROTOCOL_UDP)
		return socket_bind_datagram_group(&address, &options->socket,
						  endpoint->sockets,
						  endpoint->fds, bound);
	return socket_listen_group(&address, &options->socket,
				   endpoint->sockets, endpoint->fds, bound);
}

void
endpoint_keep(struct endpoint *endpoint, const struct endpoint *old)
{
	memcpy(endpoint->fds, old->fds, old->sockets * sizeof(*old->fds));
	endpoint->id = old->id;
	endpoint->bound = old->bound;
	endpoint->inherited = old->inherited;
	endpoint->file = unix_socket_ref(old->file);
	endpoint->taken = endpoint->sockets;
	endpoint->kept = true;
}

void
endpoint_close(struct endpoint *endpoint)
{
	/* First, so that a late client's connect(2) fails. */
	unix_socket_unref(endpoint->file);
	close_fds(endpoint->fds + endpoint->taken,
		  endpoint->sockets - endpoint->taken);
	free(endpoint->fds);
}

char *
endpoint_text(const struct endpoint *endpoint)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	return strdup(listen_address_format(&endpoint->bound, text));
}
