/*
 * template: a prefix with variables, %{NAME}, for values that depend on the
 * host or the client.  Pure: takes text and values, writes bytes.
 *
 * All text except %{NAME} is literal; so is a '%' without a brace.  The text
 * and the values contain no NUL.
 *
 * A template is compiled once, and %{host}, %{listener} and %{env:NAME} are
 * replaced then.  Without other variables it is constant and need not be
 * expanded.  Compiled templates are immutable.
 */
#ifndef ECHOD_ECHO_TEMPLATE_H
#define ECHOD_ECHO_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

/* The largest expansion, in bytes. */
#define TEMPLATE_MAX 1024

/* Bytes of an address, and of a text from a peer, in an expansion at most. */
#define TEMPLATE_ADDRESS_MAX 127
#define TEMPLATE_TEXT_MAX 255

/* Bytes of %{time}: 2026-11-28T01:02:03.456Z. */
#define TEMPLATE_TIME_LENGTH 24

/* The values that a template is compiled with. */
struct template_params {
	const char *host;     /* %{host} */
	const char *listener; /* %{listener} */
	/* %{env:NAME}; NULL if the variable is not set */
	const char *(*environment)(void *owner, const char *name);
	void *owner;
	bool tls; /* false: %{tls.*} are errors */
};

/* The values of one client or datagram; NULL: empty. */
struct template_values {
	const char *peer;  /* %{peer} */
	const char *local; /* %{local} */
	const char *conn;  /* %{conn} */
	const char *ttl;   /* %{ttl} */
	const char *dscp;  /* %{dscp} */
	const char *ecn;   /* %{ecn} */
	/* %{time}; NULL: TEMPLATE_TIME_LENGTH NULs, to be filled in later */
	const char *time;
	const char *tls_version; /* %{tls.version} */
	const char *tls_sni;	 /* %{tls.sni} */
	const char *tls_cn;	 /* %{tls.cn} */
};

struct template;

/* Holds any reason below. */
#define TEMPLATE_REASON_SIZE 288

/*
 * Returns NULL if `text` is a valid template, or else the reason, which is
 * `reason` (of `size` bytes).
 */
const char *template_check(const char *text, char *reason, size_t size);

/*
 * Compiles a template, which the caller frees.
 *
 * Returns NULL and sets `*template`.  If memory is out, both are NULL.  Any
 * other failure returns `reason`, and `*template` is NULL: template_check()
 * fails, a variable has no value, or the longest values would exceed
 * TEMPLATE_MAX.
 */
const char *template_compile(const char *text,
			     const struct template_params *params,
			     struct template **template, char *reason,
			     size_t size);
void template_free(struct template *template); /* NULL is allowed */

/* True if both expand to the same bytes for all values. */
bool template_equal(const struct template *a, const struct template *b);

/* The expansion of a constant template, borrowed; NULL if it has variables. */
const char *template_constant(const struct template *template, size_t *length);

/*
 * True if the template has the variable with that offset in template_values:
 * template_uses(t, offsetof(struct template_values, peer)).
 */
bool template_uses(const struct template *template, size_t offset);

/*
 * Writes the expansion; returns its length.  In values, a backslash and each
 * byte that is not printable ASCII become \xNN.  A value over its limit is cut
 * and ends with "...".
 */
size_t template_expand(const struct template *template,
		       const struct template_values *values,
		       char out[TEMPLATE_MAX]);

#endif
