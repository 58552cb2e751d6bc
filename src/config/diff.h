/*
 * diff: compares a new snapshot with the one in use (`before`), at a reload.
 * Listeners with the same name and equal settings share these; equal TLS
 * contexts are shared, too.  Listeners that differ are logged.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONFIG_DIFF_H
#define ECHOD_CONFIG_DIFF_H

struct config;

/*
 * Replaces settings and TLS contexts in `config` by references to the equal
 * ones of `before`.  Must be called before any other thread sees `config`.
 */
void diff_share(struct config *config, const struct config *before);

/*
 * Logs the names of the listeners that `config` adds, removes and changes, in
 * one line, if there are any.  Must be called after diff_share().
 */
void diff_log(const struct config *config, const struct config *before);

#endif
