#include "probe/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An address as the header has it: 4 or 16 bytes, and the port. */
struct end {
	int family; /* AF_UNSPEC: neither IPv4 nor IPv6 */
	size_t size;
	unsigned char host[16];
	in_port_t port; /* in network order */
};

/* An IPv4-mapped address is an IPv4 peer: receivers expect TCP4 for it. */
static struct end
end_of(const struct target_address *address)
{
	struct end end = { .family = AF_UNSPEC };

	if (address->sa.sa_family == AF_INET) {
		const struct sockaddr_in *in =
			(const struct sockaddr_in *)&address->storage;

		end.family = AF_INET;
		end.size = 4;
		end.port = in->sin_port;
		memcpy(end.host, &in->sin_addr, 4);
	} else if (address->sa.sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 =
			(const struct sockaddr_in6 *)&address->storage;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		end.family = mapped ? AF_INET : AF_INET6;
		end.size = mapped ? 4 : 16;
		end.port = in6->sin6_port;
		memcpy(end.host, in6->sin6_addr.s6_addr + (mapped ? 12 : 0),
		       end.size);
	}
	return end;
}

/* As IPv4-mapped, for a header with one end of each family. */
static void
widen(struct end *end)
{
	if (end->family != AF_INET)
		return;
	memmove(end->host + 12, end->host, 4);
	memset(end->host, 0, 10);
	memset(end->host + 10, 0xff, 2);
	end->family = AF_INET6;
	end->size = 16;
}

static size_t
write_line(const struct end *client, const struct end *server, bool known,
	   unsigned char header[PROXY_HEADER_SIZE])
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	if (!known)
		return (size_t)snprintf((char *)header, PROXY_HEADER_SIZE,
					"PROXY UNKNOWN\r\n");
	inet_ntop(client->family, client->host, from, sizeof(from));
	inet_ntop(server->family, server->host, to, sizeof(to));
	return (size_t)snprintf((char *)header, PROXY_HEADER_SIZE,
				"PROXY TCP%c %s %s %d %d\r\n",
				client->family == AF_INET ? '4' : '6', from, to,
				ntohs(client->port), ntohs(server->port));
}

static size_t
write_binary(const struct end *client, const struct end *server, bool known,
	     unsigned char header[PROXY_HEADER_SIZE])
{
	static const unsigned char signature[12] = "\r\n\r\n\0\r\nQUIT\n";
	size_t size = client->size;
	unsigned char *at = header + 16;

	memcpy(header, signature, sizeof(signature));
	memset(header + 12, 0, 4);
	header[12] = known ? 0x21 : 0x20; /* version 2; PROXY or LOCAL */
	if (!known)
		return 16;
	header[13] = client->family == AF_INET ? 0x11 : 0x21; /* STREAM */
	header[15] = (unsigned char)(2 * size + 4);
	memcpy(at, client->host, size);
	memcpy(at + size, server->host, size);
	memcpy(at + 2 * size, &client->port, 2);
	memcpy(at + 2 * size + 2, &server->port, 2);
	return 16 + 2 * size + 4;
}

size_t
proxy_header_write(int version, const struct target_address *client,
		   const struct target_address *server,
		   unsigned char header[PROXY_HEADER_SIZE])
{
	struct end from = end_of(client), to = end_of(server);
	bool known = from.family != AF_UNSPEC && to.family != AF_UNSPEC;

	if (known && from.family != to.family) {
		widen(&from);
		widen(&to);
	}
	return version == 1 ? write_line(&from, &to, known, header) :
			      write_binary(&from, &to, known, header);
}

static bool
parse_port(const char *text, in_port_t *port)
{
	size_t length = strspn(text, "0123456789");
	unsigned long value;

	if (length == 0 || length > 5 || text[length])
		return false;
	value = strtoul(text, NULL, 10);
	*port = htons((uint16_t)value);
	return value <= UINT16_MAX;
}

/*
 * Copies the host without brackets and finds the port, "" if there is none.
 * Two colons without brackets: an IPv6 address without a port.
 */
static const char *
split(const char *text, char host[TARGET_REASON_SIZE], const char **port)
{
	const char *end = text + strlen(text), *colon = strchr(text, ':');
	size_t length;

	*port = NULL;
	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end)
			return "\"]\" is missing";
		if (end[1] == ':')
			*port = end + 2;
		else if (end[1])
			return "after \"]\" only \":PORT\" may follow";
	} else if (colon && !strchr(colon + 1, ':')) {
		end = colon;
		*port = colon + 1;
	}
	length = (size_t)(end - text);
	if (length >= INET6_ADDRSTRLEN)
		return "no IP address is this long";
	memcpy(host, text, length);
	host[length] = '\0';
	return NULL;
}

static const char *
parse(const char *text, struct target_address *client)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&client->storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&client->storage;
	char host[TARGET_REASON_SIZE];
	const char *port, *error;
	in_port_t number = 0;

	memset(client, 0, sizeof(*client));
	error = strchr(text, '%') ? "a PROXY header has no place for a zone" :
				    split(text, host, &port);
	if (error)
		return error;
	if (port && !parse_port(port, &number))
		return "the port must be a number from 0 to 65535";
	if (*text != '[' && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = number;
		client->length = sizeof(*in);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = number;
		client->length = sizeof(*in6);
	} else {
		return "it is not an IP address";
	}
	return NULL;
}

const char *
proxy_header_parse(const char *text, struct target_address *client,
		   char reason[TARGET_REASON_SIZE])
{
	const char *error = parse(text, client);

	if (!error)
		return NULL;
	snprintf(reason, TARGET_REASON_SIZE, "\"%.64s\": %s", text, error);
	return reason;
}
