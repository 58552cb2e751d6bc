#include "base/log_line.h"

#include <stdio.h>
#include <string.h>

#include "support/suite.h"

/* The parts as "SENTENCE|KEY>VALUE|...|:CAUSE". */
static const char *
parts(const char *text)
{
	static char shown[512];
	struct log_line line = log_line_split(text);
	struct log_pair pair;
	size_t at = (size_t)sprintf(shown, "%.*s", (int)line.sentence.length,
				    line.sentence.start);

	while (log_line_next(&line.pairs, &pair))
		at += (size_t)sprintf(shown + at, "|%.*s>%.*s",
				      (int)pair.key.length, pair.key.start,
				      (int)pair.value.length, pair.value.start);
	if (line.cause.start)
		sprintf(shown + at, "|:%.*s", (int)line.cause.length,
			line.cause.start);
	return shown;
}

START_TEST(test_sentence_pairs_and_cause)
{
	ck_assert_str_eq(parts("Drained"), "Drained");
	ck_assert_str_eq(parts("Drained closed=2 forced=1"),
			 "Drained|closed>2|forced>1");
	ck_assert_str_eq(parts("Accepting paused listener=a-b: Too many files"),
			 "Accepting paused|listener>a-b|:Too many files");
	ck_assert_str_eq(parts("Reload failed: out of memory"),
			 "Reload failed|:out of memory");
	ck_assert_str_eq(parts("Counters closed.eof=1 e2=3"),
			 "Counters|closed.eof>1|e2>3");
	ck_assert_str_eq(parts(""), "");
}
END_TEST

START_TEST(test_addresses)
{
	ck_assert_str_eq(parts("Connection from [::1]:7 conn=1 peer=[::1]:7"),
			 "Connection from [::1]:7|conn>1|peer>[::1]:7");
	ck_assert_str_eq(parts("Failed tcp:[::]:7 peer=unix:pid=1,uid=0: why"),
			 "Failed tcp:[::]:7|peer>unix:pid=1,uid=0|:why");
	ck_assert_str_eq(parts("From unix:pid=1,uid=0 listener=main"),
			 "From unix:pid=1,uid=0|listener>main");
	ck_assert_str_eq(parts("MPTCP not used tcp:*:7: the kernel has none"),
			 "MPTCP not used tcp:*:7|:the kernel has none");
	ck_assert_str_eq(parts("Status on http://127.0.0.1:80/"),
			 "Status on http://127.0.0.1:80/");
}
END_TEST

/* What a peer or a file can put there makes no pairs. */
START_TEST(test_pairs_in_the_cause_are_text)
{
	ck_assert_str_eq(parts("libevent: x conn=1: y"),
			 "libevent|:x conn=1: y");
	ck_assert_str_eq(parts("Closed conn=1: a listener=x"),
			 "Closed|conn>1|:a listener=x");
}
END_TEST

START_TEST(test_empty_parts)
{
	ck_assert_str_eq(parts("Closed a= b=: "), "Closed|a>|b>|:");
	ck_assert_str_eq(parts(": x"), "|:x");
	ck_assert_str_eq(parts("Closed a=b:"), "Closed|a>b:");
}
END_TEST

START_TEST(test_other_forms_are_all_sentence)
{
	static const char *const lines[] = {
		"listener=bad misbehaves",
		"Closed conn=1 then more",
		"Closed Conn=1",
		"Closed 1a=1",
		"Closed =1",
		"Closed conn=1  in=2",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		ck_assert_str_eq(parts(lines[i]), lines[i]);
}
END_TEST

SUITE(test_sentence_pairs_and_cause, test_addresses,
      test_pairs_in_the_cause_are_text, test_empty_parts,
      test_other_forms_are_all_sentence)
