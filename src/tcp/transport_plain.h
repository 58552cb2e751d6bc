/*
 * transport_plain: the transport that reads and writes the socket itself, with
 * the bulk queue and pauses for bulk; and the stream without TLS.
 */
#ifndef ECHOD_TCP_TRANSPORT_PLAIN_H
#define ECHOD_TCP_TRANSPORT_PLAIN_H

struct bulk_queue_entry;

extern const struct transport_kind transport_plain;
extern const struct transport_stream transport_plain_stream;

/* For the bulk queue: the session of the entry has its turn. */
void transport_plain_on_turn(struct bulk_queue_entry *entry);

#endif
