#include "inherited.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "error.h"
#include "place.h"
#include "socket.h"

/* sd_listen_fds(3): where they begin. */
#define FIRST_FD 3

struct item {
	int fd;
	struct place place;
};

struct inherited {
	unsigned count;
	struct item items[];
};

/* What is wrong with it, or NULL. */
static const char *
take(struct item *item, int fd)
{
	int result;

	item->fd = fd;
	result = socket_adopt(fd, &item->place);
	switch (result) {
	case 0:
		return NULL;
	case -EAFNOSUPPORT:
	case -ENOTSOCK:
		return "it is no socket of a kind that echod serves";
	case -EINVAL:
		return "it does not listen (Accept=yes is not for echod)";
	default:
		return strerror(-result);
	}
}

struct inherited *
inherited_new(int first, unsigned count, struct error_list *errors)
{
	struct inherited *inherited =
		calloc(1, sizeof(*inherited) + count * sizeof(struct item));
	bool usable = true;

	if (!inherited) {
		errors->out_of_memory = true;
		return NULL;
	}
	inherited->count = count;
	for (unsigned i = 0; i < count; i++) {
		int fd = first + (int)i;
		const char *reason = take(&inherited->items[i], fd);

		if (!reason)
			continue;
		usable = false;
		error_add(errors, 0, NULL,
			  "descriptor %d, which was handed over: %s", fd,
			  reason);
	}
	if (usable)
		return inherited;
	inherited_free(inherited);
	return NULL;
}

/* A number of the environment, from 0 to `most`; -1 where it is none. */
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

struct inherited *
inherited_take(struct error_list *errors)
{
	unsigned count = count_handed_over();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return inherited_new(FIRST_FD, count, errors);
}

void
inherited_close_others(void)
{
	/* A kernel before 5.9 cannot; they are in nobody's way but stay open. */
	close_range(FIRST_FD + count_handed_over(), ~0U, 0);
}

void
inherited_free(struct inherited *inherited)
{
	if (!inherited)
		return;
	for (unsigned i = 0; i < inherited->count; i++)
		close(inherited->items[i].fd);
	free(inherited);
}

int
inherited_find(const struct inherited *inherited, const struct place *place)
{
	for (unsigned i = 0; inherited && i < inherited->count; i++)
		if (place_equal(&inherited->items[i].place, place))
			return inherited->items[i].fd;
	return -1;
}

/* `*` is asked for as such, or as one family of it. */
static bool
is_asked_for(const struct place *wanted, const struct place *place)
{
	struct place out[2];
	size_t count = place_expand(wanted, out);

	if (place_equal(wanted, place))
		return true;
	for (size_t i = 0; i < count; i++)
		if (place_equal(&out[i], place))
			return true;
	return false;
}

static bool
is_served(const struct config *config, const struct place *place)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_addresses *listen =
			&config->listeners[i].listen;

		for (size_t j = 0; j < listen->count; j++)
			if (is_asked_for(&listen->items[j].place, place))
				return true;
	}
	return false;
}

void
inherited_check(const struct inherited *inherited, const struct config *config,
		struct error_list *errors)
{
	char text[PLACE_TEXT_SIZE];

	for (unsigned i = 0; i < inherited->count; i++) {
		const struct place *place = &inherited->items[i].place;

		if (!is_served(config, place))
			error_add(errors, 0, "listen",
				  "no listener has %s, which was handed over "
				  "by the service manager",
				  place_format(place, text));
	}
}
