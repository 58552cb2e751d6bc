#include "admin/http_hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/string_list.h"

/* Appends a name to the own ones, unless it could be taken for a pattern. */
static void
add_own(struct http_hosts *hosts, const char *name)
{
	if (host_name_is_valid(name))
		strcpy(hosts->own[hosts->own_count++], name);
}

/* Without a readable /etc/hosts, there is no fully qualified name. */
static void
add_qualified(struct http_hosts *hosts, const char *name)
{
	char reason[FILE_REASON_SIZE];
	size_t length;
	char *text = file_read("/etc/hosts", &length, reason);
	const char *qualified = text ? host_name_qualify(text, name) : NULL;

	if (qualified)
		add_own(hosts, qualified);
	free(text);
}

void
http_hosts_update(struct http_hosts *hosts, const struct string_list *listed)
{
	char name[HOST_NAME_SIZE] = "";

	*hosts = (struct http_hosts){ .listed = listed };
	add_own(hosts, "localhost");
	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		return;
	add_own(hosts, name);
	add_qualified(hosts, name);
}

/* Without ":PORT"; the port can be empty (RFC 3986, 3.2.3). */
static size_t
host_length(const char *authority)
{
	size_t length = strlen(authority);
	size_t at = length;

	while (at > 0 && isdigit((unsigned char)authority[at - 1]))
		at--;
	return at > 0 && authority[at - 1] == ':' ? at - 1 : length;
}

/* An IPv4 address, or an IPv6 address in brackets. */
static bool
is_address(const char *host, size_t length)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	bool in_brackets = length > 2 && host[0] == '[' &&
			   host[length - 1] == ']';

	if (in_brackets) {
		host++;
		length -= 2;
	}
	if (length >= sizeof(text))
		return false;
	memcpy(text, host, length);
	text[length] = '\0';
	return inet_pton(in_brackets ? AF_INET6 : AF_INET, text, binary) == 1;
}

static bool
is_own(const struct http_hosts *hosts, const char *host, size_t length)
{
	for (size_t i = 0; i < hosts->own_count; i++)
		if (host_name_matches(hosts->own[i], host, length))
			return true;
	return false;
}

static bool
is_listed(const struct string_list *listed, const char *host, size_t length)
{
	for (size_t i = 0; i < listed->count; i++)
		if (host_name_matches(listed->items[i], host, length))
			return true;
	return false;
}

bool
http_hosts_accept(const struct http_hosts *hosts, const char *authority)
{
	size_t length = host_length(authority);

	return is_address(authority, length) ||
	       is_own(hosts, authority, length) ||
	       is_listed(hosts->listed, authority, length);
}

void
http_hosts_log_refused(struct http_hosts *hosts, const char *authority)
{
	if (hosts->refused)
		return;
	hosts->refused = true;
	log_warning("Status request refused: Host \"%.*s\" is not a name of "
		    "this host, and not in status.hosts",
		    HOST_NAME_SIZE, authority);
}
