#include "place.h"

#include <string.h>

#include "fuzz.h"

/* What is accepted is written so that it reads as the same. */
void
fuzz_place(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct place place, again;
	char reason[192], once[PLACE_TEXT_SIZE];

	if (!place_parse(text, &place, reason, sizeof(reason))) {
		place_format(&place, once);
		FUZZ_EXPECT(!place_parse(once, &again, reason, sizeof(reason)));
		FUZZ_EXPECT(place_equal(&place, &again));
	}
	free(text);
}
