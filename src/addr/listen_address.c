#include "addr/listen_address.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct scheme {
	const char *prefix;
	enum protocol protocol;
} schemes[] = {
	[PROTOCOL_TCP] = { "tcp:", PROTOCOL_TCP },
	[PROTOCOL_UDP] = { "udp:", PROTOCOL_UDP },
	[PROTOCOL_UNIX] = { "unix:", PROTOCOL_UNIX },
};

#define SCHEME_COUNT (sizeof(schemes) / sizeof(*schemes))

/* Sets the protocol; returns the rest of the text. */
static const char *
parse_protocol(const char *text, enum protocol *protocol)
{
	for (size_t i = 0; i < SCHEME_COUNT; i++) {
		size_t length = strlen(schemes[i].prefix);

		if (strncmp(text, schemes[i].prefix, length) == 0) {
			*protocol = schemes[i].protocol;
			return text + length;
		}
	}
	*protocol = PROTOCOL_TCP;
	return text;
}

static const char *
parse_path(const char *path, struct listen_address *listen, char *reason,
	   size_t size)
{
	size_t length = strlen(path);

	if (length > LISTEN_ADDRESS_PATH_MAX) {
		snprintf(reason, size,
			 "\"%.40s...\" is too long: a path or a name of a unix "
			 "socket has at most %zu bytes",
			 path, LISTEN_ADDRESS_PATH_MAX);
		return reason;
	}
	if (path[0] != '/' && path[0] != '@')
		snprintf(reason, size,
			 "\"%s\" is neither a path that begins with / nor an "
			 "abstract name that begins with @",
			 path);
	else if (length == 1 || (path[0] == '/' && path[length - 1] == '/'))
		snprintf(reason, size, "\"%s\" names no socket", path);
	else
		return strcpy(listen->path, path), NULL;
	return reason;
}

/* A port, with or without a colon, and no address. */
static bool
is_port_only(const char *text)
{
	size_t colon = *text == ':';
	size_t digits = strspn(text + colon, "0123456789");

	return digits > 0 && digits <= 5 && text[colon + digits] == '\0';
}

const char *
listen_address_parse(const char *text, struct listen_address *listen,
		     char *reason, size_t size)
{
	const char *rest;

	memset(listen, 0, sizeof(*listen));
	rest = parse_protocol(text, &listen->protocol);
	if (listen->protocol == PROTOCOL_UNIX)
		return parse_path(rest, listen, reason, size);
	if (is_port_only(rest)) {
		snprintf(reason, size,
			 "\"%s\" has no address: write \"%.*s*:%s\" for all "
			 "addresses",
			 text, (int)(rest - text), text, rest + (*rest == ':'));
		return reason;
	}
	return address_parse(rest, &listen->address, reason, size);
}

/* An abstract name ends at `length`; a path ends there or at a NUL. */
static bool
take_path(const struct sockaddr_un *un, socklen_t length, char *path)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t size = length > head ? length - head : 0;
	bool abstract = size > 1 && un->sun_path[0] == '\0';

	if (size == 0 || size > LISTEN_ADDRESS_PATH_MAX + 1)
		return false;
	memcpy(path, un->sun_path, size);
	if (abstract) {
		path[0] = '@';
		/* Names with a NUL in them have no text form. */
		return size <= LISTEN_ADDRESS_PATH_MAX &&
		       !memchr(path, '\0', size);
	}
	return memchr(path, '\0', size) ?
		       path[0] == '/' :
		       size <= LISTEN_ADDRESS_PATH_MAX && path[0] == '/';
}

bool
listen_address_from_sockaddr(const struct sockaddr *sa, socklen_t length,
			     int type, struct listen_address *listen)
{
	memset(listen, 0, sizeof(*listen));
	if (sa->sa_family == AF_UNIX) {
		listen->protocol = PROTOCOL_UNIX;
		return type == SOCK_STREAM &&
		       take_path((const struct sockaddr_un *)sa, length,
				 listen->path);
	}
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return false;
	listen->protocol = type == SOCK_DGRAM ? PROTOCOL_UDP : PROTOCOL_TCP;
	listen->address = address_from_sockaddr(sa, length);
	return type == SOCK_STREAM || type == SOCK_DGRAM;
}

const char *
listen_address_format_short(const struct listen_address *listen,
			    char text[LISTEN_ADDRESS_TEXT_SIZE])
{
	listen_address_format(listen, text);
	if (listen->protocol == PROTOCOL_TCP)
		memmove(text, text + 4, strlen(text + 4) + 1);
	return text;
}

const char *
listen_address_format(const struct listen_address *listen,
		      char text[LISTEN_ADDRESS_TEXT_SIZE])
{
	char address[ADDRESS_TEXT_SIZE];

	snprintf(text, LISTEN_ADDRESS_TEXT_SIZE, "%s%s",
		 schemes[listen->protocol].prefix,
		 listen->protocol == PROTOCOL_UNIX ?
			 listen->path :
			 address_format(&listen->address, address));
	return text;
}

size_t
listen_address_expand(const struct listen_address *listen,
		      struct listen_address out[2])
{
	struct address addresses[2];
	size_t count = 1;

	out[0] = out[1] = *listen;
	if (listen->protocol != PROTOCOL_UNIX) {
		count = address_expand(&listen->address, addresses);
		for (size_t i = 0; i < count; i++)
			out[i].address = addresses[i];
	}
	return count;
}

bool
listen_address_takes_any_port(const struct listen_address *listen)
{
	return listen->protocol != PROTOCOL_UNIX &&
	       address_port(&listen->address) == 0;
}

bool
listen_address_is_abstract(const struct listen_address *listen)
{
	return listen->path[0] == '@';
}

socklen_t
listen_address_sockaddr(const struct listen_address *listen,
			struct sockaddr_un *un)
{
	size_t length = strlen(listen->path);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(un->sun_path, listen->path, length + 1);
	/* A NUL at the end would be part of an abstract name. */
	if (listen_address_is_abstract(listen))
		un->sun_path[0] = '\0';
	else
		length++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static bool
same(const struct listen_address *a, const struct listen_address *b,
     bool (*same_address)(const struct address *, const struct address *))
{
	if (a->protocol != b->protocol)
		return false;
	if (a->protocol == PROTOCOL_UNIX)
		return strcmp(a->path, b->path) == 0;
	return same_address(&a->address, &b->address);
}

bool
listen_address_equal(const struct listen_address *a,
		     const struct listen_address *b)
{
	return same(a, b, address_equal);
}

bool
listen_address_overlaps(const struct listen_address *a,
			const struct listen_address *b)
{
	return same(a, b, address_overlaps);
}
