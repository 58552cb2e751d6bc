/* proxy_headers: headers of the PROXY protocol, as proxies send them. */
#ifndef ECHOD_TESTS_PROXY_HEADERS_H
#define ECHOD_TESTS_PROXY_HEADERS_H

#include <stddef.h>

struct header {
	const char *bytes;
	size_t length;
	const char *client; /* NULL: none is named */
};

#define HEADER(text, client) \
	{ \
		text, sizeof(text) - 1, client \
	}

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define IN4 "\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x22\x61\xa8"

static const struct header header_v1 = HEADER(
	"PROXY TCP4 192.0.2.7 10.0.0.1 51234 25000\r\n", "192.0.2.7:51234");
static const struct header header_v1_six =
	HEADER("PROXY TCP6 2001:db8::7 2001:db8::1 51234 25000\r\n",
	       "[2001:db8::7]:51234");
static const struct header header_v1_unknown =
	HEADER("PROXY UNKNOWN\r\n", NULL);
static const struct header header_v2 =
	HEADER(V2 "\x21\x11\x00\x0c" IN4, "192.0.2.7:51234");
/* The CRC32C of the first is correct, that of the second is not. */
static const struct header header_v2_crc =
	HEADER(V2 "\x21\x11\x00\x18" IN4 "\x05\x00\x02id"
		  "\x03\x00\x04\x9a\x84\x80\x1e",
	       "192.0.2.7:51234");
static const struct header header_v2_bad_crc =
	HEADER(V2 "\x21\x11\x00\x18" IN4 "\x05\x00\x02id"
		  "\x03\x00\x04\x9a\x84\x80\x1f",
	       NULL);
static const struct header header_v2_six =
	HEADER(V2 "\x21\x21\x00\x24"
		  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
		  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		  "\xc8\x22\x61\xa8",
	       "[2001:db8::7]:51234");
static const struct header header_v2_unspec =
	HEADER(V2 "\x21\x00\x00\x04what", NULL);
static const struct header header_v2_local =
	HEADER(V2 "\x20\x00\x00\x00", NULL);

#endif
