#include "probe/probe_options.h"

#include <sys/socket.h>

#include "probe/probe_option_table.h"
#include "support/probe_arguments.h"

START_TEST(test_a_url_alone_has_the_defaults)
{
	accepts(TCP);
	ck_assert_int_eq(options.action, PROBE_RUN);
	ck_assert_uint_eq(options.url_count, 1);
	ck_assert_str_eq(options.urls[0], TCP);
	ck_assert_uint_eq(options.peers, 1);
	ck_assert_uint_eq(options.count, PROBE_DEFAULT_COUNT);
	ck_assert(options.seconds <= 0);
	ck_assert(options.rate <= 0);
	ck_assert(!options.rate_given);
	ck_assert_uint_eq(options.burst, 1);
	ck_assert_double_eq(options.timeout, 5);
	ck_assert_uint_eq(options.sizes.least, 128);
	ck_assert_uint_eq(options.sizes.most, 128);
	ck_assert_uint_eq(options.sizes.step, 0);
	ck_assert_ptr_null(options.framing.prefix);
	ck_assert_uint_eq(options.framing.chunk_size, SIZE_MAX);
	ck_assert_int_eq(options.socket.family, AF_UNSPEC);
	ck_assert_int_eq(options.socket.dscp, -1);
	ck_assert_int_eq(options.socket.ttl, -1);
	ck_assert_int_eq(options.socket.proxy_version, 2);
}
END_TEST

START_TEST(test_options_of_the_load_are_taken)
{
	accepts("-c", "50", TCP, "-n", "10000", "-d", "1.5", "-r", "0.5", "-t",
		".25", "--fail-fast", "--step", UDP);
	ck_assert_uint_eq(options.url_count, 2);
	ck_assert_str_eq(options.urls[0], TCP);
	ck_assert_str_eq(options.urls[1], UDP);
	ck_assert_uint_eq(options.peers, 50);
	ck_assert_uint_eq(options.count, 10000);
	ck_assert_double_eq(options.seconds, 1.5);
	ck_assert_double_eq(options.rate, 0.5);
	ck_assert(options.rate_given);
	ck_assert_double_eq(options.timeout, 0.25);
	ck_assert(options.fail_fast);
	ck_assert(options.step);

	accepts("--stream", TCP);
	ck_assert(options.stream);
	accepts("--reconnect", TCP);
	ck_assert(options.reconnect);
	ck_assert(!options.half_close);
}
END_TEST

START_TEST(test_a_load_has_a_limit_unless_one_is_chosen)
{
	accepts("--connections=3", TCP);
	ck_assert_uint_eq(options.count, 3 * PROBE_DEFAULT_COUNT);
	accepts("--duration=1", TCP);
	ck_assert_uint_eq(options.count, 0);
	accepts("--until-signal", TCP);
	ck_assert_uint_eq(options.count, 0);
	ck_assert(options.seconds <= 0);
	accepts("-c", "5", "-n", "5", TCP);
	ck_assert_uint_eq(options.count, 5);
	refuses("--count: 4 messages are too few for 5 connections, each must"
		" have one",
		"-c", "5", "-n", "4", TCP);
}
END_TEST

START_TEST(test_every_is_the_rate_of_all_peers)
{
	accepts("-e", "0.05", "-c", "4", UDP);
	ck_assert_double_eq_tol(options.rate, 80, 1e-9);
	ck_assert(options.rate_given);
	refuses("--every: more than 1000000000 messages a second", "-e",
		"0.0001", "-c", "100001", TCP);
}
END_TEST

START_TEST(test_rate_max_is_not_the_default_rate_of_udp)
{
	accepts("--rate=max", UDP);
	ck_assert(options.rate <= 0);
	ck_assert(options.rate_given);
}
END_TEST

START_TEST(test_half_close_needs_a_connection_for_each_message)
{
	accepts("--half-close", TCP);
	ck_assert(options.half_close);
	ck_assert(options.reconnect);
}
END_TEST

START_TEST(test_sizes_are_one_or_a_range)
{
	static const struct {
		const char *text;
		size_t least, most, step;
	} cases[] = {
		{ "8", 8, 8, 0 },
		{ "8-64", 8, 64, 0 },
		{ "8-8", 8, 8, 0 },
		{ "8-64/8", 8, 64, 8 },
		{ "1000-1500/500", 1000, 1500, 500 },
		{ "1073741824", 1 << 30, 1 << 30, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		accepts("-s", cases[i].text, TCP);
		ck_assert_uint_eq(options.sizes.least, cases[i].least);
		ck_assert_uint_eq(options.sizes.most, cases[i].most);
		ck_assert_uint_eq(options.sizes.step, cases[i].step);
	}
}
END_TEST

START_TEST(test_a_wrong_size_is_an_error)
{
	static const char *const texts[] = {
		"",	   "0",		 "-8",
		"8-",	   "8-64/",	 "8-64/0",
		"8-64/8/", "8/8",	 "8x",
		" 8",	   "8 - 64",	 "+8",
		"8--64",   "1073741825", "99999999999999999999",
		"8-64x",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected),
			 "--size: \"%s\" is not N, N-M or N-M/STEP, each from 1"
			 " to 1073741824",
			 texts[i]);
		refuses(expected, "-s", texts[i], TCP);
	}
	refuses("--size: 64-8: the first size is the larger one", "-s", "64-8",
		TCP);
	refuses("--size: 8-64/57: the step leads beyond the last size", "-s",
		"8-64/57", TCP);
}
END_TEST

START_TEST(test_options_of_the_framing_are_taken)
{
	accepts("-p", "GOT:", "-k", "4096", TCP);
	ck_assert_str_eq(options.framing.prefix, "GOT:");
	ck_assert_uint_eq(options.framing.prefix_length, 4);
	ck_assert_uint_eq(options.framing.chunk_size, 4096);
	ck_assert(!options.framing.lines);
	accepts("--prefix=", "--lines", "--backend=web([0-9]+)", TCP);
	ck_assert_str_eq(options.framing.prefix, "");
	ck_assert_uint_eq(options.framing.prefix_length, 0);
	ck_assert(options.lines);
	ck_assert(options.framing.lines);
	ck_assert_str_eq(options.backend, "web([0-9]+)");
}
END_TEST

START_TEST(test_options_of_the_network_are_taken)
{
	accepts("-4", "--each-address", "--dscp=46", "--ttl=255",
		"--no-fragment", "--proxy-from=192.0.2.9:4242",
		"--proxy-version=1", TCP);
	ck_assert_int_eq(options.socket.family, AF_INET);
	ck_assert(options.each_address);
	ck_assert_int_eq(options.socket.dscp, 46);
	ck_assert_int_eq(options.socket.ttl, 255);
	ck_assert(options.socket.no_fragment);
	ck_assert_str_eq(options.socket.proxy_from, "192.0.2.9:4242");
	ck_assert_int_eq(options.socket.proxy_version, 1);
	accepts("-6", "--dscp=0", UDP);
	ck_assert_int_eq(options.socket.family, AF_INET6);
	ck_assert_int_eq(options.socket.dscp, 0);
	ck_assert_ptr_nonnull(parse(ARGUMENTS("--proxy-from=nowhere", TCP)));
	ck_assert_int_eq(strncmp(options.reason, "--proxy-from: ", 14), 0);
}
END_TEST

START_TEST(test_sources_are_a_list)
{
	char text[TARGET_ADDRESS_SIZE];

	accepts("--source=192.0.2.1,192.0.2.2,2001:db8::7", "-c", "2",
		"--source-port=7", UDP);
	ck_assert_uint_eq(options.socket.source_count, 3);
	ck_assert_str_eq(target_format(&options.socket.sources[0], text),
			 "192.0.2.1:0");
	ck_assert_str_eq(target_format(&options.socket.sources[1], text),
			 "192.0.2.2:0");
	ck_assert_str_eq(target_format(&options.socket.sources[2], text),
			 "[2001:db8::7]:0");
	ck_assert_uint_eq(options.socket.source_port, 7);
	accepts("--source=192.0.2.1,192.0.2.2", "--reconnect", TCP);
	refuses("--source: more addresses than --connections",
		"--source=192.0.2.1,192.0.2.2", TCP);
	refuses("--source: 2001:db8::7 is not an IPv4 address", "-4",
		"--source=2001:db8::7", TCP);
	refuses("--source: 192.0.2.1 is not an IPv6 address", "-6",
		"--source=192.0.2.1", TCP);
}
END_TEST

START_TEST(test_options_of_tls_are_taken)
{
	accepts("--ca=ca.pem", "--server-name=echo.example", "--alpn=h2,echo",
		"--cert=cert.pem", "--key=key.pem", "--expiry=14.5", TLS);
	ck_assert_str_eq(options.tls.ca, "ca.pem");
	ck_assert_str_eq(options.tls.server_name, "echo.example");
	ck_assert_str_eq(options.tls.alpn, "h2,echo");
	ck_assert_str_eq(options.tls.certificate, "cert.pem");
	ck_assert_str_eq(options.tls.key, "key.pem");
	ck_assert_double_eq(options.tls.expiry_days, 14.5);
	ck_assert(!options.tls.insecure);
	accepts("--insecure", TLS);
	ck_assert(options.tls.insecure);
}
END_TEST

START_TEST(test_options_of_the_output_are_taken)
{
	accepts("--json", "--prometheus=p.prom", "--svg=p.svg", TCP);
	ck_assert(options.json);
	ck_assert_str_eq(options.prometheus, "p.prom");
	ck_assert_str_eq(options.svg, "p.svg");
	accepts("-q", TCP);
	ck_assert(options.quiet);
	refuses("--prometheus and --svg name the same file", "--svg=a",
		"--prometheus=a", TCP);
}
END_TEST

START_TEST(test_a_number_out_of_its_range_is_an_error)
{
	static const struct {
		const char *option, *least, *most, *below, *above, *range;
	} cases[] = {
		{ "--connections", "1", "1000000", "0", "1000001",
		  "whole number from 1 to 1000000" },
		{ "--duration", "0.001", "100000000", "0", "100000001",
		  "number from 0.001 to 100000000" },
		{ "--every", "0.0001", "1000000", "0.00009", "1000001",
		  "number from 0.0001 to 1000000" },
		{ "--timeout", "0.001", "1000000", "0", "1000000.1",
		  "number from 0.001 to 1000000" },
		{ "--chunk-size", "1", "1073741824", "0", "1073741825",
		  "whole number from 1 to 1073741824" },
		{ "--source-port", "1", "65535", "0", "65536",
		  "whole number from 1 to 65535" },
		{ "--dscp", "0", "63", "-1", "64",
		  "whole number from 0 to 63" },
		{ "--ttl", "1", "255", "0", "256",
		  "whole number from 1 to 255" },
		{ "--expiry", "0.001", "100000", "0", "100001",
		  "number from 0.001 to 100000" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *option = cases[i].option;
		char expected[128];

		accepts(option, cases[i].least, TLS);
		accepts(option, cases[i].most, TLS);
		snprintf(expected, sizeof(expected), "%s: \"%s\" is not a %s",
			 option, cases[i].below, cases[i].range);
		refuses(expected, option, cases[i].below, TLS);
		snprintf(expected, sizeof(expected), "%s: \"%s\" is not a %s",
			 option, cases[i].above, cases[i].range);
		refuses(expected, option, cases[i].above, TLS);
	}
	accepts("-n", "1000000000000000", TCP);
	refuses("--count: \"1000000000000001\" is not a whole number from 1 to"
		" 1000000000000000",
		"-n", "1000000000000001", TCP);
	refuses("--proxy-version: \"3\" is not a whole number from 1 to 2",
		"--proxy-from=192.0.2.1", "--proxy-version=3", TCP);
	refuses("--burst: \"0\" is not a whole number from 1 to 1024",
		"--burst=0", "--rate=max", UDP);
}
END_TEST

START_TEST(test_what_is_not_a_number_is_an_error)
{
	static const char *const texts[] = {
		"",	"x",	 "1x",	"-1",  "+1",
		" 1",	"1 ",	 "0x1", "1e3", "nan",
		"inf",	"1.2.3", ".",	"1,5", "18446744073709551617",
		"max1",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected),
			 "--connections: \"%s\" is not a whole number from 1 to"
			 " 1000000",
			 texts[i]);
		refuses(expected, "-c", texts[i], TCP);
		snprintf(expected, sizeof(expected),
			 "--timeout: \"%s\" is not a number from 0.001 to"
			 " 1000000",
			 texts[i]);
		refuses(expected, "-t", texts[i], TCP);
		snprintf(expected, sizeof(expected),
			 "--rate: \"%s\" is not max, and not a number from"
			 " 0.0001 to 1000000000",
			 texts[i]);
		refuses(expected, "-r", texts[i], TCP);
	}
	refuses("--connections: \"1.0\" is not a whole number from 1 to"
		" 1000000",
		"-c", "1.0", TCP);
}
END_TEST

START_TEST(test_an_empty_value_is_an_error)
{
	static const char *const names[] = {
		"ca",	      "server-name", "alpn",	"cert",	      "key",
		"prometheus", "svg",	     "backend", "proxy-from",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char option[64], expected[64];

		snprintf(option, sizeof(option), "--%s=", names[i]);
		snprintf(expected, sizeof(expected), "--%s: its value is empty",
			 names[i]);
		refuses(expected, option, TLS);
	}
}
END_TEST

START_TEST(test_no_value_can_be_given_twice)
{
	for (int i = 0; i < OPTIONS; i++) {
		const struct probe_option_row *row = &probe_option_table[i];
		char option[64], expected[64];

		if (row->type == OPTION_IS_FLAG)
			continue;
		/* A valid value of each option. */
		snprintf(option, sizeof(option), "--%s=%s", row->name,
			 i == OPTION_SOURCE ? "::1" : "1");
		snprintf(expected, sizeof(expected),
			 "--%s: it can be given once only", row->name);
		refuses(expected, option, option, TLS);
	}
	refuses("--connections: it can be given once only", "-c1",
		"--connections=1", TCP);
}
END_TEST

START_TEST(test_an_unknown_option_is_reported_by_getopt)
{
	refuses("", "--no-such-option", TCP);
	refuses("", "-x", TCP);
	refuses("", TCP, "-c");
	refuses("", "--json=yes", TCP);
}
END_TEST

START_TEST(test_help_and_version_need_nothing_else)
{
	accepts("-h");
	ck_assert_int_eq(options.action, PROBE_HELP);
	accepts("--version", "--no-such-option");
	ck_assert_int_eq(options.action, PROBE_VERSION);
}
END_TEST

START_TEST(test_the_help_has_each_option_and_fits_the_screen)
{
	char *text = NULL, *rest, *line;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	probe_options_print_usage(out);
	fclose(out);
	for (int i = 0; i < OPTIONS; i++) {
		const struct probe_option_row *row = &probe_option_table[i];
		bool is_flag = row->type == OPTION_IS_FLAG;
		char option[64], start[8] = "    ";

		if (row->letter)
			snprintf(start, sizeof(start), "-%c, ", row->letter);
		snprintf(option, sizeof(option), "\n  %s--%s%c", start,
			 row->name, is_flag ? ' ' : '=');
		ck_assert_msg(strstr(text, option), "%s is missing",
			      option + 3);
	}
	rest = text;
	while ((line = strsep(&rest, "\n")))
		ck_assert_msg(strlen(line) <= 80, "%s", line);
	free(text);
}
END_TEST

SUITE(test_a_url_alone_has_the_defaults, test_options_of_the_load_are_taken,
      test_a_load_has_a_limit_unless_one_is_chosen,
      test_every_is_the_rate_of_all_peers,
      test_rate_max_is_not_the_default_rate_of_udp,
      test_half_close_needs_a_connection_for_each_message,
      test_sizes_are_one_or_a_range, test_a_wrong_size_is_an_error,
      test_options_of_the_framing_are_taken,
      test_options_of_the_network_are_taken, test_sources_are_a_list,
      test_options_of_tls_are_taken, test_options_of_the_output_are_taken,
      test_a_number_out_of_its_range_is_an_error,
      test_what_is_not_a_number_is_an_error, test_an_empty_value_is_an_error,
      test_no_value_can_be_given_twice,
      test_an_unknown_option_is_reported_by_getopt,
      test_help_and_version_need_nothing_else,
      test_the_help_has_each_option_and_fits_the_screen)
