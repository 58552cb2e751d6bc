/*
 * transport_buffered: the transports that read through the bufferevent: TLS, and
 * delayed ones without and with TLS.
 */
#ifndef ECHOD_TCP_TRANSPORT_BUFFERED_H
#define ECHOD_TCP_TRANSPORT_BUFFERED_H

extern const struct transport_kind transport_tls;
extern const struct transport_kind transport_delayed;
extern const struct transport_kind transport_delayed_tls;

#endif
