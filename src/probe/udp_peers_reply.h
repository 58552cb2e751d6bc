/*
 * udp_peers_reply: receives replies in batches, and counts what they are.
 */
#ifndef ECHOD_PROBE_UDP_PEERS_REPLY_H
#define ECHOD_PROBE_UDP_PEERS_REPLY_H

#include "probe/udp_peers_private.h"

void udp_peers_prepare_receive(struct udp_peers *peers);

/* Receives one batch. */
void udp_port_receive(struct udp_port *port);

#endif
