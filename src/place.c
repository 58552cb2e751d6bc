#include "place.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct scheme {
	const char *prefix;
	enum transport transport;
} schemes[] = {
	[TRANSPORT_TCP] = { "tcp:", TRANSPORT_TCP },
	[TRANSPORT_UDP] = { "udp:", TRANSPORT_UDP },
	[TRANSPORT_UNIX] = { "unix:", TRANSPORT_UNIX },
};

#define SCHEME_COUNT (sizeof(schemes) / sizeof(*schemes))

/* Sets the transport; returns what follows it. */
static const char *
parse_transport(const char *text, enum transport *transport)
{
	for (size_t i = 0; i < SCHEME_COUNT; i++) {
		size_t length = strlen(schemes[i].prefix);

		if (strncmp(text, schemes[i].prefix, length) == 0) {
			*transport = schemes[i].transport;
			return text + length;
		}
	}
	*transport = TRANSPORT_TCP;
	return text;
}

static const char *
parse_path(const char *path, struct place *place, char *reason, size_t size)
{
	size_t length = strlen(path);

	if (length > PLACE_PATH_MAX) {
		snprintf(reason, size,
			 "\"%.40s...\" is too long: a path or a name of a unix "
			 "socket has at most %zu bytes",
			 path, PLACE_PATH_MAX);
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
		return strcpy(place->path, path), NULL;
	return reason;
}

const char *
place_parse(const char *text, struct place *place, char *reason, size_t size)
{
	const char *rest;

	memset(place, 0, sizeof(*place));
	rest = parse_transport(text, &place->transport);
	if (place->transport == TRANSPORT_UNIX)
		return parse_path(rest, place, reason, size);
	return address_parse(rest, &place->address, reason, size);
}

/* Of an abstract name the length tells the end, of a path a NUL may. */
static bool
take_path(const struct sockaddr_un *un, socklen_t length, char *path)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t size = length > head ? length - head : 0;
	bool abstract = size > 1 && un->sun_path[0] == '\0';

	if (size == 0 || size > PLACE_PATH_MAX + 1)
		return false;
	memcpy(path, un->sun_path, size);
	if (abstract) {
		path[0] = '@';
		/* Names with a NUL in them have no text form. */
		return size <= PLACE_PATH_MAX && !memchr(path, '\0', size);
	}
	return memchr(path, '\0', size) ?
		       path[0] == '/' :
		       size <= PLACE_PATH_MAX && path[0] == '/';
}

bool
place_from_sockaddr(const struct sockaddr *sa, socklen_t length, int type,
		    struct place *place)
{
	memset(place, 0, sizeof(*place));
	if (sa->sa_family == AF_UNIX) {
		place->transport = TRANSPORT_UNIX;
		return type == SOCK_STREAM &&
		       take_path((const struct sockaddr_un *)sa, length,
				 place->path);
	}
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return false;
	place->transport = type == SOCK_DGRAM ? TRANSPORT_UDP : TRANSPORT_TCP;
	place->address = address_from_sockaddr(sa, length);
	return type == SOCK_STREAM || type == SOCK_DGRAM;
}

const char *
place_format_short(const struct place *place, char text[PLACE_TEXT_SIZE])
{
	place_format(place, text);
	if (place->transport == TRANSPORT_TCP)
		memmove(text, text + 4, strlen(text + 4) + 1);
	return text;
}

const char *
place_format(const struct place *place, char text[PLACE_TEXT_SIZE])
{
	char address[ADDRESS_TEXT_SIZE];

	snprintf(text, PLACE_TEXT_SIZE, "%s%s",
		 schemes[place->transport].prefix,
		 place->transport == TRANSPORT_UNIX ?
			 place->path :
			 address_format(&place->address, address));
	return text;
}

size_t
place_expand(const struct place *place, struct place out[2])
{
	struct address addresses[2];
	size_t count = 1;

	out[0] = out[1] = *place;
	if (place->transport != TRANSPORT_UNIX) {
		count = address_expand(&place->address, addresses);
		for (size_t i = 0; i < count; i++)
			out[i].address = addresses[i];
	}
	return count;
}

bool
place_takes_any_port(const struct place *place)
{
	return place->transport != TRANSPORT_UNIX &&
	       address_port(&place->address) == 0;
}

bool
place_is_abstract(const struct place *place)
{
	return place->path[0] == '@';
}

socklen_t
place_sockaddr(const struct place *place, struct sockaddr_un *un)
{
	size_t length = strlen(place->path);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(un->sun_path, place->path, length + 1);
	/* Of an abstract name every byte counts, a NUL at its end included. */
	if (place_is_abstract(place))
		un->sun_path[0] = '\0';
	else
		length++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static bool
same(const struct place *a, const struct place *b,
     bool (*same_address)(const struct address *, const struct address *))
{
	if (a->transport != b->transport)
		return false;
	if (a->transport == TRANSPORT_UNIX)
		return strcmp(a->path, b->path) == 0;
	return same_address(&a->address, &b->address);
}

bool
place_equal(const struct place *a, const struct place *b)
{
	return same(a, b, address_equal);
}

bool
place_overlaps(const struct place *a, const struct place *b)
{
	return same(a, b, address_overlaps);
}
