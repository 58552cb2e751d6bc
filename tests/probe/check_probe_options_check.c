#include "probe/probe_options_check.h"

#include "support/probe_arguments.h"

START_TEST(test_a_datagram_must_fit)
{
	accepts("-s", "65507", UDP);
	accepts("-s", "65508", TCP);
	refuses("--size: a datagram has at most 65507 bytes", "-s", "65508",
		UDP);
	refuses("--size: a datagram has at most 65507 bytes", "-s", "8-65508",
		TCP, UDP);
}
END_TEST

START_TEST(test_a_prefix_is_not_learned_from_short_lines)
{
	static const char expected[] =
		"--size: with lines of fewer than 8 bytes, the prefix cannot be"
		" learned: give --prefix, even if it is empty";

	refuses(expected, "--lines", "-s", "7", TCP);
	refuses(expected, "--lines", "-s", "7-100", UDP, UNIX);
	accepts("--lines", "-s", "8-100", TCP);
	accepts("--lines", "-s", "2", "-p", "", TCP);
	accepts("-s", "1", TCP);
	accepts("-s", "1", UDP);
}
END_TEST

START_TEST(test_a_wrong_source_is_an_error)
{
	static const char *const texts[] = { "", ",", "192.0.2.1,",
					     "localhost" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *error =
			parse(ARGUMENTS("-c", "9", "--source", texts[i], TCP));

		ck_assert_msg(error, "\"%s\" is accepted", texts[i]);
		ck_assert_msg(strncmp(error, "--source: ", 10) == 0, "%s",
			      error);
	}
}
END_TEST

START_TEST(test_a_source_port_has_one_connection_for_each_source)
{
	static const char expected[] = "--source-port needs a --source for"
				       " each connection to each target";

	accepts("--source-port=7", TCP);
	accepts("--source-port=7", "-c2", "--source=192.0.2.1,192.0.2.2", TCP);
	refuses(expected, "--source-port=7", "-c2", TCP);
	refuses(expected, "--source-port=7", TCP, UDP);
	refuses(expected, "--source-port=7", "-c3",
		"--source=192.0.2.1,192.0.2.2", TCP);
}
END_TEST

START_TEST(test_a_name_for_tls_has_255_bytes_at_most)
{
	static const char alpn[] = "--alpn: each name must have 1 to 255 bytes";
	char name[257] = { 0 };

	memset(name, 'a', 255);
	accepts("--server-name", name, "--alpn", name, TLS);
	name[255] = 'a';
	refuses("--server-name: more than 255 bytes", "--server-name", name,
		TLS);
	refuses(alpn, "--alpn", name, TLS);
	refuses(alpn, "--alpn", "h2,", TLS);
	refuses(alpn, "--alpn", ",h2", TLS);
	refuses(alpn, "--alpn", "h2,,echo", TLS);
}
END_TEST

START_TEST(test_a_burst_needs_no_rate_but_the_highest)
{
	accepts("--burst=64", "--rate=max", "--gso", UDP);
	ck_assert_uint_eq(options.burst, 64);
	ck_assert(options.gso);
	refuses("--burst needs --rate=max", "--burst=64", UDP);
	refuses("--burst needs --rate=max", "--burst=64", "--rate=5", UDP);
	refuses("--gso needs --burst", "--gso", "--rate=max", UDP);
	refuses("--gso needs --connections=1", "--gso", "--burst=2", "-c2",
		"--rate=max", UDP);
	refuses("--gso needs one --size for all datagrams", "--gso",
		"--burst=2", "--rate=max", "-s1-9", UDP);
}
END_TEST

START_TEST(test_options_that_contradict_each_other_are_an_error)
{
	static const struct {
		const char *one, *other, *expected;
	} cases[] = {
		{ "--rate=1", "--every=1", "--rate and --every" },
		{ "--until-signal", "-n1", "--until-signal and --count" },
		{ "--until-signal", "-d1", "--until-signal and --duration" },
		{ "--stream", "--rate=1", "--stream and --rate" },
		{ "--stream", "--every=1", "--stream and --every" },
		{ "--stream", "--reconnect", "--stream and --reconnect" },
		{ "--stream", "--half-close", "--stream and --half-close" },
		{ "--lines", "-k1", "--lines and --chunk-size" },
		{ "-4", "-6", "--ipv4 and --ipv6" },
		{ "--source-port=7", "--reconnect",
		  "--source-port and --reconnect" },
		{ "--source-port=7", "--half-close",
		  "--source-port and --half-close" },
		{ "--insecure", "--ca=a", "--insecure and --ca" },
		{ "--pause=1", "--every=1", "--pause and --every" },
		{ "--pause=1", "--rate=max", "--pause and --rate" },
		{ "--pause=1", "--stream", "--stream and --pause" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char expected[96];

		accepts(cases[i].one, TLS);
		accepts(cases[i].other, TLS);
		snprintf(expected, sizeof(expected), "%s cannot be combined",
			 cases[i].expected);
		refuses(expected, cases[i].one, cases[i].other, TLS);
		refuses(expected, TLS, cases[i].other, cases[i].one);
	}
	refuses("--key needs --cert", "--key=a", TLS);
	refuses("--proxy-version needs --proxy-from", "--proxy-version=1", TCP);
}
END_TEST

START_TEST(test_an_option_needs_a_target_that_it_concerns)
{
	static const struct {
		const char *option, *without, *with, *expected;
	} cases[] = {
		{ "--stream", UDP, UNIX,
		  "--stream needs a target that is not"
		  " udp://" },
		{ "--reconnect", UDP, TCP,
		  "--reconnect needs a target that is"
		  " not udp://" },
		{ "--half-close", UDP, TCP,
		  "--half-close needs a target that"
		  " is not udp://" },
		{ "--chunk-size=9", UDP, TLS,
		  "--chunk-size needs a target that"
		  " is not udp://" },
		{ "--lines", UDP, TCP,
		  "--lines needs a target that is not"
		  " udp://" },
		{ "--proxy-from=192.0.2.1", UDP, TCP,
		  "--proxy-from needs a target that is not udp://" },
		{ "--ca=a", TCP, TLS, "--ca needs a tls:// target" },
		{ "--server-name=a", TCP, TLS,
		  "--server-name needs a tls:// target" },
		{ "--alpn=a", UDP, TLS, "--alpn needs a tls:// target" },
		{ "--cert=a", UNIX, TLS, "--cert needs a tls:// target" },
		{ "--insecure", TCP, TLS, "--insecure needs a tls:// target" },
		{ "--expiry=9", TCP, TLS, "--expiry needs a tls:// target" },
		{ "-4", UNIX, TCP, "--ipv4 needs a target that is not unix:" },
		{ "-6", UNIX, UDP, "--ipv6 needs a target that is not unix:" },
		{ "--each-address", UNIX, TCP,
		  "--each-address needs a target that is not unix:" },
		{ "--source=192.0.2.1", UNIX, TCP,
		  "--source needs a target that is not unix:" },
		{ "--dscp=1", UNIX, TCP,
		  "--dscp needs a target that is not unix:" },
		{ "--ttl=1", UNIX, UDP,
		  "--ttl needs a target that is not unix:" },
		{ "--no-fragment", UNIX, TCP,
		  "--no-fragment needs a target that is not unix:" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		refuses(cases[i].expected, cases[i].option, cases[i].without);
		accepts(cases[i].option, cases[i].with);
		accepts(cases[i].option, cases[i].without, cases[i].with);
	}
	refuses("--burst needs a udp:// target", "--burst=2", "--rate=max",
		TCP);
	refuses("--source-port needs a target that is not unix:",
		"--source-port=7", UNIX);
}
END_TEST

START_TEST(test_a_wrong_url_is_an_error)
{
	refuses("a URL is missing, such as tcp://HOST:PORT", "-c1");
	refuses("tcp://192.0.2.1: the port is missing", TCP, "tcp://192.0.2.1");
}
END_TEST

SUITE(test_a_datagram_must_fit, test_a_prefix_is_not_learned_from_short_lines,
      test_a_wrong_source_is_an_error,
      test_a_source_port_has_one_connection_for_each_source,
      test_a_name_for_tls_has_255_bytes_at_most,
      test_a_burst_needs_no_rate_but_the_highest,
      test_options_that_contradict_each_other_are_an_error,
      test_an_option_needs_a_target_that_it_concerns,
      test_a_wrong_url_is_an_error)
