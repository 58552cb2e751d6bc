#include "admin/http_hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

/* Appends a name to the own ones, unless it could be taken for a pattern. */
static void
add_own(struct http_hosts *hosts, const char *name)
{
	size_t used = strlen(hosts->own);

	if (host_name_is_valid(name))
		snprintf(hosts->own + used, sizeof(hosts->own) - used, " %s",
			 name);
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
http_hosts_update(struct http_hosts *hosts, const char *listed)
{
	char name[HOST_NAME_SIZE] = "";

	*hosts = (struct http_hosts){ .own = "localhost", .listed = listed };
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

bool
http_hosts_accept(const struct http_hosts *hosts, const char *authority)
{
	size_t length = host_length(authority);

	return is_address(authority, length) ||
	       host_name_matches(hosts->own, authority, length) ||
	       host_name_matches(hosts->listed, authority, length);
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
