/*
 * template: the prefix as it is written, with %{NAME} for what differs from
 * host to host or from client to client.  Pure: text and values in, bytes out.
 *
 * Every byte stands for itself except %{NAME}; a '%' without a brace is a '%'.
 *
 * A template is compiled once.  %{host}, %{listener} and %{env:NAME} are known
 * by then and replaced; where no other name is in it, it is constant and never
 * expanded again.
 */
#ifndef ECHOD_ECHO_TEMPLATE_H
#define ECHOD_ECHO_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

/* What an expansion may have at most, in bytes. */
#define TEMPLATE_MAX 1024

/* Of these, what an address, and a text from a peer, may have. */
#define TEMPLATE_ADDRESS_MAX 127
#define TEMPLATE_TEXT_MAX 255

/* What is known when a template is compiled. */
struct template_params {
	const char *host;     /* %{host} */
	const char *listener; /* %{listener} */
	/* %{env:NAME}: NULL where it is not set. */
	const char *(*environment)(const char *name);
	bool tls; /* false: %{tls.*} are errors */
};

/* What is known of one client; NULL is nothing. */
struct template_values {
	const char *peer;	 /* %{peer} */
	const char *local;	 /* %{local} */
	const char *conn;	 /* %{conn} */
	const char *tls_version; /* %{tls.version} */
	const char *tls_sni;	 /* %{tls.sni} */
	const char *tls_cn;	 /* %{tls.cn} */
};

struct template;

/* Enough for any reason below. */
#define TEMPLATE_REASON_SIZE 256

/*
 * NULL where `text` is a template, or the reason why not, written to `reason`
 * of `size` bytes.
 */
const char *template_check(const char *text, char *reason, size_t size);

/*
 * Compiles what template_check() takes.  NULL, or the reason why it cannot
 * serve under these terms: a name that has no value, or that TEMPLATE_MAX would
 * not do for the longest values.  `*template` is then NULL, as it is, without
 * a reason, where memory is out.
 */
const char *template_compile(const char *text,
			     const struct template_params *params,
			     struct template **template, char *reason,
			     size_t size);
void template_free(struct template *template); /* NULL is fine */

/* Whether both expand to the same, whatever the values. */
bool template_equal(const struct template *a, const struct template *b);

/* What every expansion is, or NULL where they differ. */
const char *template_constant(const struct template *template, size_t *length);

/*
 * Whether that value is needed: template_uses(t, offsetof(struct
 * template_values, peer)).
 */
bool template_uses(const struct template *template, size_t offset);

/*
 * Returns the length of the expansion.  Of the values, all bytes but printable
 * ASCII, and the backslash, become \xNN; one that is longer than it may be is
 * cut, and ends with "...".
 */
size_t template_expand(const struct template *template,
		       const struct template_values *values,
		       char out[TEMPLATE_MAX]);

#endif
