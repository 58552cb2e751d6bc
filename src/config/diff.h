/*
 * diff: a new snapshot beside the one in use.  Listeners with equal settings
 * share them, and TLS contexts that are made of the same files and rules are
 * shared too.  The listeners that differ are told in the log.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONFIG_DIFF_H
#define ECHOD_CONFIG_DIFF_H

struct config;

/*
 * Replaces settings and TLS contexts in `config` by the equal ones of `before`,
 * taking references.  Before `config` is used.
 */
void diff_share(struct config *config, const struct config *before);

/*
 * Writes one line with the names of the listeners that `config`, after
 * diff_share(), adds, removes and changes; none if there are none.
 */
void diff_log(const struct config *config, const struct config *before);

#endif
