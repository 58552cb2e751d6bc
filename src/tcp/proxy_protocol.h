/*
 * proxy_protocol: parser for the PROXY header, versions 1 and 2, in which a
 * proxy sends the client's address (haproxy's doc/proxy-protocol.txt).  Pure:
 * bytes in, addresses out.
 *
 * The TLV with the CRC32C is verified if it is present; other TLVs are skipped.
 * Only IPv4 and IPv6 addresses are taken.
 */
#ifndef ECHOD_TCP_PROXY_PROTOCOL_H
#define ECHOD_TCP_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "addr/address.h"

/* The longest version 1 line, CR LF included. */
#define PROXY_PROTOCOL_LINE_MAX 107

/*
 * The longest header that is accepted, with room for a client certificate
 * (PP2_SUBTYPE_SSL_CLIENT_CERT).  Version 2 allows 65551 bytes and recommends
 * less than 536.
 */
#define PROXY_PROTOCOL_MAX (16 + 4096)

enum proxy_protocol_state {
	PROXY_PROTOCOL_MORE, /* valid but incomplete: all bytes belong to it */
	PROXY_PROTOCOL_INVALID,
	PROXY_PROTOCOL_DONE,
};

struct proxy_protocol_header {
	const char *reason; /* INVALID: static text for the log */

	/* DONE: */
	size_t length; /* bytes of the header; later ones are the client's */
	bool local;    /* sent by the proxy for itself: a health check */
	bool proxied;  /* true: the two addresses are set */
	struct address source;
	struct address destination;
};

/*
 * Parses the first `length` bytes of a connection; `header` receives the
 * result.  INVALID is returned as soon as the bytes cannot begin a header of at
 * most PROXY_PROTOCOL_MAX bytes; MORE, until the header is complete.
 */
enum proxy_protocol_state
proxy_protocol_parse(const void *data, size_t length,
		     struct proxy_protocol_header *header);

#endif
