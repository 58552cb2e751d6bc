#include "run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "target.h"

static const char *const check_texts[CHECK_COUNT] = {
#define CHECK_TEXT(name, text) [CHECK_##name] = text,
	CHECKS(CHECK_TEXT)
#undef CHECK_TEXT
};

int64_t
run_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
run_has_kind(const struct run *run, const struct kind *kind)
{
	bool ipv6 = kind->protocol == OVER_IPV6 || kind->protocol == OVER_UDP6;

	return (run->has_tls || !kind->tls) && (run->has_ipv6 || !ipv6);
}

void
run_fail(const struct run *run, const char *format, ...)
{
	va_list arguments;

	target_show_log(run->target);
	printf("# seed=%" PRIu64 "\nnot ok - ", run->seed);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n# %" PRIu64 " sessions begun, %zu live\n", run->begun,
	       run->live);
	printf("# the same decisions again: make stress STRESS_SEED=%" PRIu64
	       "\n",
	       run->seed);
	puts("0 passed, 1 failed, 0 skipped");
	fflush(stdout);
	target_kill(run->target);
	exit(EXIT_FAILURE);
}

void
run_begin(struct run *run)
{
	run->begun++;
	run->live++;
}

void
run_end(struct run *run, const struct kind *kind, bool served)
{
	run->live--;
	(served ? run->served : run->refused)[kind - kinds]++;
}

static unsigned
report_kinds(const struct run *run, unsigned number, unsigned *skipped)
{
	for (size_t i = 0; i < kind_count; i++) {
		uint64_t served = run->served[i], refused = run->refused[i];

		printf("ok %u - %s: %" PRIu64 " sessions", ++number,
		       kinds[i].name, served);
		if (refused > 0)
			printf(", %" PRIu64 " refused as they should", refused);
		if (!run_has_kind(run, &kinds[i]))
			printf(" # SKIP not on this machine, or not built");
		else if (served == 0)
			printf(" # SKIP none in a run this short");
		*skipped += served == 0;
		putchar('\n');
	}
	return number;
}

static unsigned
report_checks(const struct run *run, unsigned number, unsigned *failed,
	      unsigned *skipped)
{
	for (int i = 0; i < CHECK_COUNT; i++) {
		bool passed = run->passed[i] || run->skipped[i];

		printf("%sok %u - %s", passed ? "" : "not ", ++number,
		       check_texts[i]);
		if (run->skipped[i])
			printf(" # SKIP %s", run->skipped[i]);
		putchar('\n');
		*failed += !passed;
		*skipped += run->skipped[i] != NULL;
	}
	return number;
}

void
run_report(const struct run *run)
{
	unsigned skipped = 0, failed = 0, number;

	printf("1..%zu\n", kind_count + CHECK_COUNT);
	number = report_kinds(run, 0, &skipped);
	number = report_checks(run, number, &failed, &skipped);
	printf("# %" PRIu64 " sessions:", run->begun);
	for (int i = 0; i < ENDING_COUNT; i++)
		printf(" %s=%" PRIu64, ending_names[i], run->endings[i]);
	printf("\n# bytes sent=%" PRIu64 " received=%" PRIu64
	       " datagrams sent again=%" PRIu64 "\n",
	       run->bytes_sent, run->bytes_received, run->resent);
	printf("# reloads accepted=%" PRIu64 " refused=%" PRIu64 "\n",
	       run->reloads, run->reloads_refused);
	printf("%u passed, %u failed, %u skipped\n", number - failed - skipped,
	       failed, skipped);
}
