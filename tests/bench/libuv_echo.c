/*
 * libuv_echo: an echo server on libuv. It writes at once with uv_try_write;
 * only what the socket refuses is copied into a write request, and while one is
 * under way the connection is not read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>

#define BACKLOG 4096
#define BUFFER_SIZE 65536

static const char *prefix = "";
static size_t prefix_length;
static size_t read_size = 1000;
static char *buffer; /* the prefix, then room for read_size */

struct pending {
	uv_write_t request;
	char data[];
};

static void
check(int status, const char *what)
{
	if (status >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
	exit(EX_OSERR);
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
close_stream(uv_stream_t *stream)
{
	if (!uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, on_closed);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(buffer + prefix_length, (unsigned)read_size);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void
on_written(uv_write_t *request, int status)
{
	uv_stream_t *stream = request->handle;

	free(request);
	if (status < 0)
		close_stream(stream);
	else
		uv_read_start(stream, on_alloc, on_read);
}

static void
write_later(uv_stream_t *stream, const char *data, size_t length)
{
	struct pending *pending = malloc(sizeof(*pending) + length);
	uv_buf_t buf;

	if (!pending)
		check(UV_ENOMEM, "malloc");
	memcpy(pending->data, data, length);
	buf = uv_buf_init(pending->data, (unsigned)length);
	uv_read_stop(stream);
	check(uv_write(&pending->request, stream, &buf, 1, on_written),
	      "uv_write");
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	uv_buf_t reply;
	int sent;

	(void)buf;
	if (n == 0)
		return;
	if (n < 0) {
		close_stream(stream);
		return;
	}
	reply = uv_buf_init(buffer, (unsigned)(prefix_length + (size_t)n));
	sent = uv_try_write(stream, &reply, 1);
	if (sent < 0 && sent != UV_EAGAIN) {
		close_stream(stream);
		return;
	}
	if (sent < 0)
		sent = 0;
	if ((size_t)sent < reply.len)
		write_later(stream, reply.base + sent,
			    reply.len - (size_t)sent);
}

static void
on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *client = malloc(sizeof(*client));

	check(status, "connection");
	if (!client)
		check(UV_ENOMEM, "malloc");
	uv_tcp_init(listener->loop, client);
	check(uv_accept(listener, (uv_stream_t *)client), "uv_accept");
	uv_tcp_nodelay(client, 1);
	uv_read_start((uv_stream_t *)client, on_alloc, on_read);
}

static void
listen_on_loopback(uv_tcp_t *listener)
{
	struct sockaddr_in address;
	int length = sizeof(address);

	uv_ip4_addr("127.0.0.1", 0, &address);
	check(uv_tcp_init(uv_default_loop(), listener), "uv_tcp_init");
	check(uv_tcp_bind(listener, (struct sockaddr *)&address, 0), "bind");
	check(uv_listen((uv_stream_t *)listener, BACKLOG, on_connection),
	      "listen");
	check(uv_tcp_getsockname(listener, (struct sockaddr *)&address,
				 &length),
	      "getsockname");
	fprintf(stderr, "listening=tcp:127.0.0.1:%u\n",
		ntohs(address.sin_port));
}

int
main(int argc, char **argv)
{
	uv_tcp_t listener;
	int option;

	while ((option = getopt(argc, argv, "p:k:")) != -1) {
		if (option == 'p')
			prefix = optarg;
		else if (option == 'k')
			read_size = strtoul(optarg, NULL, 10);
		else
			exit(EX_USAGE);
	}
	prefix_length = strlen(prefix);
	if (prefix_length == 0)
		read_size = BUFFER_SIZE;
	buffer = malloc(prefix_length + read_size);
	if (!buffer)
		check(UV_ENOMEM, "malloc");
	memcpy(buffer, prefix, prefix_length);
	listen_on_loopback(&listener);
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
