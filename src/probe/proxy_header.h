/*
 * proxy_header: the header that a proxy sends to its server at the beginning of
 * a connection: PROXY protocol, sections 2.1 (version 1) and 2.2 (version 2).
 *
 * Pure, except for names of network interfaces.
 */
#ifndef ECHOD_PROBE_PROXY_HEADER_H
#define ECHOD_PROBE_PROXY_HEADER_H

#include <stddef.h>

#include "probe/target.h"

/* Holds both versions. */
#define PROXY_HEADER_SIZE 128

/*
 * Writes the header of `version` 1 or 2 with the client's address and port,
 * `client`, and the server's, `server`; returns its length.  If one is IPv4 and
 * the other IPv6, the header is for IPv6 and has an IPv4-mapped address.  If
 * one is not IP, the header says that the client is unknown (UNKNOWN, LOCAL).
 */
size_t proxy_header_write(int version, const struct target_address *client,
			  const struct target_address *server,
			  unsigned char header[PROXY_HEADER_SIZE]);

/*
 * ADDRESS[:PORT], an IPv6 address with a port in brackets.  Without a port it
 * is 0.  Returns NULL, or the reason.
 */
const char *proxy_header_parse(const char *text, struct target_address *client,
			       char reason[TARGET_REASON_SIZE]);

#endif
