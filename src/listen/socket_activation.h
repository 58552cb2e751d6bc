/*
 * socket_activation: sockets that the service manager has bound and handed over, as
 * sd_listen_fds(3) has it, each known by what it is bound to.
 *
 * They stay open as long as this does: who serves one has duplicates of it, so
 * that an address which a reload drops can be had again by another, and what
 * queues up at the end is left to the process that comes next.
 */
#ifndef ECHOD_LISTEN_SOCKET_ACTIVATION_H
#define ECHOD_LISTEN_SOCKET_ACTIVATION_H

struct config;
struct error_list;
struct socket_activation;
struct listen_address;

/*
 * Takes the sockets that the environment speaks of, and what it says, which is
 * for this process alone: before there are threads, and before anything is
 * opened, which could get the number of one that is missing.  NULL where one of
 * them is of no use: the reason is added to `errors`.
 */
struct socket_activation *socket_activation_take(struct error_list *errors);

/*
 * Closes every descriptor above 2 but those, so that no file or socket of the
 * parent stays open as long as the daemon runs (daemon(7)).  Before
 * socket_activation_take(), and before the process opens anything to keep.
 */
void socket_activation_close_others(void);

/* The same of `count` descriptors from `first` on, which are then owned. */
struct socket_activation *socket_activation_new(int first, unsigned count,
						struct error_list *errors);
void
socket_activation_free(struct socket_activation *activation); /* NULL is fine */

/*
 * The descriptor that is bound to this place, which is borrowed, or -1.  One of
 * `*` is that of a socket for IPv6 which takes IPv4 as well.
 */
int socket_activation_find(const struct socket_activation *activation,
			   const struct listen_address *listen_address);

/* Adds an error for each socket that no listener of `config` asks for. */
void socket_activation_check(const struct socket_activation *activation,
			     const struct config *config,
			     struct error_list *errors);

#endif
