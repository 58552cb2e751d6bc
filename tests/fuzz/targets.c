#include <string.h>

#include "fuzz.h"

const struct fuzz_target fuzz_targets[] = {
	{ "acl", fuzz_acl },		     /* allow = "TEXT" */
	{ "config", fuzz_config },	     /* a whole file */
	{ "environment", fuzz_environment }, /* of a service manager */
	{ "frame", fuzz_frame },	     /* how a stream is cut */
	{ "http", fuzz_http },		     /* requests of the status port */
	{ "listen_address", fuzz_listen_address }, /* listen = "TEXT" */
	{ "probe", fuzz_probe }, /* what servers send to echoprobe */
	{ "proxy_protocol",
	  fuzz_proxy_protocol },       /* the head of a connection */
	{ "reloads", fuzz_reloads },   /* one after the other */
	{ "session", fuzz_session },   /* what peers and kernel do */
	{ "template", fuzz_template }, /* prefix = "TEXT" */
#ifdef HAVE_TLS
	{ "tls", fuzz_tls }, /* records from the first to the last */
#endif
	{ NULL, NULL },
};

/* libconfig 1.5 loses a string at which a syntax error is found. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

/* Memory that is new each time costs more than the targets do. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

const struct fuzz_target *
fuzz_find(const char *name)
{
	const struct fuzz_target *target = fuzz_targets;

	while (target->name && strcmp(target->name, name) != 0)
		target++;
	return target->name ? target : NULL;
}

char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}
