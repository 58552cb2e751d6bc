#include "admin/metrics.h"

#include <ctype.h>
#include <math.h>

#include "support/suite.h"

static char *
text_of(const struct metrics *metrics)
{
	size_t length;
	char *text = metrics_format(metrics, &length);

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), length);
	return text;
}

/* The line is there, as a whole.  Check takes no message of this length. */
static void
has(const char *text, const char *line)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	if (strstr(text, wanted))
		return;
	fprintf(stderr, "%s\n", text);
	ck_abort_msg("no \"%s\" in the text above", line);
}

static struct metrics
empty(void)
{
	return (struct metrics){ .version = "1.0.0", .libevent = "2.1.12" };
}

/* All counters are different: `n` and what follows it. */
static void
fill(struct stats *stats, uint64_t n)
{
	for (int i = 0; i < STATS_COUNTER_COUNT; i++)
		stats->counter[i] = n++;
	for (int i = 0; i < CLOSE_REASON_COUNT; i++)
		stats->closed[i] = n++;
	for (int i = 0; i < REFUSE_REASON_COUNT; i++)
		stats->refused[i] = n++;
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		stats->dropped[i] = n++;
}

START_TEST(test_every_counter_has_its_metric)
{
	struct metrics metrics = empty();
	uint64_t n;
	char *text, line[160];

	fill(&metrics.stats, 1000);
	text = text_of(&metrics);

	n = 1000;
#define EXPECT(...) \
	snprintf(line, sizeof(line), __VA_ARGS__, (unsigned long long)n++); \
	has(text, line);
#define COUNTED(name, what) EXPECT("echod_" #name "_total %llu")
#define CLOSED(name) \
	EXPECT("echod_connections_closed_total{reason=\"" #name "\"} %llu")
#define REFUSED(name) \
	EXPECT("echod_connections_refused_total{reason=\"" #name "\"} %llu")
#define DROPPED(name) \
	EXPECT("echod_datagrams_dropped_total{reason=\"" #name "\"} %llu")
	STATS_COUNTERS(COUNTED)
	CLOSE_REASONS(CLOSED)
	REFUSE_REASONS(REFUSED)
	DROP_REASONS(DROPPED)
	free(text);
}
END_TEST

START_TEST(test_every_counter_is_told_by_listener)
{
	struct stats_table_entry rows[2] = { { .name = "main" },
					     { .name = "a\"b" } };
	static const char *const labels[] = { "main", "a\\\"b" };
	struct metrics metrics = empty();
	char *text, line[160];

	metrics.rows = rows;
	metrics.row_count = 2;
	fill(&rows[0].stats, 1000);
	fill(&rows[1].stats, 2000);
	text = text_of(&metrics);
	for (unsigned row = 0; row < 2; row++) {
		const char *label = labels[row];
		uint64_t n = row == 0 ? 1000 : 2000;

#define OF_LISTENER(name, reason) \
	snprintf(line, sizeof(line), \
		 "echod_listener_" name "_total{listener=\"%s\"" reason \
		 "} %llu", \
		 label, (unsigned long long)n++); \
	has(text, line);
#define COUNTED_OF(name, what) OF_LISTENER(#name, "")
#define CLOSED_OF(name) \
	OF_LISTENER("connections_closed", ",reason=\"" #name "\"")
#define REFUSED_OF(name) \
	OF_LISTENER("connections_refused", ",reason=\"" #name "\"")
#define DROPPED_OF(name) \
	OF_LISTENER("datagrams_dropped", ",reason=\"" #name "\"")
		STATS_COUNTERS(COUNTED_OF)
		CLOSE_REASONS(CLOSED_OF)
		REFUSE_REASONS(REFUSED_OF)
		DROP_REASONS(DROPPED_OF)
	}
	/* The sums are for the caller to fill in. */
	has(text, "echod_chunks_total 0");
	free(text);
}
END_TEST

/* The counters in memory are of one bucket each; those of Prometheus add up. */
START_TEST(test_histograms_are_cumulative)
{
	struct stats_table_entry rows[2] = { { .name = "main" },
					     { .name = "a\"b" } };
	struct metrics metrics = empty();
	struct stats *stats = &rows[1].stats;
	static const char *const lines[] = {
		"# TYPE echod_echo_delay_seconds histogram",
		"echod_echo_delay_seconds_bucket{listener=\"a\\\"b\","
		"le=\"2.5e-06\"} 0",
		"echod_echo_delay_seconds_bucket{listener=\"a\\\"b\","
		"le=\"5e-06\"} 7",
		"echod_echo_delay_seconds_bucket{listener=\"a\\\"b\","
		"le=\"5e-05\"} 8",
		"echod_echo_delay_seconds_bucket{listener=\"a\\\"b\","
		"le=\"10\"} 8",
		"echod_echo_delay_seconds_bucket{listener=\"a\\\"b\","
		"le=\"+Inf\"} 10",
		"echod_echo_delay_seconds_sum{listener=\"a\\\"b\"} "
		"200.000075000",
		"echod_echo_delay_seconds_count{listener=\"a\\\"b\"} 10",
		"echod_echo_delay_seconds_count{listener=\"main\"} 0",
		"echod_tls_handshake_seconds_bucket{listener=\"main\","
		"le=\"+Inf\"} 0",
		"echod_tls_handshake_seconds_bucket{listener=\"a\\\"b\","
		"le=\"0.001\"} 0",
		"echod_tls_handshake_seconds_bucket{listener=\"a\\\"b\","
		"le=\"0.0025\"} 1",
		"echod_tls_handshake_seconds_count{listener=\"a\\\"b\"} 1",
		"echod_connection_duration_seconds_bucket{listener=\"a\\\"b\","
		"le=\"86400\"} 0",
		"echod_connection_duration_seconds_bucket{listener=\"a\\\"b\","
		"le=\"604800\"} 1",
		"echod_connection_duration_seconds_sum{listener=\"a\\\"b\"} "
		"86400.125000000",
	};
	char *text;

	metrics.rows = rows;
	metrics.row_count = 2;
	stats_measure(stats, HISTOGRAM_echo_delay, 0.000005, 7);
	stats_measure(stats, HISTOGRAM_echo_delay, 0.00004, 1);
	stats_measure(stats, HISTOGRAM_echo_delay, 100, 2);
	stats_measure(stats, HISTOGRAM_tls_handshake, 0.002, 1);
	stats_close(stats, CLOSE_eof, 86400125);
	text = text_of(&metrics);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		has(text, lines[i]);
	free(text);
}
END_TEST

START_TEST(test_every_value_is_told)
{
	unsigned workers[] = { 7, 0 };
	struct metrics_listener listeners[] = {
		{ "main", 5, 0 },
		{ "small", 2, 100 },
	};
	struct metrics_address addresses[] = {
		{ "main", (char *)"tcp:[::]:25000", "tcp", true, false, true },
		{ "main", (char *)"udp:[::]:25000", "udp", false, false,
		  false },
		{ "small", (char *)"unix:/a", "unix", false, true, false },
	};
	struct metrics_certificate certificates[] = {
		{ "main", "tls.certificate", "/etc/a.pem", 1795600000 },
		{ "main", "tls.client_ca", "/etc/a.pem", 253402300799 },
		{ "small", "tls.certificate", "/etc/b.pem", NAN },
	};
	struct metrics metrics = {
		.version = "1.0.0",
		.libevent = "2.1.12-stable",
		.started = 1795519016.25,
		.uptime = 86400.5,
		.draining = true,
		.open = 7,
		.limit = 20000,
		.workers = workers,
		.worker_count = 2,
		.listeners = listeners,
		.listener_count = 2,
		.addresses = addresses,
		.address_count = 3,
		.reloads = 3,
		.reloads_failed = 1,
		.reloaded = 1795519999.125,
		.reload_refused = 1795519998.5,
		.drain_delay_end = 1795520000.25,
		.drain_grace_end = 1795520008.25,
		.certificates = certificates,
		.certificate_count = 3,
		.host = "echo7",
		.process = { 1.5, 31, 20000, 248594432, 8355840, 4 },
		.log_suppressed = 11,
		.log_dropped = 9007199254740992,
	};
	static const char *const lines[] = {
		"echod_build_info{version=\"1.0.0\","
		"libevent=\"2.1.12-stable\"} 1",
		"echod_start_time_seconds 1795519016.250",
		"echod_uptime_seconds 86400.500",
		"echod_draining 1",
		"echod_open_connections 7",
		"echod_connections_limit 20000",
		"echod_worker_open_connections{worker=\"0\"} 7",
		"echod_worker_open_connections{worker=\"1\"} 0",
		"echod_listener_open_connections{listener=\"main\"} 5",
		"echod_listener_open_connections{listener=\"small\"} 2",
		"echod_listener_connections_limit{listener=\"small\"} 100",
		"echod_listener_info{listener=\"main\","
		"address=\"tcp:[::]:25000\",kind=\"tcp\",tls=\"yes\","
		"proxy_protocol=\"off\",fault=\"yes\"} 1",
		"echod_listener_info{listener=\"main\","
		"address=\"udp:[::]:25000\",kind=\"udp\",tls=\"no\","
		"proxy_protocol=\"off\",fault=\"no\"} 1",
		"echod_listener_info{listener=\"small\","
		"address=\"unix:/a\",kind=\"unix\",tls=\"no\","
		"proxy_protocol=\"on\",fault=\"no\"} 1",
		"echod_config_reloads_total{result=\"ok\"} 3",
		"echod_config_reloads_total{result=\"failed\"} 1",
		"echod_config_last_reload_successful 0",
		"echod_config_last_reload_success_timestamp_seconds "
		"1795519999.125",
		"echod_log_lines_suppressed_total 11",
		"echod_log_lines_dropped_total 9007199254740992",
		"echod_config_last_reload_refused_timestamp_seconds "
		"1795519998.500",
		"echod_drain_delay_end_timestamp_seconds 1795520000.250",
		"echod_drain_grace_end_timestamp_seconds 1795520008.250",
		"echod_tls_certificate_not_after_timestamp_seconds{"
		"listener=\"main\",setting=\"tls.certificate\","
		"certificate=\"/etc/a.pem\"} 1795600000",
		"echod_tls_certificate_not_after_timestamp_seconds{"
		"listener=\"main\",setting=\"tls.client_ca\","
		"certificate=\"/etc/a.pem\"} 253402300799",
		"echod_host_info{host=\"echo7\"} 1",
		"process_cpu_seconds_total 1.500000",
		"process_open_fds 31",
		"process_max_fds 20000",
		"process_virtual_memory_bytes 248594432",
		"process_resident_memory_bytes 8355840",
		"process_start_time_seconds 1795519016.250",
		"process_threads 4",
	};
	char *text = text_of(&metrics);

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		has(text, lines[i]);
	ck_assert_ptr_null(strstr(text, "limit{listener=\"main\"}"));
	ck_assert_ptr_null(strstr(text, "/etc/b.pem"));
	free(text);
}
END_TEST

START_TEST(test_no_value_has_no_sample)
{
	struct metrics metrics = empty();
	char *text;

	metrics.reload_refused = metrics.drain_grace_end = NAN;
	metrics.process = (struct process_stats){ 0, NAN, 1, NAN, NAN, NAN };
	text = text_of(&metrics);
	ck_assert_ptr_null(strstr(text, "nan"));
	ck_assert_ptr_null(strstr(text, "\nechod_config_last_reload_refused"));
	ck_assert_ptr_null(strstr(text, "\nechod_drain_grace_end"));
	ck_assert_ptr_null(strstr(text, "\nechod_host_info"));
	ck_assert_ptr_null(strstr(text, "\nprocess_open_fds"));
	has(text, "process_max_fds 1");
	free(text);
}
END_TEST

START_TEST(test_a_label_is_escaped)
{
	struct metrics_address address = {
		.listener = "main",
		.text = (char *)"unix:/a\"b\\c\nd{e},f=\xc3\xa9",
		.kind = "unix",
	};
	struct metrics metrics = empty();
	char *text;

	metrics.addresses = &address;
	metrics.address_count = 1;
	text = text_of(&metrics);
	has(text, "echod_listener_info{listener=\"main\","
		  "address=\"unix:/a\\\"b\\\\c\\nd{e},f=\xc3\xa9\","
		  "kind=\"unix\",tls=\"no\",proxy_protocol=\"off\","
		  "fault=\"no\"} 1");
	free(text);
	address.text = (char *)"unix:/\xff\xc3\xa9\xc3";
	text = text_of(&metrics);
	has(text, "echod_listener_info{listener=\"main\","
		  "address=\"unix:/\\\\xff\xc3\xa9\\\\xc3\",kind=\"unix\","
		  "tls=\"no\",proxy_protocol=\"off\",fault=\"no\"} 1");
	free(text);
}
END_TEST

/* "NAME" in "# HELP NAME Text." */
static void
take_name(const char *line, char name[128])
{
	ck_assert_int_eq(sscanf(line, "# HELP %127s", name), 1);
}

static bool
is_histogram(const char *name)
{
#define HISTOGRAM(kind, ...) \
	if (strcmp(name, "echod_" #kind "_seconds") == 0) \
		return true;
	HISTOGRAMS(HISTOGRAM)
	return false;
}

/*
 * HELP, TYPE and samples follow each other, once for each name; a help is a
 * sentence; counters alone are called "_total".
 */
START_TEST(test_families_are_whole_and_well_named)
{
	struct metrics metrics = empty();
	char *text = text_of(&metrics), *rest = text, *line;
	char name[128] = "", start[160], known[8192] = "\n";
	bool typed = true;
	size_t families = 0;

	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	while ((line = strsep(&rest, "\n")) && (*line || rest)) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			const char *help;

			ck_assert_msg(typed, "no TYPE before: %s", line);
			take_name(line, name);
			snprintf(start, sizeof(start), "\n%s\n", name);
			ck_assert_msg(!strstr(known, start), "%s twice", name);
			strcat(known, start + 1);
			help = line + 8 + strlen(name);
			ck_assert_msg(isupper((unsigned char)*help) ||
					      isdigit((unsigned char)*help),
				      "%s", line);
			ck_assert_int_eq(line[strlen(line) - 1], '.');
			typed = false;
			families++;
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			bool counter = strstr(line, " counter") != NULL;
			size_t length = strlen(name);

			ck_assert(!typed);
			ck_assert_msg(strncmp(line + 7, name, length) == 0,
				      "%s after %s", line, name);
			ck_assert_str_eq(line + 7 + length,
					 counter	    ? " counter" :
					 is_histogram(name) ? " histogram" :
							      " gauge");
			ck_assert_int_eq(strcmp(name + length - 6, "_total") ==
						 0,
					 counter);
			typed = true;
		} else {
			ck_assert(typed);
			ck_assert_msg(strncmp(line, name, strlen(name)) == 0 &&
					      strchr("{ ", line[strlen(name)]),
				      "\"%s\" below %s", line, name);
		}
		ck_assert(strncmp(name, "echod_", 6) == 0 ||
			  strncmp(name, "process_", 8) == 0);
	}
	ck_assert_uint_gt(families, STATS_COUNTER_COUNT);
	free(text);
}
END_TEST

START_TEST(test_what_it_points_to_is_freed)
{
	struct metrics metrics = {
		.workers = malloc(1),
		.listeners = malloc(1),
		.rows = malloc(1),
		.addresses = calloc(2, sizeof(struct metrics_address)),
		.address_count = 2,
	};

	metrics.certificates = malloc(1);
	/* As where memory ran out in between; LeakSanitizer looks on. */
	metrics.addresses[0].text = strdup("tcp:127.0.0.1:7");
	metrics_free(&metrics);
}
END_TEST

SUITE(test_histograms_are_cumulative, test_every_counter_has_its_metric,
      test_every_counter_is_told_by_listener, test_every_value_is_told,
      test_no_value_has_no_sample, test_a_label_is_escaped,
      test_families_are_whole_and_well_named, test_what_it_points_to_is_freed)
