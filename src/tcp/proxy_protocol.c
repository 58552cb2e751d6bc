#include "tcp/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

/* Numbers in brackets are sections of proxy-protocol.txt. */

#define V2_FIXED 16 /* signature, command, family, length */
#define V2_UNIX_LENGTH (2 * 108)
#define TLV_FIXED 3
#define TLV_CRC32C 0x03
#define CRC_LENGTH 4

#define WORD_SIZE INET6_ADDRSTRLEN

static const unsigned char signature[12] = {
	'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'
};

struct bytes {
	const unsigned char *at;
	size_t length;
};

static enum proxy_protocol_state
invalid(struct proxy_protocol_header *header, const char *reason)
{
	header->reason = reason;
	return PROXY_PROTOCOL_INVALID;
}

/* True if one is the beginning of the other. */
static bool
agrees(struct bytes bytes, const void *with, size_t length)
{
	return memcmp(bytes.at, with,
		      bytes.length < length ? bytes.length : length) == 0;
}

static struct bytes
skip(struct bytes bytes, size_t length)
{
	return (struct bytes){ bytes.at + length, bytes.length - length };
}

/* Version 1 [2.1] */

/*
 * Takes the next word of the line, but not the space after it.  False if it is
 * empty, longer than an address, or has unprintable characters.
 */
static bool
take_word(struct bytes *line, char word[WORD_SIZE])
{
	size_t length = 0;

	for (; length < line->length && line->at[length] != ' '; length++) {
		unsigned char c = line->at[length];

		if (length == WORD_SIZE - 1 || c < 0x21 || c > 0x7e)
			return false;
		word[length] = (char)c;
	}
	word[length] = '\0';
	*line = skip(*line, length);
	return length > 0;
}

static bool
take_space(struct bytes *line)
{
	if (line->length == 0 || *line->at != ' ')
		return false;
	*line = skip(*line, 1);
	return true;
}

/*
 * "Heading zeroes are not permitted": inet_pton(3) rejects them, too.  It
 * accepts ::ffff:192.0.2.7, which senders get from inet_ntop(3).
 */
static bool
take_host(struct bytes *line, struct address *address)
{
	bool six = address->sa.sa_family == AF_INET6;
	void *to = six ? (void *)&address->in6.sin6_addr :
			 (void *)&address->in.sin_addr;
	char word[WORD_SIZE];

	return take_word(line, word) &&
	       inet_pton(address->sa.sa_family, word, to) == 1;
}

static bool
take_port(struct bytes *line, struct address *address)
{
	char word[WORD_SIZE];
	unsigned port = 0;

	if (!take_word(line, word) || (word[0] == '0' && word[1]))
		return false;
	for (const char *c = word; *c; c++) {
		if (*c < '0' || *c > '9')
			return false;
		port = 10 * port + (unsigned)(*c - '0');
		if (port > UINT16_MAX)
			return false;
	}
	address_set_port(address, (uint16_t)port);
	return true;
}

static struct address
any_address(int family)
{
	struct address address = { 0 };

	address.sa.sa_family = (sa_family_t)family;
	address.length = family == AF_INET6 ? sizeof(address.in6) :
					      sizeof(address.in);
	return address;
}

/* address_from_sockaddr(): IPv4 rules must match an IPv4-mapped address. */
static void
set_addresses(struct proxy_protocol_header *header,
	      const struct address *source, const struct address *destination)
{
	header->proxied = true;
	header->source = address_from_sockaddr(&source->sa, source->length);
	header->destination =
		address_from_sockaddr(&destination->sa, destination->length);
}

/* "SOURCE DESTINATION PORT PORT" */
static enum proxy_protocol_state
parse_v1_addresses(struct bytes line, int family,
		   struct proxy_protocol_header *header)
{
	struct address source = any_address(family);
	struct address destination = any_address(family);

	if (!take_host(&line, &source) || !take_space(&line) ||
	    !take_host(&line, &destination) || !take_space(&line))
		return invalid(header, "bad address in the line");
	if (!take_port(&line, &source) || !take_space(&line) ||
	    !take_port(&line, &destination))
		return invalid(header, "bad port in the line");
	if (line.length > 0)
		return invalid(header, "the line goes on after its ports");
	set_addresses(header, &source, &destination);
	return PROXY_PROTOCOL_DONE;
}

/*
 * Finds the CR LF that ends the line; `end` is the length before it, or the
 * length so far.  False if the line cannot end properly any more.  `anything`:
 * a CR or LF alone can be in the line, and does not end it.
 */
static bool
find_end(struct bytes bytes, bool anything, size_t *end, bool *found)
{
	*found = false;
	for (*end = 0; *end < bytes.length; ++*end) {
		unsigned char c = bytes.at[*end];

		if (*end > PROXY_PROTOCOL_LINE_MAX - 2)
			return false;
		if (c == '\r' && *end + 1 < bytes.length &&
		    bytes.at[*end + 1] == '\n') {
			*found = true;
			return true;
		}
		if (c == '\n' && !anything)
			return false;
		if (c == '\r' && !anything && *end + 1 < bytes.length)
			return false;
	}
	return true;
}

/* How a line may begin, and the family of its addresses. */
static const struct beginning {
	const char *text;
	int family;
} beginnings[] = {
	{ "PROXY TCP4 ", AF_INET },
	{ "PROXY TCP6 ", AF_INET6 },
	{ "PROXY UNKNOWN ", AF_UNSPEC },
	{ "PROXY UNKNOWN\r", AF_UNSPEC },
};

/* The beginning that agrees with `bytes`, or NULL. */
static const struct beginning *
find_beginning(struct bytes bytes)
{
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (agrees(bytes, beginnings[i].text,
			   strlen(beginnings[i].text)))
			return &beginnings[i];
	return NULL;
}

static enum proxy_protocol_state
parse_v1(struct bytes bytes, struct proxy_protocol_header *header)
{
	const struct beginning *beginning = find_beginning(bytes);
	struct bytes line = bytes;
	bool found;

	if (!beginning)
		return invalid(header, "neither TCP4, TCP6 nor UNKNOWN");
	if (!find_end(bytes, beginning->family == AF_UNSPEC, &line.length,
		      &found))
		return invalid(header, "no CR LF where the line should end");
	if (!found)
		return PROXY_PROTOCOL_MORE;

	header->length = line.length + 2;
	if (beginning->family == AF_UNSPEC)
		return PROXY_PROTOCOL_DONE;
	return parse_v1_addresses(skip(line, strlen(beginning->text)),
				  beginning->family, header);
}

/* Version 2 [2.2] */

static unsigned
big_endian_16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* RFC 4960, appendix B: reflected, polynomial 0x1edc6f41. */
static uint32_t
crc32c(uint32_t crc, struct bytes bytes)
{
	for (size_t i = 0; i < bytes.length; i++) {
		crc ^= bytes.at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

/* The sum is over the whole header, with zeros in its own place [2.2.3]. */
static bool
crc_matches(struct bytes whole, const unsigned char *sum)
{
	static const unsigned char zeros[CRC_LENGTH];
	size_t before = (size_t)(sum - whole.at);
	uint32_t crc = ~UINT32_C(0);

	crc = crc32c(crc, (struct bytes){ whole.at, before });
	crc = crc32c(crc, (struct bytes){ zeros, CRC_LENGTH });
	crc = ~crc32c(crc, skip(whole, before + CRC_LENGTH));
	return crc ==
	       ((uint32_t)big_endian_16(sum) << 16 | big_endian_16(sum + 2));
}

static enum proxy_protocol_state
check_tlvs(struct bytes whole, size_t at, struct proxy_protocol_header *header)
{
	struct bytes rest = skip(whole, at);
	const unsigned char *sum = NULL;

	while (rest.length > 0) {
		if (rest.length < TLV_FIXED)
			return invalid(header, "a TLV is cut off");

		unsigned type = rest.at[0];
		size_t length = big_endian_16(rest.at + 1);
		rest = skip(rest, TLV_FIXED);
		if (length > rest.length)
			return invalid(header, "a TLV is longer than the rest");
		if (type == TLV_CRC32C) {
			if (length != CRC_LENGTH || sum)
				return invalid(header, "bad CRC32C TLV");
			sum = rest.at;
		}
		rest = skip(rest, length);
	}
	if (sum && !crc_matches(whole, sum))
		return invalid(header, "the CRC32C is wrong");
	return PROXY_PROTOCOL_DONE;
}

static void
read_in(const unsigned char *at, struct proxy_protocol_header *header)
{
	struct address source = any_address(AF_INET);
	struct address destination = source;

	memcpy(&source.in.sin_addr, at, 4);
	memcpy(&destination.in.sin_addr, at + 4, 4);
	memcpy(&source.in.sin_port, at + 8, 2);
	memcpy(&destination.in.sin_port, at + 10, 2);
	set_addresses(header, &source, &destination);
}

static void
read_in6(const unsigned char *at, struct proxy_protocol_header *header)
{
	struct address source = any_address(AF_INET6);
	struct address destination = source;

	memcpy(&source.in6.sin6_addr, at, 16);
	memcpy(&destination.in6.sin6_addr, at + 16, 16);
	memcpy(&source.in6.sin6_port, at + 32, 2);
	memcpy(&destination.in6.sin6_port, at + 34, 2);
	set_addresses(header, &source, &destination);
}

/* Address families, and the lengths of their address blocks. */
enum { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILIES };
enum { PROTOCOL_UNSPEC, PROTOCOL_STREAM, PROTOCOL_DGRAM, PROTOCOLS };
static const size_t block_length[FAMILIES] = {
	[FAMILY_INET] = 2 * 4 + 2 * 2,
	[FAMILY_INET6] = 2 * 16 + 2 * 2,
	[FAMILY_UNIX] = V2_UNIX_LENGTH,
};

/* A complete header of the command PROXY. */
static enum proxy_protocol_state
parse_v2_block(struct bytes whole, struct proxy_protocol_header *header)
{
	unsigned family = whole.at[13] >> 4;
	unsigned protocol = whole.at[13] & 0x0f;
	const unsigned char *block = whole.at + V2_FIXED;

	/* The length of the addresses is unknown, and so is the first TLV. */
	if (family == FAMILY_UNSPEC || protocol == PROTOCOL_UNSPEC)
		return PROXY_PROTOCOL_DONE;
	if (whole.length < V2_FIXED + block_length[family])
		return invalid(header, "too short for its addresses");
	if (family == FAMILY_INET)
		read_in(block, header);
	else if (family == FAMILY_INET6)
		read_in6(block, header);
	/* Else AF_UNIX: the connection's own addresses are used. */
	return check_tlvs(whole, V2_FIXED + block_length[family], header);
}

static enum proxy_protocol_state
parse_v2(struct bytes bytes, struct proxy_protocol_header *header)
{
	unsigned command;

	if (bytes.length <= 12)
		return PROXY_PROTOCOL_MORE;
	if (bytes.at[12] >> 4 != 2)
		return invalid(header, "unknown version");
	command = bytes.at[12] & 0x0f;
	if (command > 1)
		return invalid(header, "unknown command");
	/* With LOCAL "the family [...] is ignored". */
	if (bytes.length > 13 && command == 1 &&
	    (bytes.at[13] >> 4 >= FAMILIES ||
	     (bytes.at[13] & 0x0f) >= PROTOCOLS))
		return invalid(header, "unknown family or protocol");
	if (bytes.length < V2_FIXED)
		return PROXY_PROTOCOL_MORE;

	header->length = V2_FIXED + big_endian_16(bytes.at + 14);
	if (header->length > PROXY_PROTOCOL_MAX)
		return invalid(header, "longer than 4096 bytes");
	if (bytes.length < header->length)
		return PROXY_PROTOCOL_MORE;
	bytes.length = header->length;
	header->local = command == 0;
	return header->local ? PROXY_PROTOCOL_DONE :
			       parse_v2_block(bytes, header);
}

enum proxy_protocol_state
proxy_protocol_parse(const void *data, size_t length,
		     struct proxy_protocol_header *header)
{
	struct bytes bytes = { data, length };

	*header = (struct proxy_protocol_header){ 0 };
	if (length == 0)
		return PROXY_PROTOCOL_MORE;
	if (agrees(bytes, "PROXY ", 6))
		return parse_v1(bytes, header);
	if (agrees(bytes, signature, sizeof(signature)))
		return parse_v2(bytes, header);
	return invalid(header, "not a PROXY header");
}
