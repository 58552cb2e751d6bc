/*
 * validate: what can be said of a configuration only when every setting of it has
 * been read: what does not go together, and what listeners are made of, such as
 * the compiled prefix, accounts and the context of TLS.
 */
#ifndef ECHOD_CONFIG_VALIDATE_H
#define ECHOD_CONFIG_VALIDATE_H

struct config;
struct error_list;

/* Completes each listener, and adds an error for whatever is wrong with it. */
void validate_config(struct config *config, struct error_list *errors);

#endif
