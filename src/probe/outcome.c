#include "probe/outcome.h"

const char *
outcome_name(enum outcome outcome)
{
#define OUTCOME_NAME(name, text, bad) text,
	static const char *const names[] = { OUTCOMES(OUTCOME_NAME) };
#undef OUTCOME_NAME

	return names[outcome];
}

const char *
outcome_key(enum outcome outcome)
{
	/* The preprocessor cannot make lower case of the list. */
	static const char *const keys[] = {
		[OUTCOME_ECHOED] = "echoed",
		[OUTCOME_REFUSED] = "refused",
		[OUTCOME_UNREACHABLE] = "unreachable",
		[OUTCOME_CONNECT_TIMEOUT] = "connect_timeout",
		[OUTCOME_TLS] = "tls",
		[OUTCOME_LOCAL] = "local",
		[OUTCOME_TIMEOUT] = "timeout",
		[OUTCOME_RESET] = "reset",
		[OUTCOME_EARLY_FIN] = "early_fin",
		[OUTCOME_NO_CLOSE_NOTIFY] = "no_close_notify",
		[OUTCOME_CORRUPTED] = "corrupted",
		[OUTCOME_WRONG_PREFIX] = "wrong_prefix",
		[OUTCOME_WRONG_LENGTH] = "wrong_length",
		[OUTCOME_BYTES_LOST] = "bytes_lost",
		[OUTCOME_BYTES_DOUBLED] = "bytes_doubled",
		[OUTCOME_BYTES_FOREIGN] = "bytes_foreign",
		[OUTCOME_SURPLUS] = "surplus",
		[OUTCOME_WRONG_SOURCE] = "wrong_source",
		[OUTCOME_TOO_LARGE] = "too_large",
		[OUTCOME_LATE] = "late",
		[OUTCOME_DOUBLED] = "doubled",
		[OUTCOME_FOREIGN] = "foreign",
		[OUTCOME_REORDERED] = "reordered",
		[OUTCOME_RETRIED] = "retried",
		[OUTCOME_CLOSED] = "closed",
		[OUTCOME_EXPIRY] = "expiry",
	};

	_Static_assert(sizeof(keys) / sizeof(*keys) == OUTCOME_COUNT,
		       "an outcome has no key");
	return keys[outcome];
}

bool
outcome_is_bad(enum outcome outcome)
{
#define OUTCOME_BAD(name, text, bad) bad,
	static const bool is_bad[] = { OUTCOMES(OUTCOME_BAD) };
#undef OUTCOME_BAD

	return is_bad[outcome];
}

bool
outcome_ends_message(enum outcome outcome)
{
	return outcome < OUTCOME_LATE;
}
