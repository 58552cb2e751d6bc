/*
 * crew: all workers together, from the start of the first to the end of the
 * last, and the mailbox by which they send news.
 *
 * Control thread only.
 */
#ifndef ECHOD_CREW_H
#define ECHOD_CREW_H

struct crew;
struct event_base;
struct worker;

struct crew_news {
	/* All have the plan in force that each was given. */
	void (*serving)(void *owner);
	/* One has answered: see worker_news. */
	void (*answered)(void *owner);
	/* What crew_yield() asked for is done by all. */
	void (*yielded)(void *owner);
	/* No session is left. */
	void (*finished)(void *owner);
};

/* Starts `count` threads.  NULL with errno set where that cannot be. */
struct crew *crew_new(struct event_base *base, unsigned count,
		      const struct crew_news *news, void *owner);

/* Stops those who have not finished, and waits for them.  NULL is fine. */
void crew_free(struct crew *crew);

unsigned crew_count(const struct crew *crew);

/* As many; they last as long as the crew. */
struct worker *const *crew_workers(const struct crew *crew);

/*
 * The steps to the end, as worker.h has them: crew_drain() once all have
 * yielded, crew_shut() at any time after it.  What follows that is the crew's
 * own affair, until it has finished.
 */
void crew_yield(struct crew *crew);
void crew_drain(struct crew *crew);
void crew_shut(struct crew *crew);

/* Ends at once; once more is fine. */
void crew_stop(struct crew *crew);

/* After `finished`: sessions that drained, and that were cut off. */
unsigned crew_drained(const struct crew *crew);
unsigned crew_forced(const struct crew *crew);

#endif
