/*
 * validate: the last step of loading, after every setting has been read.  It
 * checks settings that depend on each other, such as addresses that overlap,
 * and makes what the listeners need: the compiled prefix, the user and group
 * ids, the TLS context.  Control thread only: it reads files and looks up
 * users.
 */
#ifndef ECHOD_CONFIG_VALIDATE_H
#define ECHOD_CONFIG_VALIDATE_H

struct config;
struct error_list;

/* Checks and completes each listener of `config`; adds all errors found. */
void validate_config(struct config *config, struct error_list *errors);

#endif
