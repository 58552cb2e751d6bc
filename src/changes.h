/*
 * changes: a new snapshot beside the one in use.  Listeners with equal settings
 * share them, and TLS contexts that are made of the same files and rules are
 * shared too.  The listeners that differ are told in the log.
 *
 * Control thread only.
 */
#ifndef ECHOD_CHANGES_H
#define ECHOD_CHANGES_H

struct config;

/*
 * Replaces settings and TLS contexts in `config` by the equal ones of `before`,
 * taking references.  Before `config` is used.
 */
void changes_share(struct config *config, const struct config *before);

/*
 * Writes one line with the names of the listeners that `config`, after
 * changes_share(), adds, removes and changes; none if there are none.
 */
void changes_log(const struct config *config, const struct config *before);

#endif
