/*
 * socket_options: opens a socket as the options ask: source address and port,
 * DSCP, TTL, no fragmentation.
 */
#ifndef ECHOD_PROBE_SOCKET_OPTIONS_H
#define ECHOD_PROBE_SOCKET_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "probe/probe_options.h"
#include "probe/target.h"

/*
 * A source address and perhaps a zone, without a port: "192.0.2.1",
 * "fe80::1%eth0".  Resolves no names.  Returns NULL, or the reason.
 */
const char *source_parse(const char *text, struct target_address *address,
			 char reason[TARGET_REASON_SIZE]);

/* The number of sources that have this family. */
size_t source_count(const struct probe_socket_options *options, int family);

/*
 * Source number `number`, modulo their count, of the sources that have this
 * family; NULL: there is none.
 */
const struct target_address *
source_choose(const struct probe_socket_options *options, int family,
	      unsigned number);

/*
 * A socket that does not block, bound to source number `number` of the options
 * (modulo their count) that has the family of `peer`.  `type`: SOCK_STREAM or
 * SOCK_DGRAM.  A SOCK_STREAM has TCP_NODELAY.  With a source address and no
 * port, the kernel chooses the port when it connects
 * (IP_BIND_ADDRESS_NO_PORT).  -1: errno is set.
 */
int socket_open(const struct probe_socket_options *options,
		const struct target_address *peer, int type, unsigned number);

#endif
