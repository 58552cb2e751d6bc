/*
 * udp_peers_error: reads ICMP errors from the error queue (ip(7), IP_RECVERR).
 */
#ifndef ECHOD_PROBE_UDP_PEERS_ERROR_H
#define ECHOD_PROBE_UDP_PEERS_ERROR_H

#include <stdint.h>

#include "probe/udp_peers_private.h"

/*
 * Reads the error queue.  An error that quotes too little to tell its datagram
 * ends the oldest one that was sent at `before` or earlier.
 */
void udp_port_read_errors(struct udp_port *port, int64_t before);

/* REFUSED, UNREACHABLE, TOO_LARGE; or LOCAL. */
enum outcome udp_outcome_of(int error);

#endif
