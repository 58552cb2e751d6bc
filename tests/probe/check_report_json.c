#include "probe/report_json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

#define SECOND INT64_C(1000000000)

static const char *const names[] = { "tcp://a:7", "udp://\"b\":7" };
static struct backends *backends;
static struct tally tally;

static void
begin(void)
{
	char reason[64];

	ck_assert_ptr_null(
		backends_new(NULL, &backends, reason, sizeof(reason)));
	ck_assert(tally_init(&tally, names, 2, backends));
	tally_begin(&tally, SECOND);
}

static void
end(void)
{
	tally_free(&tally);
	backends_free(backends);
}

static struct backend *
backend(const char *name)
{
	return backends_find(backends, name, strlen(name), NULL);
}

static void
lose(size_t target, struct backend *of, enum outcome outcome)
{
	struct failure failure = { .outcome = outcome, .detail = "" };

	tally_fail(&tally, target, of, 1000, &failure);
}

/* Of the last second() or report(). */
static char *text;

static void
second(const struct second *of, int64_t at, unsigned open)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_json_second(out, &tally, of, at, open);
	fclose(out);
}

static void
report(void)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_json_end(out, &tally);
	fclose(out);
}

static void
contains(const char *part)
{
	ck_assert_msg(strstr(text, part), "not found: %s\nin: %s", part, text);
}

START_TEST(test_every_outcome_has_the_key_of_its_name)
{
#define NAME(name, what, bad) #name,
	static const char *const enums[] = { OUTCOMES(NAME) };
#undef NAME

	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		const char *key = outcome_key(i);

		ck_assert_uint_eq(strlen(key), strlen(enums[i]));
		for (size_t j = 0; key[j]; j++)
			ck_assert_int_eq(key[j],
					 tolower((unsigned char)enums[i][j]));
	}
}
END_TEST

START_TEST(test_a_second_is_one_line)
{
	begin();
	tally_connected(&tally, 0, 5000);
	for (int i = 0; i < 4; i++)
		tally_start(&tally, 0);
	tally_echo(&tally, 0, backend("web1"), 10, 50);
	tally_echo(&tally, 0, backend("web1"), 10, 50);
	tally_echo(&tally, 0, backend("web\"2"), 10, 50);
	lose(0, NULL, OUTCOME_EARLY_FIN);
	lose(1, NULL, OUTCOME_LATE);
	second(tally_tick(&tally, 2 * SECOND), SECOND + 2345678, 7);
	ck_assert_str_eq(
		text, "{\"type\":\"second\",\"time\":1.002345,\"open\":7,"
		      "\"started\":4,\"connected\":1,\"echoed\":3,"
		      "\"failed\":{\"early_fin\":1},\"observed\":{\"late\":1},"
		      "\"round_trip_us\":{\"p50\":0.050,\"p99\":0.050,"
		      "\"max\":0.050},"
		      "\"backends\":{\"web1\":2,\"web\\\"2\":1}}\n");
	free(text);
	end();
}
END_TEST

START_TEST(test_the_next_second_counts_its_own_echoes)
{
	begin();
	tally_echo(&tally, 0, backend("web1"), 10, 50);
	tally_echo(&tally, 0, backend("web2"), 10, 50);
	second(tally_tick(&tally, 2 * SECOND), SECOND, 1);
	free(text);
	tally_echo(&tally, 0, backend("web2"), 10, 50);
	second(tally_tick(&tally, 3 * SECOND), 2 * SECOND, 1);
	contains("\"backends\":{\"web2\":1}}\n");
	free(text);
	end();
}
END_TEST

START_TEST(test_a_second_without_an_echo_has_no_round_trip)
{
	begin();
	second(tally_tick(&tally, 2 * SECOND), SECOND, 0);
	ck_assert_str_eq(text,
			 "{\"type\":\"second\",\"time\":1.000000,\"open\":0,"
			 "\"started\":0,\"connected\":0,\"echoed\":0,"
			 "\"failed\":{},\"observed\":{},\"round_trip_us\":null,"
			 "\"backends\":{}}\n");
	free(text);
	end();
}
END_TEST

static void
expect_failure(struct failure *failure, const char *wanted)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);

	failure->target = &tally.targets[1];
	report_json_failure(out, failure);
	fclose(out);
	ck_assert_str_eq(text, wanted);
	free(text);
}

START_TEST(test_a_failure_is_one_line)
{
	struct failure failure = {
		.at = 12 * SECOND + 34567,
		.outcome = OUTCOME_CORRUPTED,
		.peer = 3,
		.began = SECOND / 2,
		.detail = "offset 4: \"\n\" for \xFF",
	};

	begin();
	failure.backend = backend("web1");
	expect_failure(&failure,
		       "{\"type\":\"failure\",\"time\":12.000034,"
		       "\"target\":\"udp://\\\"b\\\":7\","
		       "\"reason\":\"corrupted\",\"backend\":\"web1\","
		       "\"peer\":3,\"began\":0.500000,"
		       "\"detail\":\"offset 4: \\\"\\u000a\\\" for "
		       "\\\\xff\"}\n");
	failure.backend = NULL;
	failure.began = -1;
	failure.detail = "";
	expect_failure(&failure,
		       "{\"type\":\"failure\",\"time\":12.000034,"
		       "\"target\":\"udp://\\\"b\\\":7\","
		       "\"reason\":\"corrupted\",\"backend\":null,"
		       "\"peer\":3,\"began\":null,\"detail\":\"\"}\n");
	end();
}
END_TEST

/* Two seconds; the second target fails. */
static void
run(void)
{
	begin();
	tally_connected(&tally, 0, 8);
	for (int i = 0; i < 4; i++) {
		tally_start(&tally, 0);
		tally_echo(&tally, 0, backend("web1"), 100, i < 2 ? 12 : 20);
	}
	tally_tick(&tally, 2 * SECOND);
	for (int i = 0; i < 2; i++) {
		tally_start(&tally, 0);
		tally_echo(&tally, 0, backend("web2"), 100, 10);
	}
	tally_start(&tally, 1);
	lose(1, backend("web2"), OUTCOME_TIMEOUT);
	lose(1, NULL, OUTCOME_REORDERED);
	backend("web2")->connections = 2;
	tally.targets[0].certificate_expires = 1795872219.5;
	strcpy(tally.targets[0].tls, "TLSv1.3 X");
	strcpy(tally.targets[0].certificate_name, "CN = a");
	tally.targets[1].path_mtu = 1400;
	tally.targets[1].unfinished = 1;
	tally.targets[1].silent = 5;
	tally_finish(&tally, 5 * SECOND / 2);
	report();
}

START_TEST(test_the_report_has_the_sums)
{
	static const char wanted[] =
		"{\"type\":\"report\",\"seconds\":1.500000,\"started\":7,"
		"\"echoed\":6,\"unfinished\":1,\"bytes\":600,\"connected\":1,"
		"\"silent\":5,\"failed\":{\"timeout\":1},"
		"\"observed\":{\"reordered\":1},"
		"\"round_trip_us\":{\"min\":0.010,\"p50\":0.012,\"p90\":0.020,"
		"\"p99\":0.020,\"p999\":0.020,\"max\":0.020,\"mean\":0.014,"
		"\"count\":6},"
		"\"connect_us\":{\"min\":0.008,\"p50\":0.008,\"p90\":0.008,"
		"\"p99\":0.008,\"p999\":0.008,\"max\":0.008,\"mean\":0.008,"
		"\"count\":1},\"backends\":[";

	run();
	ck_assert_uint_gt(strlen(text), strlen(wanted));
	text[strlen(wanted)] = '\0';
	ck_assert_str_eq(text, wanted);
	free(text);
	end();
}
END_TEST

START_TEST(test_the_report_has_backends_with_their_shares)
{
	run();
	contains("\"backends\":[{\"name\":\"web1\",\"echoed\":4,"
		 "\"share\":0.666667,\"failed\":0,\"connections\":0},"
		 "{\"name\":\"web2\",\"echoed\":2,\"share\":0.333333,"
		 "\"failed\":1,\"connections\":2}],\"targets\":[");
	free(text);
	end();
}
END_TEST

START_TEST(test_the_report_has_each_target)
{
	run();
	contains("\"targets\":[{\"name\":\"tcp://a:7\",\"started\":6,"
		 "\"echoed\":6,\"unfinished\":0,\"bytes\":600,"
		 "\"connected\":1,\"silent\":0,\"failed\":{},\"observed\":{},"
		 "\"round_trip_us\":{\"min\":0.010,");
	contains("\"tls\":\"TLSv1.3 X\",\"certificate_name\":\"CN = a\","
		 "\"certificate_expires\":1795872219,\"largest_echoed\":100,"
		 "\"smallest_failed\":null,\"path_mtu\":null},"
		 "{\"name\":\"udp://\\\"b\\\":7\",\"started\":1,\"echoed\":0,"
		 "\"unfinished\":1,\"bytes\":0,\"connected\":0,\"silent\":5,"
		 "\"failed\":{\"timeout\":1},\"observed\":{\"reordered\":1},"
		 "\"round_trip_us\":null,\"connect_us\":null,\"tls\":null,"
		 "\"certificate_name\":null,\"certificate_expires\":null,"
		 "\"largest_echoed\":null,\"smallest_failed\":1000,"
		 "\"path_mtu\":1400}],\"timeline\":[");
	free(text);
	end();
}
END_TEST

START_TEST(test_the_report_ends_with_the_timeline_and_the_status)
{
	run();
	contains("\"timeline\":[{\"from\":0,\"to\":1,\"started\":4,"
		 "\"connected\":1,\"echoed\":4,\"failed\":{},\"observed\":{},"
		 "\"round_trip_us\":{\"p50\":0.012,\"p99\":0.020,"
		 "\"max\":0.020},\"backends\":[\"web1\"]},"
		 "{\"from\":1,\"to\":2,\"started\":3,\"connected\":0,"
		 "\"echoed\":2,\"failed\":{\"timeout\":1},"
		 "\"observed\":{\"reordered\":1},"
		 "\"round_trip_us\":{\"p50\":0.010,\"p99\":0.010,"
		 "\"max\":0.010},\"backends\":[\"web2\"]}],"
		 "\"exit_status\":1}\n");
	free(text);
	end();
}
END_TEST

START_TEST(test_a_run_that_has_not_begun_has_a_report)
{
	char reason[64];

	backends_new(NULL, &backends, reason, sizeof(reason));
	ck_assert(tally_init(&tally, names, 1, backends));
	report();
	contains("{\"type\":\"report\",\"seconds\":0.000000,\"started\":0,");
	contains("\"round_trip_us\":null,\"connect_us\":null,\"backends\":[],");
	contains("\"timeline\":[],\"exit_status\":0}\n");
	free(text);
	end();
}
END_TEST

SUITE(test_every_outcome_has_the_key_of_its_name, test_a_second_is_one_line,
      test_the_next_second_counts_its_own_echoes,
      test_a_second_without_an_echo_has_no_round_trip,
      test_a_failure_is_one_line, test_the_report_has_the_sums,
      test_the_report_has_backends_with_their_shares,
      test_the_report_has_each_target,
      test_the_report_ends_with_the_timeline_and_the_status,
      test_a_run_that_has_not_begun_has_a_report)
