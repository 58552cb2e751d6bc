#include "addr/acl.h"

#include <string.h>

#include "fuzz.h"

/* An accepted rule is formatted as text that parses as an equal rule. */
void
fuzz_acl(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct acl_rule rule, again;
	char reason[320], once[ACL_TEXT_SIZE], twice[ACL_TEXT_SIZE];

	if (!acl_parse(text, &rule, reason, sizeof(reason))) {
		acl_format(&rule, once);
		FUZZ_EXPECT(!acl_parse(once, &again, reason, sizeof(reason)));
		FUZZ_EXPECT(strcmp(acl_format(&again, twice), once) == 0);
		FUZZ_EXPECT(rule.family == again.family);
		FUZZ_EXPECT(rule.length == again.length);
	}
	free(text);
}
