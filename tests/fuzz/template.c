#include "echo/template.h"

#include <string.h>

#include "fuzz.h"

static const char *
environment(void *owner, const char *name)
{
	(void)owner;
	return *name == 'X' ? NULL : "value";
}

/* Values from a peer can have any bytes; the expansion is printable. */
static void
expand(const struct template *template, const char *text)
{
	const struct template_values values = {
		.peer = "[2001:db8::7]:51234",
		.conn = "18446744073709551615",
		.ttl = "255",
		.dscp = "63",
		.ecn = "not-ect",
		.time = "2026-11-28T01:02:03.456Z",
		.tls_sni = text,
		.tls_cn = text,
	};
	char *out = malloc(TEMPLATE_MAX);
	size_t length = template_expand(template, &values, out);
	size_t constant_length;
	const char *constant = template_constant(template, &constant_length);

	FUZZ_EXPECT(length <= TEMPLATE_MAX);
	if (constant) {
		FUZZ_EXPECT(length == constant_length);
		FUZZ_EXPECT(memcmp(out, constant, length) == 0);
	}
	free(out);
}

/* An accepted template expands to at most TEMPLATE_MAX bytes. */
void
fuzz_template(const uint8_t *data, size_t size)
{
	static const struct template_params params = {
		.host = "host.example",
		.listener = "main",
		.environment = environment,
		.tls = true,
	};
	char *text = fuzz_text(data, size);
	char reason[TEMPLATE_REASON_SIZE];
	struct template *template;

	if (!template_check(text, reason, sizeof(reason)) &&
	    !template_compile(text, &params, &template, reason,
			      sizeof(reason))) {
		FUZZ_EXPECT(template);
		expand(template, text);
		template_free(template);
	}
	free(text);
}
