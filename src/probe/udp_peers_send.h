/*
 * udp_peers_send: sends the datagrams that are due, in batches.
 */
#ifndef ECHOD_PROBE_UDP_PEERS_SEND_H
#define ECHOD_PROBE_UDP_PEERS_SEND_H

#include "probe/udp_peers_private.h"

void udp_peers_prepare_send(struct udp_peers *peers);

/* Sends what is due, as far as the socket accepts it. */
void udp_port_send(struct udp_port *port);

#endif
