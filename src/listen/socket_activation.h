/*
 * socket_activation: the sockets that the service manager has opened and passed
 * to echod (sd_listen_fds(3)), found by their addresses.
 *
 * They stay open until socket_activation_free(); an endpoint has duplicates.
 * So a reload can drop an address, and a later reload can use it again.
 * Connections queued at the end are left to the next process.
 *
 * Control thread only.
 */
#ifndef ECHOD_LISTEN_SOCKET_ACTIVATION_H
#define ECHOD_LISTEN_SOCKET_ACTIVATION_H

struct config;
struct error_list;
struct socket_activation;
struct listen_address;

/*
 * Takes the sockets that the environment names, and removes its variables.
 * Without such sockets the result is empty, not NULL.  NULL, with an error
 * added, if a socket cannot be used or memory is out; all are closed.
 *
 * Must be called before there are threads, and before any file is opened: a
 * file could get the number of a missing descriptor.
 */
struct socket_activation *socket_activation_take(struct error_list *errors);

/*
 * Closes all descriptors above 2 except those sockets, so that no file of the
 * parent stays open (daemon(7)).  Must be called before
 * socket_activation_take().
 */
void socket_activation_close_others(void);

/* Takes `count` descriptors from `first` on; otherwise the same. */
struct socket_activation *socket_activation_new(int first, unsigned count,
						struct error_list *errors);
void
socket_activation_free(struct socket_activation *activation); /* NULL is fine */

/*
 * Returns the descriptor of the socket bound to this address, borrowed, or -1.
 * `*` finds a socket for IPv6 that accepts IPv4 as well.  `activation` can be
 * NULL.
 */
int socket_activation_find(const struct socket_activation *activation,
			   const struct listen_address *listen_address);

/* Adds an error for each socket that no listener of `config` uses. */
void socket_activation_check(const struct socket_activation *activation,
			     const struct config *config,
			     struct error_list *errors);

#endif
