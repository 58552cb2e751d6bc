#include "probe/probe_connection.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/run.h"
#include "probe/socket_options.h"
#include "probe/target.h"
#include "probe/tls_client.h"

void
connection_init(struct connection *connection, struct run *run,
		const struct target *target,
		const struct connection_callbacks *callbacks)
{
	memset(connection, 0, sizeof(*connection));
	connection->run = run;
	connection->target = target;
	connection->callbacks = callbacks;
	connection->fd = -1;
}

void
connection_close(struct connection *connection)
{
	if (connection->fd < 0)
		return;
	event_del(&connection->readable);
	event_del(&connection->writable);
	tls_client_free(connection->tls);
	connection->tls = NULL;
	close(connection->fd);
	connection->fd = -1;
	connection->state = CONNECTION_CLOSED;
}

static enum outcome
connect_outcome(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT: /* the path of a unix socket */
	case EAGAIN: /* the backlog of a unix socket is full */
		return OUTCOME_REFUSED;
	case ETIMEDOUT:
		return OUTCOME_CONNECT_TIMEOUT;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return OUTCOME_UNREACHABLE;
	case ECONNRESET:
	case EPIPE:
		return OUTCOME_RESET;
	default:
		return OUTCOME_LOCAL;
	}
}

static void
fail(struct connection *connection, enum outcome outcome, const char *detail)
{
	connection_close(connection);
	connection->callbacks->failed(connection, outcome, detail);
}

static void
fail_with_errno(struct connection *connection, int error)
{
	fail(connection, connect_outcome(error), strerror(error));
}

static void
open_now(struct connection *connection)
{
	connection->state = CONNECTION_OPEN;
	connection->opened = run_now();
	connection->wants_write = connection->is_ending = false;
	event_del(&connection->writable);
	connection->callbacks->opened(connection);
}

static void
continue_tls(struct connection *connection)
{
	char reason[TLS_CLIENT_REASON_SIZE];

	switch (tls_client_handshake(connection->tls, reason)) {
	case TLS_CLIENT_DONE:
		open_now(connection);
		break;
	case TLS_CLIENT_WANTS_READ:
		event_del(&connection->writable);
		break;
	case TLS_CLIENT_WANTS_WRITE:
		event_add(&connection->writable, NULL);
		break;
	case TLS_CLIENT_FIN:
	case TLS_CLIENT_CLOSED:
		fail(connection, OUTCOME_EARLY_FIN, "during the TLS handshake");
		break;
	case TLS_CLIENT_ERROR:
		fail(connection,
		     errno == ECONNRESET || errno == EPIPE ? OUTCOME_RESET :
							     OUTCOME_TLS,
		     reason);
		break;
	}
}

/* False: not all of it is sent yet, or the connection has failed. */
static bool
send_header(struct connection *connection)
{
	while (connection->header_sent < connection->header_length) {
		ssize_t n = send(connection->fd,
				 connection->header + connection->header_sent,
				 connection->header_length -
					 connection->header_sent,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			fail_with_errno(connection, errno);
			return false;
		}
		connection->header_sent += (size_t)n;
	}
	return true;
}

static void
begin_handshake(struct connection *connection)
{
	const struct run *run = connection->run;

	connection->state = CONNECTION_HANDSHAKE;
	if (!send_header(connection))
		return;
	if (connection->target->scheme != TARGET_TLS) {
		open_now(connection);
		return;
	}
	if (!connection->tls)
		connection->tls = tls_client_new(run->tls, &run->options->tls,
						 connection->target->host,
						 connection->fd);
	if (!connection->tls)
		fail_with_errno(connection, ENOMEM);
	else
		continue_tls(connection);
}

static void
on_connected(struct connection *connection)
{
	socklen_t length = sizeof(int);
	int error = 0;

	getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error == 0 && event_add(&connection->readable, NULL) < 0)
		error = ENOMEM;
	if (error != 0)
		fail_with_errno(connection, error);
	else
		begin_handshake(connection);
}

static void
on_event(struct connection *connection, short what)
{
	switch (connection->state) {
	case CONNECTION_CLOSED:
		break;
	case CONNECTION_CONNECTING:
		on_connected(connection);
		break;
	case CONNECTION_HANDSHAKE:
		begin_handshake(connection);
		break;
	case CONNECTION_OPEN:
		/* TLS can need to write in order to read (a key update). */
		if (what & EV_READ || connection->tls)
			connection->callbacks->readable(connection);
		if (!(what & EV_WRITE) || connection->state != CONNECTION_OPEN)
			break;
		if (connection->is_ending)
			connection_shutdown(connection);
		else
			connection->callbacks->writable(connection);
		break;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	on_event(argument, what);
}

static void
on_writable(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	on_event(argument, what);
}

/* The header names the server as this side sees it. */
static void
make_header(struct connection *connection, const struct target_address *server)
{
	const struct probe_socket_options *options =
		&connection->run->options->socket;
	struct target_address client;
	char reason[TARGET_REASON_SIZE];

	connection->header_sent = connection->header_length = 0;
	if (!options->proxy_from ||
	    proxy_header_parse(options->proxy_from, &client, reason))
		return;
	connection->header_length = proxy_header_write(
		options->proxy_version, &client, server, connection->header);
}

/*
 * A local server has answered before connect(2) returns: the second call tells,
 * and saves the way through the loop.
 */
static bool
is_connected(int fd, const struct target_address *address)
{
	if (connect(fd, &address->sa, address->length) == 0)
		return true;
	if (errno != EINPROGRESS)
		return false;
	if (connect(fd, &address->sa, address->length) == 0)
		return true;
	if (errno == EALREADY)
		errno = EINPROGRESS;
	return false;
}

void
connection_open(struct connection *connection,
		const struct target_address *address, unsigned number)
{
	struct event_base *base = connection->run->base;
	int fd;

	connection->began = run_now();
	connection->opened = 0;
	connection->was_reset = false;
	fd = socket_open(&connection->run->options->socket, address,
			 SOCK_STREAM, number);
	if (fd < 0) {
		connection->callbacks->failed(connection, OUTCOME_LOCAL,
					      strerror(errno));
		return;
	}
	connection->fd = fd;
	connection->state = CONNECTION_CONNECTING;
	make_header(connection, address);
	event_assign(&connection->readable, base, fd, EV_READ | EV_PERSIST,
		     on_readable, connection);
	event_assign(&connection->writable, base, fd, EV_WRITE | EV_PERSIST,
		     on_writable, connection);
	if (is_connected(fd, address)) {
		if (event_add(&connection->readable, NULL) < 0)
			fail_with_errno(connection, ENOMEM);
		else
			begin_handshake(connection);
	} else if (errno != EINPROGRESS) {
		fail_with_errno(connection, errno);
	} else if (event_add(&connection->writable, NULL) < 0) {
		fail_with_errno(connection, ENOMEM);
	}
}

static enum connection_end
end_of_errno(int error)
{
	switch (error) {
	case EAGAIN:
		return CONNECTION_AGAIN;
	case ECONNRESET:
	case EPIPE:
		return CONNECTION_RESET;
	default:
		return CONNECTION_FAILED;
	}
}

static enum connection_end
end_of_tls(struct connection *connection, enum tls_client_state state)
{
	switch (state) {
	case TLS_CLIENT_DONE:
		return CONNECTION_BYTES;
	case TLS_CLIENT_WANTS_READ:
		return CONNECTION_AGAIN;
	case TLS_CLIENT_WANTS_WRITE:
		connection_want_write(connection, true);
		return CONNECTION_AGAIN;
	case TLS_CLIENT_CLOSED:
		return CONNECTION_FIN;
	case TLS_CLIENT_FIN:
		return CONNECTION_CUT;
	case TLS_CLIENT_ERROR:
		break;
	}
	return errno == ECONNRESET || errno == EPIPE ? CONNECTION_RESET :
						       CONNECTION_FAILED;
}

enum connection_end
connection_receive(struct connection *connection, void *data, size_t size,
		   size_t *done)
{
	ssize_t n;

	if (connection->tls)
		return end_of_tls(connection,
				  tls_client_read(connection->tls, data, size,
						  done));
	n = recv(connection->fd, data, size, 0);
	if (n < 0)
		return end_of_errno(errno);
	*done = (size_t)n;
	if (n > 0)
		return CONNECTION_BYTES;
	/* The kernel tells an error once; then it looks like a FIN. */
	return connection->was_reset ? CONNECTION_RESET : CONNECTION_FIN;
}

enum outcome
connection_failure(const struct connection *connection,
		   char reason[CONNECTION_DETAIL_SIZE])
{
	enum outcome outcome = errno ? OUTCOME_LOCAL : OUTCOME_TLS;

	if (connection->tls)
		tls_client_reason(connection->tls, reason);
	else
		snprintf(reason, CONNECTION_DETAIL_SIZE, "%s", strerror(errno));
	return outcome;
}

static enum connection_end
send_tls(struct connection *connection, const struct iovec *parts, int count,
	 size_t *done)
{
	enum tls_client_state state = TLS_CLIENT_DONE;

	*done = 0;
	for (int i = 0; i < count && state == TLS_CLIENT_DONE; i++) {
		size_t written = 0;

		state = tls_client_write(connection->tls, parts[i].iov_base,
					 parts[i].iov_len, &written);
		*done += written;
		if (written < parts[i].iov_len)
			break;
	}
	return *done > 0 ? CONNECTION_BYTES : end_of_tls(connection, state);
}

enum connection_end
connection_send(struct connection *connection, const struct iovec *parts,
		int count, size_t *done)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)parts,
		.msg_iovlen = (size_t)count,
	};
	ssize_t n;

	if (connection->tls)
		return send_tls(connection, parts, count, done);
	if (count == 1) /* cheaper */
		n = send(connection->fd, parts->iov_base, parts->iov_len,
			 MSG_NOSIGNAL);
	else
		n = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
	if (n < 0) {
		/* EPIPE: after a FIN of the server. */
		if (errno == ECONNRESET)
			connection->was_reset = true;
		return end_of_errno(errno);
	}
	*done = (size_t)n;
	return CONNECTION_BYTES;
}

void
connection_want_write(struct connection *connection, bool wanted)
{
	if (wanted == connection->wants_write)
		return;
	connection->wants_write = wanted;
	if (wanted)
		event_add(&connection->writable, NULL);
	else
		event_del(&connection->writable);
}

void
connection_shutdown(struct connection *connection)
{
	connection->is_ending = connection->tls &&
				!tls_client_shutdown(connection->tls);
	connection_want_write(connection, connection->is_ending);
	if (!connection->is_ending)
		shutdown(connection->fd, SHUT_WR);
}

void
connection_local(const struct connection *connection, char *text, size_t size)
{
	struct target_address local = { .length = sizeof(local.storage) };
	char buffer[TARGET_ADDRESS_SIZE];

	if (connection->fd < 0 ||
	    getsockname(connection->fd, &local.sa, &local.length) < 0) {
		*text = '\0';
		return;
	}
	snprintf(text, size, "%s", target_format(&local, buffer));
}
