/*
 * proxy_protocol: the header of the PROXY protocol, versions 1 and 2, by which
 * a proxy tells who is behind it (haproxy's doc/proxy-protocol.txt).  Pure:
 * bytes in, addresses out.
 *
 * TLVs are walked, and CRC32C is verified where it is present; those of other
 * types are skipped, as are addresses that are none of a network.
 */
#ifndef ECHOD_TCP_PROXY_PROTOCOL_H
#define ECHOD_TCP_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "addr/address.h"

/* The longest version 1 line, CR LF included. */
#define PROXY_PROTOCOL_LINE_MAX 107

/*
 * Version 2 would allow 65551 bytes and recommends less than 536.  Room for a
 * client's certificate (PP2_SUBTYPE_SSL_CLIENT_CERT) is enough.
 */
#define PROXY_PROTOCOL_MAX (16 + 4096)

enum proxy_protocol_state {
	PROXY_PROTOCOL_MORE, /* a header as far as it goes: all of it belongs */
	PROXY_PROTOCOL_INVALID,
	PROXY_PROTOCOL_DONE,
};

struct proxy_protocol_header {
	const char *reason; /* INVALID: why; static */

	/* DONE: */
	size_t length; /* what follows is the client's */
	bool local;    /* from the proxy itself: a health check */
	bool proxied;  /* false: the connection's own addresses hold */
	struct address source;
	struct address destination;
};

/*
 * Looks at the first `length` bytes of a connection.  What is not a header is
 * found out as early as its bytes tell; what is one is MORE until it is
 * complete, for PROXY_PROTOCOL_MAX bytes at most.
 */
enum proxy_protocol_state
proxy_protocol_parse(const void *data, size_t length,
		     struct proxy_protocol_header *header);

#endif
