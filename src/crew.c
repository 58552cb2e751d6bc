#include "crew.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mailbox.h"
#include "spread.h"
#include "worker.h"

struct crew {
	struct crew_news news;
	void *owner;
	struct mailbox *mailbox;
	struct event *mail;
	struct spread *spread;
	unsigned count;
	/* So many have told that they are. */
	unsigned serving;
	unsigned yielded;
	unsigned quiet;
	unsigned finished;
	bool stopped;
	struct worker *workers[];
};

static void
tell(struct crew *crew, void (*what)(struct worker *))
{
	for (unsigned i = 0; i < crew->count; i++)
		what(crew->workers[i]);
}

static void
on_serving(struct worker *worker, void *owner)
{
	struct crew *crew = owner;

	(void)worker;
	if (++crew->serving < crew->count)
		return;
	crew->serving = 0;
	crew->news.serving(crew->owner);
}

static void
on_answered(struct worker *worker, void *owner)
{
	struct crew *crew = owner;

	(void)worker;
	crew->news.answered(crew->owner);
}

static void
on_yielded(struct worker *worker, void *owner)
{
	struct crew *crew = owner;

	(void)worker;
	if (++crew->yielded == crew->count)
		crew->news.yielded(crew->owner);
}

/* As long as one accepts, others may be handed connections. */
static void
on_quiet(struct worker *worker, void *owner)
{
	struct crew *crew = owner;

	(void)worker;
	if (++crew->quiet == crew->count)
		tell(crew, worker_finish);
}

static void
on_finished(struct worker *worker, void *owner)
{
	struct crew *crew = owner;

	(void)worker;
	if (++crew->finished == crew->count)
		crew->news.finished(crew->owner);
}

static void
on_mail(evutil_socket_t fd, short what, void *argument)
{
	struct crew *crew = argument;

	(void)fd;
	(void)what;
	mailbox_deliver(crew->mailbox, crew);
}

static bool
set_up(struct crew *crew, struct event_base *base, unsigned count)
{
	/* Stops at the first that fails, whose errno it is. */
	if (!(crew->spread = spread_new(count)) ||
	    !(crew->mailbox = mailbox_new()))
		return false;
	crew->mail = event_new(base, mailbox_fd(crew->mailbox),
			       EV_READ | EV_PERSIST, on_mail, crew);
	return crew->mail && event_add(crew->mail, NULL) == 0;
}

static bool
start(struct crew *crew, unsigned count)
{
	static const struct worker_news news = {
		.serving = on_serving,
		.answered = on_answered,
		.yielded = on_yielded,
		.quiet = on_quiet,
		.finished = on_finished,
	};

	while (crew->count < count) {
		struct worker *worker =
			worker_new(crew->count, crew->mailbox, &news);

		if (!worker)
			return false;
		crew->workers[crew->count++] = worker;
	}
	for (unsigned i = 0; i < count; i++)
		worker_meet(crew->workers[i], crew->workers, crew->spread);
	return true;
}

struct crew *
crew_new(struct event_base *base, unsigned count, const struct crew_news *news,
	 void *owner)
{
	struct crew *crew =
		calloc(1, sizeof(*crew) + count * sizeof(struct worker *));
	int error;

	if (!crew)
		return NULL;
	crew->news = *news;
	crew->owner = owner;
	if (set_up(crew, base, count) && start(crew, count))
		return crew;
	error = errno;
	crew_free(crew);
	errno = error;
	return NULL;
}

void
crew_free(struct crew *crew)
{
	if (!crew)
		return;
	if (crew->finished < crew->count)
		crew_stop(crew);
	for (unsigned i = 0; i < crew->count; i++)
		worker_free(crew->workers[i]);
	if (crew->mail)
		event_free(crew->mail);
	mailbox_free(crew->mailbox);
	spread_free(crew->spread);
	free(crew);
}

unsigned
crew_count(const struct crew *crew)
{
	return crew->count;
}

struct worker *const *
crew_workers(const struct crew *crew)
{
	return crew->workers;
}

void
crew_yield(struct crew *crew)
{
	tell(crew, worker_yield);
}

void
crew_drain(struct crew *crew)
{
	tell(crew, worker_drain);
}

void
crew_shut(struct crew *crew)
{
	tell(crew, worker_shut);
}

void
crew_stop(struct crew *crew)
{
	/* A mail that has not been read yet cannot be posted again. */
	if (crew->stopped)
		return;
	crew->stopped = true;
	tell(crew, worker_stop);
}

unsigned
crew_drained(const struct crew *crew)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < crew->count; i++)
		sum += worker_drained(crew->workers[i]);
	return sum;
}

unsigned
crew_forced(const struct crew *crew)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < crew->count; i++)
		sum += worker_forced(crew->workers[i]);
	return sum;
}
