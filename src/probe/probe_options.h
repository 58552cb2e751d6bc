/*
 * probe_options: the options of echoprobe's command line; echoprobe(1) explains
 * them.
 */
#ifndef ECHOD_PROBE_PROBE_OPTIONS_H
#define ECHOD_PROBE_PROBE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "probe/payload.h"
#include "probe/target.h"
#include "probe/verifier.h"

/* Messages of each connection without -n, -d and --until-signal. */
#define PROBE_DEFAULT_COUNT 5

#define PROBE_OPTIONS_REASON_SIZE 320

enum probe_action {
	PROBE_RUN,
	PROBE_HELP,
	PROBE_VERSION,
};

struct probe_tls_options {
	const char *ca;		 /* --ca; NULL: those of the system */
	const char *server_name; /* --server-name; NULL: the host */
	const char *alpn;	 /* --alpn, names with commas; NULL: none */
	const char *certificate; /* --cert; NULL: none */
	const char *key;	 /* --key; NULL: in the file of --cert */
	bool insecure;		 /* --insecure: verifies nothing */
	/* --expiry: a certificate that expires sooner is bad; 0: not checked */
	double expiry_days;
};

struct probe_socket_options {
	int family; /* -4, -6; AF_UNSPEC */
	/* --source: addresses that connections and peers take in turns */
	struct target_address *sources; /* owned */
	size_t source_count;
	uint16_t source_port; /* --source-port; 0: any */
	int dscp;	      /* --dscp, 0 to 63; -1: the system's */
	int ttl;	      /* --ttl, 1 to 255; -1: the system's */
	bool no_fragment;     /* --no-fragment */
	/* --proxy-from=ADDRESS[:PORT]; NULL: no header */
	const char *proxy_from;
	int proxy_version; /* --proxy-version, 1 or 2 */
};

struct probe_options {
	enum probe_action action;
	char **urls; /* those of `argv` */
	size_t url_count;
	bool each_address;

	/* The load.  All numbers are for each target. */
	unsigned peers; /* -c: connections, or UDP peers */
	uint64_t count; /* -n: messages, spread evenly over the peers; 0: any */
	double seconds; /* -d; 0: no limit */
	/*
	 * --rate, or --every as messages a second of all peers; 0: the next
	 * message follows when the last one has ended (--rate=max)
	 */
	double rate;
	/* --pause: seconds between two messages of a stream, on average; 0 */
	double pause;
	bool rate_given; /* without it, UDP sends one a second and peer */
	bool stream;	 /* --stream */
	bool reconnect;	 /* --reconnect, --half-close */
	bool half_close;
	unsigned burst; /* --burst: UDP, datagrams at a time; 1 */
	bool gso;	/* --gso */
	double timeout; /* -t, seconds */
	bool fail_fast; /* --fail-fast */
	bool step;	/* --step */

	struct message_sizes sizes; /* -s */
	bool lines;		    /* --lines */
	struct framing framing;	    /* -p, -k, --lines */
	const char *backend;	    /* --backend; NULL */

	struct probe_socket_options socket;
	struct probe_tls_options tls;

	bool quiet;		/* -q */
	bool json;		/* --json */
	const char *prometheus; /* --prometheus; NULL */
	const char *svg;	/* --svg; NULL */

	/* What probe_options_parse() returns, if it is not a constant. */
	char reason[PROBE_OPTIONS_REASON_SIZE];
};

/*
 * Fills `options`, which must be zeroed; its strings are those of `argv`.
 * Returns NULL, or the reason why something is wrong, with the name of the
 * option; "" if the reason is on standard error already.  The reason is valid
 * as long as `options`.  Options after --version or --help are not read.  In
 * each case probe_options_free() must follow.
 */
const char *probe_options_parse(struct probe_options *options, int argc,
				char **argv);
void probe_options_free(struct probe_options *options);

void probe_options_print_usage(FILE *out);

#endif
