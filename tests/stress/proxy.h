/*
 * proxy: headers of the PROXY protocol, as proxies send them.
 */
#ifndef ECHOD_STRESS_PROXY_H
#define ECHOD_STRESS_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "random.h"

#define PROXY_HEADER_SIZE 128

/* Writes a valid header, of version 1 or 2; returns its length. */
size_t proxy_header(struct random *random, bool old,
		    char header[PROXY_HEADER_SIZE]);

#endif
