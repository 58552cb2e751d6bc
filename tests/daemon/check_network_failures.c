/* The whole daemon over a network with packet loss and outages. */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/lossy_link.h"
#include "support/suite.h"

/* Bytes of the long run: 1 GiB. */
#define LONG_LENGTH ((uint64_t)1 << 30)

#define LISTEN "listen = \"" LINK_SERVER ":0\"; workers = 1; "

/* In one struct with the link, which must outlive the daemon. */
struct scene {
	struct lossy_link *link;
	struct daemon *daemon;
};

static struct scene
start(const char *config)
{
	struct scene scene = { .link = lossy_link_new() };

	scene.daemon = daemon_start(config);
	lossy_link_enter_client(scene.link);
	return scene;
}

static int
connect_over(const struct scene *scene, int receive_buffer)
{
	return client_connect_between(NULL, LINK_SERVER,
				      daemon_port(scene->daemon, 0),
				      receive_buffer);
}

static void
end(struct scene *scene)
{
	ck_assert_int_eq(daemon_stop(scene->daemon), 0);
	lossy_link_free(scene->link);
}

/* Packets are lost, reordered and duplicated; the echo is complete. */
static void
exchange(const char *config, struct framing framing, uint64_t length)
{
	struct scene scene = start(config);

	lossy_link_set_quality(scene.link, LINK_BAD);
	client_exchange(connect_over(&scene, 0), &framing, length, 65536);
	daemon_wait_line(scene.daemon, "^Connection closed .* reason=eof ");
	ck_assert_uint_gt(lossy_link_lost(scene.link), 10);
	ck_assert_uint_gt(lossy_link_delayed(scene.link), 10);
	lossy_link_set_quality(scene.link, LINK_GOOD);
	end(&scene);
}

TEST(test_lossy_link, exchange(LISTEN, framing_of("GOT:", 1000), 4 << 20))
FAULT(17, test_lossy_link)

TEST(test_lossy_link_raw,
     exchange(LISTEN "prefix = \"\";", framing_of("", 1000), 8 << 20))
FAULT(17, test_lossy_link_raw)

START_TEST(test_lossy_link_for_long)
{
	skip_unless_long();
	exchange(LISTEN "prefix = \"\";", framing_of("", 1000), LONG_LENGTH);
}
END_TEST
FAULT(17, test_lossy_link_for_long)

/* The echo is unacknowledged, with nothing left in the daemon. */
static int
owe_in_flight(struct scene *scene)
{
	int fd = connect_over(scene, 0);

	client_say_hello(fd);
	lossy_link_set_quality(scene->link, LINK_DEAF);
	client_say(fd, "Hello\n");
	daemon_wait_counter(scene->daemon, "bytes_in", 12);
	return fd;
}

static void
check_vanished(struct scene *scene, int fd)
{
	const char *line = daemon_wait_line(
		scene->daemon, "^Connection closed .* reason=vanished ");

	ck_assert_uint_eq(line_number(line, "out"), 20);
	daemon_wait_counter(scene->daemon, "closed.vanished", 1);
	close(fd);
	end(scene);
}

/* Keepalive does not help: no probes are sent while data is unacknowledged. */
START_TEST(test_peer_vanishes)
{
	struct scene scene = start(LISTEN "write_timeout = 0.5;");
	int fd = owe_in_flight(&scene);

	lossy_link_set_quality(scene.link, LINK_CUT);
	check_vanished(&scene, fd);
}
END_TEST
FAULT(18, test_peer_vanishes)

START_TEST(test_link_goes_down)
{
	struct scene scene = start(LISTEN "write_timeout = 0.5;");
	int fd = owe_in_flight(&scene);

	lossy_link_take_down(scene.link);
	check_vanished(&scene, fd);
}
END_TEST
FAULT(18, test_link_goes_down)

/* More output is pending than the kernel holds. */
START_TEST(test_peer_vanishes_during_bulk)
{
	struct scene scene =
		start(LISTEN "write_timeout = 1.0; chunk_size = 1; "
			     "prefix = \"forty bytes, prefixed to each single "
			     "byte:\";");
	int fd = connect_over(&scene, 0);
	const char *line;

	lossy_link_set_quality(scene.link, LINK_DEAF);
	client_stuff(fd, 64 << 20);
	line = daemon_wait_line(scene.daemon,
				"^Connection closed .* reason=vanished ");
	ck_assert_uint_lt(line_number(line, "out"),
			  41 * line_number(line, "in"));
	close(fd);
	end(&scene);
}
END_TEST
FAULT(18, test_peer_vanishes_during_bulk)

/* An outage shorter than the time-out loses no byte. */
START_TEST(test_outage)
{
	struct scene scene = start(LISTEN);
	int fd = owe_in_flight(&scene);

	lossy_link_set_quality(scene.link, LINK_GOOD);
	client_hear(fd, "GOT:Hello\n");
	client_end(fd);
	end(&scene);
}
END_TEST

/* Reads `bytes` every `ms` until it has `most` or the stream ends. */
static uint64_t
read_slowly(int fd, size_t bytes, int ms, uint64_t most)
{
	char data[8192];
	uint64_t sum = 0;
	ssize_t got;

	while (sum < most && (got = recv(fd, data, bytes, 0)) > 0) {
		sum += (uint64_t)got;
		/* The pace that it keeps. */
		poll(NULL, 0, ms);
	}
	return sum;
}

/* 20,000 bytes a second, for four times the time-out. */
START_TEST(test_slow_reader_is_kept)
{
	struct scene scene = start(LISTEN "write_timeout = 1.0;");
	int fd = connect_over(&scene, 4096);

	client_stuff(fd, 64 << 20);
	ck_assert_uint_ge(read_slowly(fd, 1000, 50, 80000), 80000);
	ck_assert_uint_eq(daemon_counter(scene.daemon, "closed.write_timeout"),
			  0);
	client_reset(fd);
	daemon_wait_counter(scene.daemon, "open", 0);
	end(&scene);
}
END_TEST

/* The same pace, below the minimum rate. */
START_TEST(test_trickle_times_out)
{
	struct scene scene = start(LISTEN "write_timeout = 1.0; "
					  "minimum_rate = 100000;");
	int fd = connect_over(&scene, 4096);

	client_stuff(fd, 64 << 20);
	read_slowly(fd, 1000, 50, UINT64_MAX);
	daemon_wait_line(scene.daemon,
			 "^Connection closed .* reason=write_timeout ");
	close(fd);
	end(&scene);
}
END_TEST
FAULT(10, test_trickle_times_out)

SUITE(test_lossy_link, test_lossy_link_raw, test_lossy_link_for_long,
      test_peer_vanishes, test_link_goes_down, test_peer_vanishes_during_bulk,
      test_outage, test_slow_reader_is_kept, test_trickle_times_out)
