/*
 * probe_option_table: what each option of echoprobe's command line is called,
 * and what its value is.  Constant data.
 */
#ifndef ECHOD_PROBE_PROBE_OPTION_TABLE_H
#define ECHOD_PROBE_PROBE_OPTION_TABLE_H

#include <stddef.h>

enum probe_option {
	OPTION_CONNECTIONS,
	OPTION_COUNT,
	OPTION_DURATION,
	OPTION_UNTIL_SIGNAL,
	OPTION_EVERY,
	OPTION_RATE,
	OPTION_PAUSE,
	OPTION_SIZE,
	OPTION_STREAM,
	OPTION_RECONNECT,
	OPTION_HALF_CLOSE,
	OPTION_BURST,
	OPTION_GSO,
	OPTION_TIMEOUT,
	OPTION_FAIL_FAST,
	OPTION_STEP,
	OPTION_PREFIX,
	OPTION_CHUNK_SIZE,
	OPTION_LINES,
	OPTION_BACKEND,
	OPTION_IPV4,
	OPTION_IPV6,
	OPTION_EACH_ADDRESS,
	OPTION_SOURCE,
	OPTION_SOURCE_PORT,
	OPTION_DSCP,
	OPTION_TTL,
	OPTION_NO_FRAGMENT,
	OPTION_PROXY_FROM,
	OPTION_PROXY_VERSION,
	OPTION_CA,
	OPTION_SERVER_NAME,
	OPTION_ALPN,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_INSECURE,
	OPTION_EXPIRY,
	OPTION_JSON,
	OPTION_PROMETHEUS,
	OPTION_SVG,
	OPTION_QUIET,
	OPTION_VERSION,
	OPTION_HELP,
	OPTIONS, /* how many there are */
};

enum probe_option_type {
	OPTION_IS_FLAG,	   /* no value; a bool */
	OPTION_IS_WHOLE,   /* a number without a fraction; an integer */
	OPTION_IS_DECIMAL, /* a number; a double */
	OPTION_IS_TEXT,	   /* anything that is not empty; a const char * */
	OPTION_IS_OTHER,   /* a value that the parser has a function for */
};

struct probe_option_row {
	char letter; /* 0: none */
	const char *name;
	enum probe_option_type type;
	/* The member of struct probe_options; size 0: none. */
	size_t offset, size;
	double least, most; /* of a number */
};

extern const struct probe_option_row probe_option_table[OPTIONS];

#endif
