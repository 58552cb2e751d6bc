/*
 * socket_activation: the sockets that the service manager has opened and passed
 * to echod (sd_listen_fds(3)), found by their addresses.
 *
 * They stay open until socket_activation_free(); an endpoint has duplicates.
 * So a reload can drop an address and a later one can use it again, and
 * connections that are queued at the end are left to the next process.
 */
#ifndef ECHOD_LISTEN_SOCKET_ACTIVATION_H
#define ECHOD_LISTEN_SOCKET_ACTIVATION_H

struct config;
struct error_list;
struct socket_activation;
struct listen_address;

/*
 * Takes the sockets that the environment names, and removes its variables.  To
 * be called before there are threads, and before any file is opened: that could
 * get the number of a missing descriptor.  NULL if a socket cannot be used: the
 * reason is added to `errors`.
 */
struct socket_activation *socket_activation_take(struct error_list *errors);

/*
 * Closes all descriptors above 2 except those sockets, so that no file of the
 * parent stays open (daemon(7)).  To be called before socket_activation_take().
 */
void socket_activation_close_others(void);

/* Takes `count` descriptors from `first` on; otherwise the same. */
struct socket_activation *socket_activation_new(int first, unsigned count,
						struct error_list *errors);
void
socket_activation_free(struct socket_activation *activation); /* NULL is fine */

/*
 * Returns the descriptor of the socket bound to this address, borrowed, or -1.
 * `*` finds a socket for IPv6 that accepts IPv4 as well.
 */
int socket_activation_find(const struct socket_activation *activation,
			   const struct listen_address *listen_address);

/* Adds an error for each socket that no listener of `config` uses. */
void socket_activation_check(const struct socket_activation *activation,
			     const struct config *config,
			     struct error_list *errors);

#endif
