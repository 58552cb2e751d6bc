#include "support/ports.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/suite.h"

#ifdef HAVE_TLS
#include <openssl/err.h>

#include "support/tls_client.h"

#define TLS_PORT \
	", { name = \"tls\"; listen = \"127.0.0.1:0\"; " \
	"tls = { " TLS_SERVER "}; }"
#else
#define TLS_PORT ""
#endif

#define CONFIG \
	"listen = \"127.0.0.1:0\"; status = { listen = \"127.0.0.1:0\"; }; " \
	"listeners = ( { name = \"raw\"; listen = \"127.0.0.1:0\"; " \
	"prefix = \"\"; }, { name = \"proxy\"; listen = \"127.0.0.1:0\"; " \
	"proxy_protocol = { from = \"127.0.0.1\"; }; }, " \
	"{ name = \"udp\"; listen = \"udp:127.0.0.1:0\"; }, " \
	"{ name = \"unix\"; listen = \"unix:%s\"; }" TLS_PORT "%s ); %s"

const char *const port_names[PORTS] = {
	[PORT_TCP] = "tcp",   [PORT_RAW] = "raw", [PORT_PROXY] = "proxy",
	[PORT_UNIX] = "unix", [PORT_UDP] = "udp", [PORT_STATUS] = "status",
#ifdef HAVE_TLS
	[PORT_TLS] = "tls",
#endif
};

/* Index of each port in "listening=". */
static const size_t places[PORTS] = {
	[PORT_TCP] = 0, [PORT_RAW] = 1, [PORT_PROXY] = 2, [PORT_UDP] = 3,
#ifdef HAVE_TLS
	[PORT_TLS] = 5,
#endif
};

/* What the client sends, and how the answer begins. */
static const char *const words[PORTS][2] = {
	[PORT_TCP] = { "Hello\n", "GOT:Hello\n" },
	[PORT_RAW] = { "Hello\n", "Hello\n" },
	[PORT_PROXY] = { "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nHello\n",
			 "GOT:Hello\n" },
	[PORT_UNIX] = { "Hello\n", "GOT:Hello\n" },
	[PORT_STATUS] = { "GET /healthz HTTP/1.0\r\n\r\n",
			  "HTTP/1.0 200 OK\r\n" },
	[PORT_UDP] = { "Hello\n", "GOT:Hello\n" },
#ifdef HAVE_TLS
	[PORT_TLS] = { "Hello\n", "GOT:Hello\n" },
#endif
};

/* An abstract name leaves no file. */
static const char *
unix_name(void)
{
	static char name[32];

	if (!*name)
		snprintf(name, sizeof(name), "@echod-ports-%d", (int)getpid());
	return name;
}

const char *
ports_config(const char *settings, const char *listeners)
{
	return tls_config(CONFIG, unix_name(), listeners, settings);
}

void
ports_clean(void)
{
#ifdef HAVE_TLS
	tls_clean();
#endif
}

struct ports
ports_of(struct daemon *daemon)
{
	const char *line = daemon_wait_line(daemon, "^Status on http://");

	return (struct ports){
		.daemon = daemon,
		.status = (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10),
	};
}

/* From another source network each time: rate limits are per network. */
static int
connect_udp(unsigned port)
{
	static unsigned char network = 1;
	char source[32];
	int fd;

	snprintf(source, sizeof(source), "127.0.%u.1:0", network++);
	fd = udp_socket(source);
	udp_connect(fd, "127.0.0.1:0", port);
	return fd;
}

static int
connect_to(const struct ports *ports, enum port port)
{
	switch (port) {
	case PORT_UNIX:
		return client_connect_unix(unix_name());
	case PORT_STATUS:
		return client_connect(ports->status);
	case PORT_UDP:
		return connect_udp(daemon_port(ports->daemon, places[port]));
	default:
		return client_connect(daemon_port(ports->daemon, places[port]));
	}
}

struct probe
probe_begin(const struct ports *ports, enum port port)
{
	return (struct probe){ .port = port, .fd = connect_to(ports, port) };
}

#ifdef HAVE_TLS
/* The first flight is sent; the rest may have to wait for the daemon. */
static void
shake_hands(struct probe *probe)
{
	int flags = fcntl(probe->fd, F_GETFL);

	probe->tls = tls_client(probe->fd, &tls_any);
	fcntl(probe->fd, F_SETFL, flags | O_NONBLOCK);
	probe->is_shaking = SSL_connect(probe->tls) != 1;
	ERR_clear_error();
	fcntl(probe->fd, F_SETFL, flags);
}

static void
say_tls(struct probe *probe)
{
	if (!probe->tls)
		shake_hands(probe);
	if (!probe->is_shaking)
		SSL_write(probe->tls, "Hello\n", 6);
}

static ssize_t
receive_tls(struct probe *probe, char *data, size_t size)
{
	int got = -1;

	if (probe->is_shaking && SSL_connect(probe->tls) == 1) {
		probe->is_shaking = false;
		say_tls(probe);
	}
	if (!probe->is_shaking)
		got = SSL_read(probe->tls, data, (int)size);
	ERR_clear_error();
	return got;
}
#endif

void
probe_say(struct probe *probe)
{
	const char *text = probe->has_spoken ? "Hello\n" :
					       words[probe->port][0];

	probe->has_spoken = true;
#ifdef HAVE_TLS
	if (probe->port == PORT_TLS) {
		say_tls(probe);
		return;
	}
#endif
	send(probe->fd, text, strlen(text), MSG_NOSIGNAL);
}

static ssize_t
receive(struct probe *probe, char *data, size_t size)
{
#ifdef HAVE_TLS
	if (probe->tls)
		return receive_tls(probe, data, size);
#endif
	if (probe->port == PORT_UDP &&
	    poll(&(struct pollfd){ .fd = probe->fd, .events = POLLIN }, 1,
		 1000) == 0)
		return 0;
	return recv(probe->fd, data, size, 0);
}

bool
probe_is_answered(struct probe *probe)
{
	const char *expected = words[probe->port][1];
	size_t have = 0, length = strlen(expected);

	while (have < length) {
		char data[32];
		ssize_t got;

		errno = 0;
		got = receive(probe, data, length - have);
		if (got <= 0) {
			/*
			 * The end; anything else means that the daemon hangs.
			 */
			ck_assert_msg(errno != EAGAIN,
				      "%s: neither an answer nor an end",
				      port_names[probe->port]);
			return false;
		}
		ck_assert_msg(memcmp(data, expected + have, (size_t)got) == 0,
			      "%s: wrong answer %.*s", port_names[probe->port],
			      (int)got, data);
		have += (size_t)got;
	}
	return true;
}

void
probe_expect_end(struct probe *probe)
{
#ifdef HAVE_TLS
	if (probe->tls) {
		tls_expect_end(probe->tls);
		return;
	}
#endif
	client_expect_eof(probe->fd);
}

void
probe_end(struct probe *probe)
{
#ifdef HAVE_TLS
	SSL_free(probe->tls);
#endif
	close(probe->fd);
}

bool
probe_try(const struct ports *ports, enum port port)
{
	struct probe probe = probe_begin(ports, port);
	bool answered;

	probe_say(&probe);
	answered = probe_is_answered(&probe);
	probe_end(&probe);
	return answered;
}
