#include "listen/socket_activation.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr/listen_address.h"
#include "base/error.h"
#include "config/config.h"
#include "listen/socket.h"

/* The first descriptor (sd_listen_fds(3)). */
#define FIRST_FD 3

struct item {
	int fd;
	struct listen_address address;
};

struct socket_activation {
	unsigned count;
	struct item items[];
};

/* Returns why the socket cannot be used, or NULL. */
static const char *
take(struct item *item, int fd)
{
	int result;

	item->fd = fd;
	result = socket_adopt(fd, &item->address);
	switch (result) {
	case 0:
		return NULL;
	case -EAFNOSUPPORT:
	case -ENOTSOCK:
		return "not a type of socket that echod supports";
	case -EINVAL:
		return "it does not listen (Accept=yes is not for echod)";
	default:
		return strerror(-result);
	}
}

struct socket_activation *
socket_activation_new(int first, unsigned count, struct error_list *errors)
{
	struct socket_activation *activation =
		calloc(1, sizeof(*activation) + count * sizeof(struct item));
	bool usable = true;

	if (!activation) {
		errors->out_of_memory = true;
		return NULL;
	}
	activation->count = count;
	for (unsigned i = 0; i < count; i++) {
		int fd = first + (int)i;
		const char *reason = take(&activation->items[i], fd);

		if (!reason)
			continue;
		usable = false;
		error_add(errors, 0, NULL,
			  "descriptor %d from the service manager: %s", fd,
			  reason);
	}
	if (usable)
		return activation;
	socket_activation_free(activation);
	return NULL;
}

/* A number in the environment, from 0 to `most`, or -1. */
static long
number_of(const char *name, long most)
{
	const char *text = getenv(name);
	char *end;
	long value;

	if (!text || *text < '0' || *text > '9')
		return -1;
	value = strtol(text, &end, 10);
	return *end == '\0' && value <= most ? value : -1;
}

static unsigned
count_handed_over(void)
{
	long fds = number_of("LISTEN_FDS", sysconf(_SC_OPEN_MAX));
	bool ours = number_of("LISTEN_PID", INT32_MAX) == getpid();

	return ours && fds > 0 ? (unsigned)fds : 0;
}

struct socket_activation *
socket_activation_take(struct error_list *errors)
{
	unsigned count = count_handed_over();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return socket_activation_new(FIRST_FD, count, errors);
}

void
socket_activation_close_others(void)
{
	/* Before Linux 5.9 this fails, and they stay open. */
	close_range(FIRST_FD + count_handed_over(), ~0U, 0);
}

void
socket_activation_free(struct socket_activation *activation)
{
	if (!activation)
		return;
	for (unsigned i = 0; i < activation->count; i++)
		close(activation->items[i].fd);
	free(activation);
}

int
socket_activation_find(const struct socket_activation *activation,
		       const struct listen_address *listen_address)
{
	for (unsigned i = 0; activation && i < activation->count; i++)
		if (listen_address_equal(&activation->items[i].address,
					 listen_address))
			return activation->items[i].fd;
	return -1;
}

/* `*` in the configuration also uses a socket of one of its families. */
static bool
is_asked_for(const struct listen_address *wanted,
	     const struct listen_address *listen_address)
{
	struct listen_address out[2];
	size_t count = listen_address_expand(wanted, out);

	if (listen_address_equal(wanted, listen_address))
		return true;
	for (size_t i = 0; i < count; i++)
		if (listen_address_equal(&out[i], listen_address))
			return true;
	return false;
}

static bool
is_served(const struct config *config,
	  const struct listen_address *listen_address)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_addresses *listen =
			&config->listeners[i].listen;

		for (size_t j = 0; j < listen->count; j++)
			if (is_asked_for(&listen->items[j].address,
					 listen_address))
				return true;
	}
	return false;
}

void
socket_activation_check(const struct socket_activation *activation,
			const struct config *config, struct error_list *errors)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	for (unsigned i = 0; i < activation->count; i++) {
		const struct listen_address *listen_address =
			&activation->items[i].address;

		if (!is_served(config, listen_address))
			error_add(
				errors, 0, "listen",
				"no listener has %s, a socket from the service "
				"manager",
				listen_address_format(listen_address, text));
	}
}
