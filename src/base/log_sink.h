/*
 * log_sink: where the log goes, and in which format: standard error, syslog(3),
 * or the journal.
 */
#ifndef ECHOD_BASE_LOG_SINK_H
#define ECHOD_BASE_LOG_SINK_H

#include <stdbool.h>

#include "base/log_encode.h"

enum log_sink {
	LOG_TO_AUTO, /* log_start() chooses, see there */
	LOG_TO_SYSLOG,
	LOG_TO_STDERR,
	LOG_TO_JOURNAL, /* by the native protocol, with fields */
};

enum log_format {
	LOG_TEXT,
	LOG_JSON,
};

struct log_output {
	int sink;   /* enum log_sink, but not LOG_TO_AUTO */
	int format; /* enum log_format; the journal's MESSAGE is always text */
	int facility; /* LOG_DAEMON ...; not for standard error */
	bool stamps;  /* text on standard error begins with the time */
};

/* What LOG_TO_AUTO means: LOG_TO_SYSLOG or LOG_TO_STDERR; see log_start(). */
int log_sink_choose(void);

/* True if lines on standard error need a time: no terminal, no journal. */
bool log_sink_needs_stamps(void);

/*
 * Makes the sink ready; to be called before it is used, and after each change,
 * by one thread.  If it cannot be reached, standard error gets a warning,
 * unless it is a full pipe.  Does not block.
 */
void log_sink_open(const struct log_output *output);

/*
 * Writes one line.  Can block.  One thread at a time, any thread.  False if the
 * line is lost: memory is out, or the journal did not accept it.
 */
bool log_sink_write(const struct log_record *record,
		    const struct log_output *output);

#endif
