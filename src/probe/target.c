#include "probe/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "addr/address.h"
#include "addr/host_name.h"

static const struct scheme {
	const char *text;
	enum target_scheme scheme;
	int type; /* of its sockets */
} schemes[] = {
	{ "tcp://", TARGET_TCP, SOCK_STREAM },
	{ "tls://", TARGET_TLS, SOCK_STREAM },
	{ "udp://", TARGET_UDP, SOCK_DGRAM },
	{ "unix:", TARGET_UNIX, SOCK_STREAM },
};

/* A URL in parts. */
struct parts {
	struct scheme scheme;
	const char *rest;	   /* HOST:PORT, or the path of unix: */
	char host[HOST_NAME_SIZE]; /* without brackets and zone */
	const char *port;
	struct target_address address; /* length 0: a name */
};

/* ---- the form of a URL */

static const struct scheme *
find_scheme(const char *url)
{
	/* RFC 3986, 3.1: upper case is the same. */
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(url, schemes[i].text,
				strlen(schemes[i].text)) == 0)
			return &schemes[i];
	return NULL;
}

/* RFC 3986, 3.2: what else a URL can have. */
static const char *
check_characters(const char *text)
{
	if (strchr(text, '@'))
		return "a user has no meaning here, write HOST:PORT";
	if (text[strcspn(text, "/?#")] != '\0')
		return "nothing can follow the port";
	return NULL;
}

/* Finds the port, and copies the host without its brackets. */
static const char *
split(struct parts *parts)
{
	const char *text = parts->rest, *colon = strrchr(text, ':');
	const char *end = text[0] == '[' ? strchr(text, ']') : colon;
	size_t length;

	if (text[0] == '[' && !end)
		return "the bracket is not closed";
	if (text[0] == '[' && end[1] != '\0' && end[1] != ':')
		return "only a colon and the port can follow the bracket";
	if (!colon || (text[0] == '[' && end[1] == '\0'))
		return "the port is missing";
	if (text[0] != '[' && strchr(text, ':') != colon)
		return "an IPv6 address needs brackets: [ADDRESS]:PORT";
	parts->port = text[0] == '[' ? end + 2 : colon + 1;
	text += text[0] == '[';
	length = (size_t)(end - text);
	if (length == 0)
		return "the host is missing";
	if (length >= sizeof(parts->host))
		return "the host is too long";
	memcpy(parts->host, text, length);
	return NULL;
}

static const char *
check_port(const char *port)
{
	static const char reason[] = "the port must be a number, 1 to 65535";
	size_t digits = strspn(port, "0123456789");

	/* address_parse() takes five digits as well. */
	if (digits == 0 || digits > 5 || port[digits] != '\0')
		return reason;

	unsigned long value = strtoul(port, NULL, 10);
	return value >= 1 && value <= 65535 ? NULL : reason;
}

/*
 * getaddrinfo(3) takes "127.1" and "0x7f000001" for IPv4 addresses.  A name
 * that ends in a number is no name of a host (RFC 3696, 2).
 */
static bool
looks_like_ipv4(const char *host)
{
	static const char decimal[] = "0123456789";
	static const char hexadecimal[] = "0123456789abcdefABCDEF";
	const char *dot = strrchr(host, '.');
	const char *label = dot ? dot + 1 : host;

	if (label[0] == '0' && (label[1] | 0x20) == 'x')
		return label[2 + strspn(label + 2, hexadecimal)] == '\0';
	return *label && label[strspn(label, decimal)] == '\0';
}

static const char *
check_host(struct parts *parts, char reason[TARGET_REASON_SIZE])
{
	bool bracketed = parts->rest[0] == '[';
	struct address address;
	const char *error;

	if (!bracketed && !looks_like_ipv4(parts->host))
		return host_name_is_valid(parts->host) ?
			       NULL :
			       "the host is not a valid name";
	if (!bracketed &&
	    inet_pton(AF_INET, parts->host, &address.in.sin_addr) != 1)
		return "the host is not a valid IPv4 address";
	error = address_parse(parts->rest, &address, reason,
			      TARGET_REASON_SIZE);
	if (error)
		return error;
	parts->address.length = address.length;
	memcpy(&parts->address.storage, &address.sa, address.length);
	parts->host[strcspn(parts->host, "%")] = '\0';
	return NULL;
}

static const char *
check_unix(struct parts *parts)
{
	struct target_address *address = &parts->address;
	const char *path = parts->rest;
	size_t length = strlen(path);
	bool is_abstract = path[0] == '@';

	if (length <= (is_abstract ? 1 : 0))
		return "the path is missing";
	if (strncmp(path, "//", 2) == 0)
		return "write unix:PATH, without a host";
	/* unix(7): a name that is abstract does not end in NUL. */
	if (length >= sizeof(address->un.sun_path))
		return "the path is longer than 107 bytes";
	address->un.sun_family = AF_UNIX;
	memcpy(address->un.sun_path, path, length);
	if (is_abstract)
		address->un.sun_path[0] = '\0';
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				      length + !is_abstract);
	return NULL;
}

static const char *
explain(const char *url, const char *why, char reason[TARGET_REASON_SIZE])
{
	char copy[TARGET_REASON_SIZE];

	/* `why` can be in `reason`. */
	snprintf(copy, sizeof(copy), "%s", why);
	snprintf(reason, TARGET_REASON_SIZE, "%.100s%s: %.150s", url,
		 strlen(url) > 100 ? "..." : "", copy);
	return reason;
}

static const char *
parse(const char *url, struct parts *parts, char reason[TARGET_REASON_SIZE])
{
	const struct scheme *scheme;
	const char *why;

	memset(parts, 0, sizeof(*parts));
	scheme = find_scheme(url);
	if (!scheme)
		return explain(url,
			       "write tcp://HOST:PORT, tls://HOST:PORT, "
			       "udp://HOST:PORT or unix:PATH",
			       reason);
	parts->scheme = *scheme;
	parts->rest = url + strlen(scheme->text);
	if (scheme->scheme == TARGET_UNIX) {
		why = check_unix(parts);
	} else {
		why = check_characters(parts->rest);
		why = why ? why : split(parts);
		why = why ? why : check_port(parts->port);
		why = why ? why : check_host(parts, reason);
	}
	return why ? explain(url, why, reason) : NULL;
}

const char *
target_check(const char *url, char reason[TARGET_REASON_SIZE])
{
	struct parts parts;

	return parse(url, &parts, reason);
}

enum target_scheme
target_scheme_of(const char *url)
{
	return find_scheme(url)->scheme;
}

/* ---- addresses */

static bool
has_address(const struct target *target, const struct sockaddr *sa,
	    socklen_t length)
{
	struct address wanted = address_from_sockaddr(sa, length);

	for (size_t i = 0; i < target->address_count; i++) {
		const struct target_address *known = &target->addresses[i];
		struct address address =
			address_from_sockaddr(&known->sa, known->length);

		if (address_equal(&address, &wanted))
			return true;
	}
	return false;
}

static bool
add_address(struct target *target, const struct sockaddr *sa, socklen_t length)
{
	size_t count = target->address_count;
	struct target_address *addresses =
		reallocarray(target->addresses, count + 1, sizeof(*addresses));

	if (!addresses)
		return false;
	target->addresses = addresses;
	memset(&addresses[count], 0, sizeof(*addresses));
	addresses[count].length = length;
	memcpy(&addresses[count].storage, sa, length);
	target->address_count++;
	return true;
}

/*
 * AI_ADDRCONFIG leaves out the families that this host has no address of, so
 * that no attempt is wasted on them.  It does not count the loopback interface,
 * so without a network "localhost" needs the second call.
 */
static int
look_up(const struct parts *parts, int family, struct addrinfo **found)
{
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = parts->scheme.type,
		.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG,
	};
	int error = getaddrinfo(parts->host, parts->port, &hints, found);

	if (error != EAI_NONAME && error != EAI_ADDRFAMILY &&
	    error != EAI_NODATA)
		return error;
	hints.ai_flags = AI_NUMERICSERV;
	return getaddrinfo(parts->host, parts->port, &hints, found);
}

static const char *
family_hint(int family)
{
	return family == AF_INET  ? " (with -4)" :
	       family == AF_INET6 ? " (with -6)" :
				    "";
}

/* A hosts file can have an address twice. */
static const char *
resolve_name(struct target *target, const struct parts *parts, int family,
	     char reason[TARGET_REASON_SIZE])
{
	struct addrinfo *found = NULL;
	int error = look_up(parts, family, &found);
	bool added = true;

	if (error) {
		snprintf(reason, TARGET_REASON_SIZE, "%s%s",
			 error == EAI_SYSTEM ? strerror(errno) :
					       gai_strerror(error),
			 family_hint(family));
		return reason;
	}
	for (struct addrinfo *a = found; a && added; a = a->ai_next)
		if (!has_address(target, a->ai_addr, a->ai_addrlen))
			added = add_address(target, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(found);
	return added ? NULL : strerror(ENOMEM);
}

static const char *
resolve(struct target *target, const struct parts *parts, int family,
	char reason[TARGET_REASON_SIZE])
{
	const struct target_address *literal = &parts->address;

	if (literal->length == 0)
		return resolve_name(target, parts, family, reason);
	if (family != AF_UNSPEC && literal->sa.sa_family != AF_UNIX &&
	    literal->sa.sa_family != family)
		return family == AF_INET ? "not an IPv4 address (with -4)" :
					   "not an IPv6 address (with -6)";
	return add_address(target, &literal->sa, literal->length) ?
		       NULL :
		       strerror(ENOMEM);
}

/* ---- the list */

static void
free_target(struct target *target)
{
	free(target->name);
	free(target->host);
	free(target->addresses);
}

/* A copy of `target` with the addresses from `first`, `count` of them. */
static bool
append(struct target_list *list, const struct target *target, const char *name,
       size_t first, size_t count)
{
	struct target *items =
		reallocarray(list->items, list->count + 1, sizeof(*items));
	struct target copy = {
		.scheme = target->scheme,
		.name = strdup(name),
		.host = strdup(target->host),
		.index = list->count,
	};
	bool added = items && copy.name && copy.host;

	if (items)
		list->items = items;
	for (size_t i = first; added && i < first + count; i++)
		added = add_address(&copy, &target->addresses[i].sa,
				    target->addresses[i].length);
	if (added)
		list->items[list->count++] = copy;
	else
		free_target(&copy);
	return added;
}

static bool
append_each(struct target_list *list, const struct target *target,
	    const struct scheme *scheme)
{
	size_t before = list->count;

	for (size_t i = 0; i < target->address_count; i++) {
		char text[TARGET_ADDRESS_SIZE];
		char name[TARGET_ADDRESS_SIZE + 8];

		snprintf(name, sizeof(name), "%s%s", scheme->text,
			 target_format(&target->addresses[i], text));
		if (append(list, target, name, i, 1))
			continue;
		while (list->count > before)
			free_target(&list->items[--list->count]);
		return false;
	}
	return true;
}

const char *
target_list_add(struct target_list *list, const char *url, int family,
		bool each_address, char reason[TARGET_REASON_SIZE])
{
	struct parts parts;
	struct target target = { 0 };
	const char *why = parse(url, &parts, reason);
	bool added;

	if (why)
		return why;
	target.scheme = parts.scheme.scheme;
	target.host = parts.host;
	why = resolve(&target, &parts, family, reason);
	if (!why) {
		added = each_address && target.address_count > 1 ?
				append_each(list, &target, &parts.scheme) :
				append(list, &target, url, 0,
				       target.address_count);
		why = added ? NULL : strerror(ENOMEM);
	}
	free(target.addresses);
	return why ? explain(url, why, reason) : NULL;
}

void
target_list_free(struct target_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_target(&list->items[i]);
	free(list->items);
	*list = (struct target_list){ 0 };
}

bool
target_is_stream(const struct target *target)
{
	return target->scheme != TARGET_UDP;
}

static const char *
format_unix(const struct target_address *address,
	    char text[TARGET_ADDRESS_SIZE])
{
	const char *path = address->un.sun_path;
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	size_t length = address->length > offset ? address->length - offset : 0;
	bool is_abstract = length > 0 && path[0] == '\0';

	snprintf(text, TARGET_ADDRESS_SIZE, "unix:%s%.*s",
		 is_abstract ? "@" : "", (int)(length - is_abstract),
		 path + is_abstract);
	return text;
}

const char *
target_format(const struct target_address *address,
	      char text[TARGET_ADDRESS_SIZE])
{
	if (address->sa.sa_family == AF_UNIX)
		return format_unix(address, text);

	struct address ip =
		address_from_sockaddr(&address->sa, address->length);
	_Static_assert(TARGET_ADDRESS_SIZE >= ADDRESS_TEXT_SIZE,
		       "an IP address fits");
	return address_format(&ip, text);
}
