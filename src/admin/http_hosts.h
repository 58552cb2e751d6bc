/*
 * http_hosts: the hosts that a request to the status port can name.  This is
 * the protection against DNS rebinding: a web page elsewhere can make its own
 * name resolve to this address, to read the status with the access of its
 * visitor.  Its requests name that host.
 *
 * These are accepted: every IP address, localhost, the name of this host, its
 * fully qualified name, and the patterns of `status.hosts`.
 *
 * The fully qualified name is that in /etc/hosts.  This needs no DNS query, so
 * a start never waits for DNS.  The search domains of resolv.conf(5) are not
 * used: they can come from the network (DHCP).
 *
 * Control thread only.
 */
#ifndef ECHOD_ADMIN_HTTP_HOSTS_H
#define ECHOD_ADMIN_HTTP_HOSTS_H

#include <stdbool.h>

#include "addr/host_name.h"

struct string_list;

struct http_hosts {
	char own[3][HOST_NAME_SIZE]; /* localhost, and names of this host */
	size_t own_count;
	const struct string_list *listed; /* patterns; borrowed */
	bool refused;			  /* a request, which has been logged */
};

/*
 * Finds the names of this host, and takes other patterns, which must stay valid
 * until the next call.
 */
void http_hosts_update(struct http_hosts *hosts,
		       const struct string_list *listed);

/* True if the host in `authority`, which is HOST or HOST:PORT, is accepted. */
bool http_hosts_accept(const struct http_hosts *hosts, const char *authority);

/* Logs the first refused host after an update, not every one. */
void http_hosts_log_refused(struct http_hosts *hosts, const char *authority);

#endif
