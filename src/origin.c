#include "origin.h"

#include <stddef.h>
#include <unistd.h>

#include "admit.h"
#include "config.h"
#include "prefix.h"
#include "tlslink.h"

void
origin_leave(const struct origin *origin)
{
	gate_leave(origin->gate, &origin->peer, origin->per_source);
}

void
origin_refuse(const struct origin *origin)
{
	tlslink_free(origin->tls);
	close(origin->fd);
	origin_leave(origin);
}

struct report_subject
origin_subject(const struct origin *origin)
{
	return (struct report_subject){
		.peer = &origin->peer,
		.via = origin->via.length > 0 ? &origin->via : NULL,
		.tls = origin->tls ? tlslink_version(origin->tls) : NULL,
		.listener = origin->listener->name,
		.id = origin->id,
		.quiet = origin->quiet,
	};
}

const struct fault_terms *
origin_fault(const struct origin *origin)
{
	const struct fault_terms *terms = &origin->listener->fault;

	return fault_is_set(terms) &&
			       fault_hits(terms, gate_number(origin->gate)) ?
		       terms :
		       NULL;
}

static const char *
or_none(const char *name)
{
	return *name ? name : "-";
}

/* What is told of the peer by a prefix has to be known by then. */
const struct frame *
origin_frame(const struct origin *origin)
{
	const struct ssl_st *tls = origin->tls;
	char cn[TLSLINK_NAME_SIZE];
	const struct prefix_subject subject = {
		.fd = origin->fd,
		.peer = &origin->peer,
		.local = origin->via.length > 0 ? &origin->local : NULL,
		.number = origin->id,
		.tls_version = tls ? tlslink_version(tls) : NULL,
		.tls_sni = tls ? or_none(tlslink_sni(tls)) : NULL,
		.tls_cn = tls ? or_none(tlslink_cn(tls, cn)) : NULL,
	};

	return prefix_frame(origin->listener, &subject);
}
