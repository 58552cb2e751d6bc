/*
 * journal: the log of the daemon, read line by line from a pipe.
 */
#ifndef ECHOD_STRESS_JOURNAL_H
#define ECHOD_STRESS_JOURNAL_H

struct event_base;
struct journal;

enum journal_line {
	JOURNAL_STARTED,
	JOURNAL_STATUS,
	JOURNAL_RELOADED,
	JOURNAL_REFUSED, /* a reload: the line that comes last */
	JOURNAL_ERROR,	 /* what a bad file causes */
	JOURNAL_COUNTERS,
	JOURNAL_DRAINED,
	JOURNAL_USUAL,
	JOURNAL_UNKNOWN,
};

/* Takes the descriptor.  `ended` is called at the end of the log. */
struct journal *journal_new(struct event_base *base, int fd,
			    void (*line)(void *owner, enum journal_line kind,
					 const char *text),
			    void (*ended)(void *owner), void *owner);
void journal_free(struct journal *journal);

/*
 * Prints the last lines, as comments of TAP, those that still come, and which
 * connections are open.
 */
void journal_show(struct journal *journal);

#endif
