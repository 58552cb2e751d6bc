/*
 * container_of: the structure that a member is embedded in.
 */
#ifndef ECHOD_BASE_CONTAINER_OF_H
#define ECHOD_BASE_CONTAINER_OF_H

#include <stddef.h>

/* The `type` whose `member` is at `pointer`. */
#define container_of(pointer, type, member) \
	((type *)((char *)(pointer)-offsetof(type, member)))

#endif
