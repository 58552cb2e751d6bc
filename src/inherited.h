/*
 * inherited: sockets that the service manager has bound and handed over, as
 * sd_listen_fds(3) has it, each known by what it is bound to.
 *
 * They stay open as long as this does: who serves one has duplicates of it, so
 * that an address which a reload drops can be had again by another, and what
 * queues up at the end is left to the process that comes next.
 */
#ifndef ECHOD_INHERITED_H
#define ECHOD_INHERITED_H

struct config;
struct error_list;
struct inherited;
struct place;

/*
 * Takes the sockets that the environment speaks of, and what it says, which is
 * for this process alone: before there are threads, and before anything is
 * opened, which could get the number of one that is missing.  NULL where one of
 * them is of no use: the reason is added to `errors`.
 */
struct inherited *inherited_take(struct error_list *errors);

/*
 * Closes every descriptor above 2 but those, so that no file or socket of the
 * parent stays open as long as the daemon runs (daemon(7)).  Before
 * inherited_take(), and before the process opens anything to keep.
 */
void inherited_close_others(void);

/* The same of `count` descriptors from `first` on, which are then owned. */
struct inherited *inherited_new(int first, unsigned count,
				struct error_list *errors);
void inherited_free(struct inherited *inherited); /* NULL is fine */

/*
 * The descriptor that is bound to this place, which is borrowed, or -1.  One of
 * `*` is that of a socket for IPv6 which takes IPv4 as well.
 */
int inherited_find(const struct inherited *inherited,
		   const struct place *place);

/* Adds an error for each socket that no listener of `config` asks for. */
void inherited_check(const struct inherited *inherited,
		     const struct config *config, struct error_list *errors);

#endif
