#include "addr/listen_address.h"

#include <string.h>

#include "fuzz.h"

/* An accepted address is formatted as text that parses as an equal one. */
void
fuzz_listen_address(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct listen_address listen_address, again;
	char reason[192], once[LISTEN_ADDRESS_TEXT_SIZE];

	if (!listen_address_parse(text, &listen_address, reason,
				  sizeof(reason))) {
		listen_address_format(&listen_address, once);
		FUZZ_EXPECT(!listen_address_parse(once, &again, reason,
						  sizeof(reason)));
		FUZZ_EXPECT(listen_address_equal(&listen_address, &again));
	}
	free(text);
}
