/*
 * origin: an accepted connection on its way to a session: who it is, and what is
 * held for it.  Whoever has one owns its descriptor, its link and its place at
 * the gate, and hands them on with it; the settings are borrowed.
 */
#ifndef ECHOD_ORIGIN_H
#define ECHOD_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "report.h"

struct config_listener;
struct fault_terms;
struct frame;
struct gate;
struct ssl_st;

struct origin {
	int fd;
	struct ssl_st *tls; /* an open link, tlslink.h; NULL: none */
	uint64_t id;
	struct address peer;
	struct address via;   /* its proxy; length 0: it has none */
	struct address local; /* where it came to, as that proxy says */
	struct gate *gate;    /* entered, with this limit */
	unsigned per_source;
	const struct config_listener *listener;
	bool quiet; /* of no interest in the log: a health check */
};

/* Gives back all that it holds, where there is to be no session. */
void origin_refuse(const struct origin *origin);

/* The place at the gate alone. */
void origin_leave(const struct origin *origin);

/* Whom a line in the log is about; it borrows from the origin. */
struct report_subject origin_subject(const struct origin *origin);

/*
 * How it is to misbehave, NULL: not at all.  Those who come are counted for that,
 * so that each is to be asked about once.
 */
const struct fault_terms *origin_fault(const struct origin *origin);

/* What goes before its echo, as prefix_frame(): NULL where memory is out. */
const struct frame *origin_frame(const struct origin *origin);

#endif
