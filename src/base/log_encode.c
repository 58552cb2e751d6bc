#include "base/log_encode.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/json.h"
#include "base/log_line.h"
#include "base/utf8.h"

/* journald ignores fields with longer names. */
#define JOURNAL_NAME_MAX 64

const char *
log_encode_time(int64_t ms, char text[LOG_TIME_SIZE])
{
	time_t seconds = (time_t)(ms / 1000);
	char date[sizeof("2026-11-28T13:23:39")];
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		strcpy(date, "1970-01-01T00:00:00");
	snprintf(text, LOG_TIME_SIZE, "%s.%03uZ", date,
		 (unsigned)(ms % 1000) % 1000);
	return text;
}

const char *
log_encode_level(int priority)
{
	static const char *const names[] = {
		[LOG_ERR] = "error",	 [LOG_WARNING] = "warning",
		[LOG_NOTICE] = "notice", [LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};

	return names[priority];
}

void
log_encode_text(const struct log_record *record, FILE *out)
{
	const char *text = record->text;

	while (*text) {
		size_t plain = 0, control;

		while (text[plain] && utf8_control(text + plain) == 0)
			plain++;
		fwrite(text, 1, plain, out);
		text += plain;
		for (control = utf8_control(text); control > 0; control--)
			fprintf(out, "\\x%02x", (unsigned char)*text++);
	}
}

/* ---- JSON (RFC 8259) */

static bool
is(struct log_span text, const char *word)
{
	return text.length == strlen(word) &&
	       memcmp(text.start, word, text.length) == 0;
}

/* A listener can be called "1": the type must not depend on its name. */
static bool
is_name(struct log_span key)
{
	static const char *const names[] = { "listener", "peer",  "via",
					     "last",	 "added", "removed",
					     "changed",	 "log",	  "listening" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is(key, names[i]))
			return true;
	return false;
}

/* The number of digits at the beginning of `text`. */
static size_t
count_digits(struct log_span text)
{
	size_t count = 0;

	while (count < text.length && text.start[count] >= '0' &&
	       text.start[count] <= '9')
		count++;
	return count;
}

/* Digits, and perhaps a point and more digits. */
static bool
is_number(struct log_span text)
{
	size_t digits = count_digits(text);

	if (digits == 0 || (digits > 1 && *text.start == '0'))
		return false;
	if (digits == text.length)
		return true;
	text.start += digits + 1;
	text.length -= digits + 1;
	return text.start[-1] == '.' && text.length > 0 &&
	       count_digits(text) == text.length;
}

static void
put_json_pair(const struct log_pair *pair, FILE *out)
{
	putc(',', out);
	json_string(out, pair->key.start, pair->key.length);
	putc(':', out);
	if (!is_name(pair->key) && is_number(pair->value))
		fwrite(pair->value.start, 1, pair->value.length, out);
	else
		json_string(out, pair->value.start, pair->value.length);
}

void
log_encode_json(const struct log_record *record, FILE *out)
{
	struct log_line line = log_line_split(record->text);
	struct log_pair pair;
	char time[LOG_TIME_SIZE];

	fprintf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":",
		log_encode_time(record->ms, time),
		log_encode_level(record->priority));
	json_string(out, line.sentence.start, line.sentence.length);
	while (log_line_next(&line.pairs, &pair))
		put_json_pair(&pair, out);
	if (line.cause.start) {
		fputs(",\"cause\":", out);
		json_string(out, line.cause.start, line.cause.length);
	}
	putc('}', out);
}

/* ---- the journal (systemd.io/JOURNAL_NATIVE_PROTOCOL) */

/* The "=VALUE" of a field: with a newline in it, its length comes before. */
static void
put_value(struct log_span value, FILE *out)
{
	uint64_t length = htole64(value.length);

	if (memchr(value.start, '\n', value.length)) {
		putc('\n', out);
		fwrite(&length, sizeof(length), 1, out);
	} else {
		putc('=', out);
	}
	fwrite(value.start, 1, value.length, out);
	putc('\n', out);
}

static void
put_field(const struct log_pair *pair, FILE *out)
{
	for (size_t i = 0; i < pair->key.length && i < JOURNAL_NAME_MAX; i++) {
		char c = pair->key.start[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		putc(c == '.' ? '_' : c, out);
	}
	put_value(pair->value, out);
}

void
log_encode_journal(const struct log_record *record, int facility, pid_t pid,
		   FILE *out)
{
	struct log_line line = log_line_split(record->text);
	struct log_pair pair;

	fputs("MESSAGE=", out);
	log_encode_text(record, out);
	fprintf(out,
		"\nPRIORITY=%d\nSYSLOG_IDENTIFIER=echod\nSYSLOG_FACILITY=%d\n"
		"SYSLOG_PID=%d\n",
		record->priority, LOG_FAC(facility), (int)pid);
	while (log_line_next(&line.pairs, &pair))
		put_field(&pair, out);
	if (line.cause.start) {
		fputs("CAUSE", out);
		put_value(line.cause, out);
	}
}
