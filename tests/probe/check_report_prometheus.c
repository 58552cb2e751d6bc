#include "probe/report_prometheus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/suite.h"

#define SECOND INT64_C(1000000000)
#define TARGET "{target=\"tcp://a:7\""

static const char *names[] = { "tcp://a:7", "unix:/\"\\\n\xFF", "tcp://a:7" };
static struct backends *backends;
static struct tally tally;
static char *text;

static struct backend *
backend(const char *name)
{
	return backends_find(backends, name, strlen(name), NULL);
}

static void
lose(size_t target, struct backend *of, enum outcome outcome)
{
	struct failure failure = { .outcome = outcome, .detail = "" };

	tally_fail(&tally, target, of, 0, &failure);
}

static void
begin(size_t targets)
{
	char reason[64];

	ck_assert_ptr_null(
		backends_new(NULL, &backends, reason, sizeof(reason)));
	ck_assert(tally_init(&tally, names, targets, backends));
	tally_begin(&tally, SECOND);
}

static void
end(void)
{
	tally_free(&tally);
	backends_free(backends);
	free(text);
	text = NULL;
}

static void
print(void)
{
	size_t size;
	FILE *out;

	free(text);
	out = open_memstream(&text, &size);
	report_prometheus_write(out, &tally, 1795872219.25);
	fclose(out);
}

/* A whole line. */
static void
has(const char *line)
{
	const char *at = strstr(text, line);

	ck_assert_msg(at && (at == text || at[-1] == '\n') &&
			      at[strlen(line)] == '\n',
		      "not found: %s\nin: %s", line, text);
}

static void
some_messages(void)
{
	tally_connected(&tally, 0, 26000);
	for (int i = 0; i < 3; i++)
		tally_start(&tally, 0);
	tally_echo(&tally, 0, backend("web1"), 100, 9000);
	tally_echo(&tally, 0, backend("web1"), 100, 3 * SECOND / 2);
	lose(0, backend("web\"2"), OUTCOME_EARLY_FIN);
	lose(0, NULL, OUTCOME_CLOSED);
}

START_TEST(test_every_counter_of_a_target_is_there)
{
	begin(1);
	some_messages();
	print();
	has("# TYPE echoprobe_messages_started_total counter");
	has("echoprobe_messages_started_total" TARGET "} 3");
	has("echoprobe_messages_echoed_total" TARGET "} 2");
	has("echoprobe_connections_total" TARGET "} 1");
	has("echoprobe_bytes_total" TARGET "} 200");
	has("echoprobe_exit_status 1");
	has("echoprobe_last_write_timestamp_seconds 1795872219.250");
	end();
}
END_TEST

START_TEST(test_every_reason_has_a_sample)
{
	char line[128];

	begin(1);
	for (unsigned i = 1; i < OUTCOME_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			lose(0, NULL, i);
	print();
	for (unsigned i = 1; i < OUTCOME_COUNT; i++) {
		snprintf(line, sizeof(line),
			 "echoprobe_%s_total" TARGET ",reason=\"%s\"} %u",
			 outcome_ends_message(i) ? "messages_failed" :
						   "observations",
			 outcome_key(i), i);
		has(line);
	}
	ck_assert_ptr_null(strstr(text, "reason=\"echoed\""));
	end();
}
END_TEST

START_TEST(test_backends_have_their_counters)
{
	begin(1);
	print();
	ck_assert_ptr_null(strstr(text, "backend"));
	some_messages();
	print();
	has("echoprobe_backend_messages_total{backend=\"web1\"} 2");
	has("echoprobe_backend_messages_total{backend=\"web\\\"2\"} 0");
	has("echoprobe_backend_failed_total{backend=\"web1\"} 0");
	has("echoprobe_backend_failed_total{backend=\"web\\\"2\"} 1");
	end();
}
END_TEST

START_TEST(test_buckets_are_cumulative)
{
	begin(1);
	some_messages();
	print();
	has("# TYPE echoprobe_round_trip_seconds histogram");
	has("echoprobe_round_trip_seconds_bucket" TARGET ",le=\"1e-05\"} 1");
	has("echoprobe_round_trip_seconds_bucket" TARGET ",le=\"1\"} 1");
	has("echoprobe_round_trip_seconds_bucket" TARGET ",le=\"2.5\"} 2");
	has("echoprobe_round_trip_seconds_bucket" TARGET ",le=\"10\"} 2");
	has("echoprobe_round_trip_seconds_bucket" TARGET ",le=\"+Inf\"} 2");
	has("echoprobe_round_trip_seconds_sum" TARGET "} 1.500009000");
	has("echoprobe_round_trip_seconds_count" TARGET "} 2");
	has("echoprobe_connect_seconds_bucket" TARGET ",le=\"2.5e-05\"} 0");
	has("echoprobe_connect_seconds_bucket" TARGET ",le=\"5e-05\"} 1");
	has("echoprobe_connect_seconds_count" TARGET "} 1");
	end();
}
END_TEST

/* The value of the label "le" and the bound are in two columns of a table. */
START_TEST(test_a_bucket_counts_what_its_label_says)
{
	const char *at;
	unsigned buckets = 0;

	begin(1);
	/* From 7 us on, in steps of 3 %, which is more than a bucket has. */
	for (double time = 7e3; time < 2e10; time *= 1.03)
		tally_echo(&tally, 0, NULL, 1, (int64_t)time);
	print();
	at = strstr(text, "echoprobe_round_trip_seconds_bucket");
	while ((at = strstr(at, ",le=\"")) && at[5] != '+') {
		double bound = strtod(at + 5, NULL) * 1e9;
		unsigned long count = strtoul(strchr(at, ' '), NULL, 10);
		unsigned long least = 0, most = 0;

		for (double time = 7e3; time < 2e10; time *= 1.03) {
			least += time <= bound;
			most += time <= bound * 1.016;
		}
		ck_assert_uint_ge(count, least);
		ck_assert_uint_le(count, most);
		at++;
		buckets++;
	}
	ck_assert_uint_eq(buckets, 19);
	end();
}
END_TEST

START_TEST(test_a_certificate_is_there_if_it_is_known)
{
	begin(2);
	print();
	ck_assert_ptr_null(strstr(text, "certificate"));
	tally.targets[0].certificate_expires = 1795872219;
	print();
	has("echoprobe_tls_certificate_expiry_timestamp_seconds" TARGET
	    "} 1795872219");
	ck_assert_ptr_null(strstr(text, "expiry_timestamp_seconds{target=\"u"));
	end();
}
END_TEST

START_TEST(test_a_label_is_escaped)
{
	begin(2);
	print();
	has("echoprobe_bytes_total{target=\"unix:/\\\"\\\\\\n\\\\xff\"} 0");
	end();
}
END_TEST

START_TEST(test_two_targets_of_one_name_are_two_series)
{
	begin(3);
	tally_start(&tally, 2);
	print();
	has("echoprobe_messages_started_total" TARGET "} 0");
	has("echoprobe_messages_started_total" TARGET ",number=\"2\"} 1");
	end();
}
END_TEST

START_TEST(test_promtool_accepts_it)
{
	FILE *promtool;

	if (system("command -v promtool >/dev/null") != 0)
		skip("promtool is not installed (package prometheus)");
	begin(3);
	some_messages();
	tally.targets[0].certificate_expires = 1795872219;
	print();
	fflush(stdout);
	promtool = popen("promtool check metrics 1>&2", "w");
	ck_assert_ptr_nonnull(promtool);
	fputs(text, promtool);
	ck_assert_int_eq(pclose(promtool), 0);
	end();
}
END_TEST

START_TEST(test_the_file_is_replaced)
{
	char directory[] = "/tmp/check_report_prometheus.XXXXXX";
	char path[64], line[128];
	struct stat old, new;
	FILE *in;
	time_t now = time(NULL);

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/echoprobe.prom", directory);
	begin(1);
	ck_assert_int_eq(report_prometheus_save(path, &tally), 0);
	ck_assert_int_eq(stat(path, &old), 0);
	in = fopen(path, "r"); /* keeps its inode number in use */
	ck_assert_int_eq(report_prometheus_save(path, &tally), 0);
	ck_assert_int_eq(stat(path, &new), 0);
	ck_assert_uint_ne(old.st_ino, new.st_ino);
	while (fgets(line, sizeof(line), in))
		continue;
	fclose(in);
	ck_assert_int_eq(strncmp(line,
				 "echoprobe_last_write_timestamp_seconds ", 39),
			 0);
	ck_assert_int_ge(strtoll(line + 39, NULL, 10), now);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(directory), 0); /* nothing else is there */
	end();
}
END_TEST

START_TEST(test_a_file_that_cannot_be_written_is_an_error)
{
	begin(1);
	errno = 0;
	ck_assert_int_eq(report_prometheus_save("/nonexistent/a", &tally), -1);
	ck_assert_int_eq(errno, ENOENT);
	end();
}
END_TEST

SUITE(test_every_counter_of_a_target_is_there, test_every_reason_has_a_sample,
      test_backends_have_their_counters, test_buckets_are_cumulative,
      test_a_bucket_counts_what_its_label_says,
      test_a_certificate_is_there_if_it_is_known, test_a_label_is_escaped,
      test_two_targets_of_one_name_are_two_series, test_promtool_accepts_it,
      test_the_file_is_replaced, test_a_file_that_cannot_be_written_is_an_error)
