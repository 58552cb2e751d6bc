#include "proxy.h"

#include <string.h>

#include "support/proxy_headers.h"

static const struct header *const old_headers[] = {
	&header_v1,
	&header_v1_six,
	&header_v1_unknown,
};

static const struct header *const new_headers[] = {
	&header_v2,	   &header_v2_crc,   &header_v2_six,
	&header_v2_unspec, &header_v2_local,
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

size_t
proxy_header(struct random *random, bool old, char bytes[PROXY_HEADER_SIZE])
{
	const struct header *header =
		old ? old_headers[random_below(random, COUNT(old_headers))] :
		      new_headers[random_below(random, COUNT(new_headers))];

	memcpy(bytes, header->bytes, header->length);
	return header->length;
}
