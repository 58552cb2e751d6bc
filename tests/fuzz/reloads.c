/*
 * A sequence of reloads, each a word of the script (see script_config.h), by
 * the layers below the server, with real workers. After each reload the
 * addresses of the running configuration answer and others do not.
 */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/http_status.h"
#include "base/error.h"
#include "base/stats_table.h"
#include "config/config.h"
#include "control/deployment.h"
#include "control/worker_pool.h"
#include "fixture.h"
#include "fuzz.h"
#include "listen/graceful_close.h"
#include "listen/socket.h"
#include "script_config.h"
#include "tcp/connection_limits.h"

#define RELOADS_MAX 6
#define WORKERS 2
#define DEADLINE_S 8

/* More than a graceful close waits for handshakes. */
#define WITHDRAWAL_MS 2000

static struct play {
	struct limits *limits;
	struct stats_table *stats;
	struct worker_pool *pool;
	struct broadcast *broadcast;
	struct http_status *status;
	struct graceful_close *graceful_close;
	struct deployment *deployment; /* running */
	struct script_config wanted;   /* likewise */
	bool serving, withdrawn;
} play;

/* ---- waiting */

static bool
is_serving(void)
{
	return play.serving;
}

static bool
is_withdrawn(void)
{
	return play.withdrawn;
}

static bool
is_empty(void)
{
	return limits_count(play.limits) == 0;
}

static void
wait_until(bool (*done)(void))
{
	time_t deadline = time(NULL) + DEADLINE_S;

	while (!done()) {
		FUZZ_EXPECT(time(NULL) <= deadline);
		fixture_turn();
		sched_yield();
	}
}

static void
on_applied(void *owner)
{
	(void)owner;
	play.serving = true;
}

static void
on_withdrawn(void *owner)
{
	(void)owner;
	play.withdrawn = true;
}

/* ---- reload, as the server does it */

static struct deployment *
prepare(struct config *config, struct error_list *errors, int *error)
{
	struct deployment *next = deployment_prepare(config, play.deployment,
						     NULL, play.limits,
						     play.stats, errors, error);

	FUZZ_EXPECT(!next ||
		    http_status_prepare(play.status,
					deployment_listening_set(next)));
	return next;
}

static void
replace(struct deployment *next)
{
	struct deployment *before = play.deployment;

	if (before) {
		play.withdrawn = false;
		deployment_close_dropped(before, next, play.graceful_close);
		graceful_close_wait(play.graceful_close);
		fixture_advance(WITHDRAWAL_MS);
		wait_until(is_withdrawn);
	}
	http_status_serve(play.status, &deployment_config(next)->status.hosts);
	deployment_free(before);
	play.deployment = next;
	play.serving = false;
	deployment_commit(next, play.broadcast, on_applied);
	wait_until(is_serving);
}

/* Returns true if it is the running configuration now. */
static bool
apply(const struct script_config *wanted)
{
	struct error_list errors;
	struct config *config;
	struct deployment *next = NULL;
	int error = 0;

	error_list_init(&errors, "conf");
	config = config_parse(wanted->text, strlen(wanted->text), &errors);
	if (config)
		next = prepare(config, &errors, &error);
	FUZZ_EXPECT(!next == error_any(&errors));
	if (!next && wanted->is_plain) {
		fprintf(stderr, "%s\n%s\n", wanted->text, errors.items[0].text);
		FUZZ_EXPECT(!"there is a reason to refuse it");
	}
	if (next)
		replace(next);
	config_unref(config);
	error_list_free(&errors);
	return next;
}

/* ---- checks */

/* Port 0 is resolved by deployment_print(); false if nothing listens there. */
static bool
resolve(unsigned at, struct listen_address *listen_address)
{
	char text[64], reason[192], *all, *found;
	size_t size;
	FILE *out;

	FUZZ_EXPECT(!listen_address_parse(script_address_text(at, text),
					  listen_address, reason,
					  sizeof(reason)));
	if (!listen_address_takes_any_port(listen_address))
		return true;
	out = open_memstream(&all, &size);
	FUZZ_EXPECT(out);
	deployment_print(play.deployment, out);
	fclose(out);
	/* Without the port; no other address has this host. */
	text[strlen(text) - 1] = '\0';
	found = strstr(all, text);
	if (found)
		address_set_port(&listen_address->address,
				 (uint16_t)strtoul(found + strlen(text), NULL,
						   10));
	free(all);
	return found;
}

static int failure; /* errno of the last connect(2) that failed */

static int
try_connect(const struct listen_address *listen_address)
{
	struct sockaddr_un un;
	const struct sockaddr *sa = &listen_address->address.sa;
	socklen_t length = listen_address->address.length;
	int family = address_family(&listen_address->address);
	/* No TIME_WAIT, which would use up the ephemeral ports. */
	struct linger none = { .l_onoff = 1, .l_linger = 0 };
	int fd;

	if (listen_address->protocol == PROTOCOL_UNIX) {
		family = AF_UNIX;
		length = listen_address_sockaddr(listen_address, &un);
		sa = (const struct sockaddr *)&un;
	}
	fd = socket(family,
		    listen_address->protocol == PROTOCOL_UDP ? SOCK_DGRAM :
							       SOCK_STREAM,
		    0);
	FUZZ_EXPECT(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (connect(fd, sa, length) == 0)
		return fd;
	failure = errno;
	close(fd);
	/* libFuzzer has a timer without SA_RESTART. */
	return failure == EINTR ? try_connect(listen_address) : -1;
}

/* Returns -1 if there is an error instead. */
static ssize_t
answer_of(int fd, char *answer, size_t size)
{
	time_t deadline = time(NULL) + DEADLINE_S;
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	while (poll(&pollfd, 1, 0) == 0) {
		FUZZ_EXPECT(time(NULL) <= deadline);
		fixture_turn();
		sched_yield();
	}
	return recv(fd, answer, size, 0);
}

/* The listener's name is its prefix. */
static void
expect_answer(const struct listen_address *listen_address, int by)
{
	static const char get[] = "GET /healthz HTTP/1.0\r\n\r\n";
	const char *said = by == STATUS ? get : "x";
	char expected[16] = "HTTP/1.0 200 ", answer[256] = "";
	char text[LISTEN_ADDRESS_TEXT_SIZE];
	int fd = try_connect(listen_address);
	size_t length;

	if (fd < 0)
		fprintf(stderr, "%s: %s\n",
			listen_address_format(listen_address, text),
			strerror(failure));
	FUZZ_EXPECT(fd >= 0);
	if (by != STATUS)
		snprintf(expected, sizeof(expected), "%s:x",
			 script_listener_names[by]);
	length = strlen(expected);
	FUZZ_EXPECT(send(fd, said, strlen(said), MSG_NOSIGNAL) ==
		    (ssize_t)strlen(said));
	FUZZ_EXPECT(answer_of(fd, answer, sizeof(answer) - 1) >=
		    (ssize_t)length);
	if (strncmp(answer, expected, length) != 0)
		fprintf(stderr, "%s instead of %s\n", answer, expected);
	FUZZ_EXPECT(strncmp(answer, expected, length) == 0);
	close(fd);
}

/* An error by ICMP, or from connect(2). */
static void
expect_silence(const struct listen_address *listen_address)
{
	int fd = try_connect(listen_address);
	char answer[8];

	if (listen_address->protocol == PROTOCOL_UDP) {
		FUZZ_EXPECT(fd >= 0 && send(fd, "x", 1, 0) == 1);
		FUZZ_EXPECT(answer_of(fd, answer, sizeof(answer)) < 0);
		close(fd);
	} else {
		FUZZ_EXPECT(fd < 0);
	}
}

static void
check_place(unsigned at)
{
	int by = play.wanted.by[at];
	bool by_star = play.wanted.by[script_address_find('e')] != NOBODY &&
		       strncmp(script_addresses[at].text, "127.", 4) == 0;
	struct listen_address listen_address;

	/* There is no way to ask which free port status has. */
	if (by == STATUS && strchr("abv", script_addresses[at].letter))
		return;
	if (!resolve(at, &listen_address)) {
		FUZZ_EXPECT(by == NOBODY);
		return;
	}
	/* Another socket answers; and 0.0.0.0 takes all of 127.0.0.0/8. */
	if (script_addresses[at].letter == 'n' || (by == NOBODY && by_star))
		return;
	if (script_addresses[at].letter == 'e')
		FUZZ_EXPECT(!listen_address_parse(
			"127.0.0.9:1", &listen_address, (char[192]){ 0 }, 192));
	if (script_addresses[at].letter == 'e')
		address_set_port(&listen_address.address,
				 (uint16_t)script_port());
	if (by == NOBODY)
		expect_silence(&listen_address);
	else
		expect_answer(&listen_address, by);
}

static void
check_places(void)
{
	for (unsigned i = 0; i < SCRIPT_ADDRESSES; i++)
		check_place(i);
	wait_until(is_empty);
}

/* ---- the target */

static int
count_descriptors(void)
{
	DIR *listing = opendir("/proc/self/fd");
	int count = 0;

	FUZZ_EXPECT(listing);
	while (readdir(listing))
		count++;
	closedir(listing);
	return count;
}

static int descriptors; /* at first */

/* Status sees once a second that a client has gone. */
static bool
has_as_many(void)
{
	fixture_advance(1000);
	return count_descriptors() == descriptors;
}

/*
 * A port below those that the kernel assigns (ip(7), ip_local_port_range): it
 * could assign this one at another address to another process, which would be
 * in the way of 0.0.0.0.  Each process begins with another port.
 */
static unsigned
reserve_port(void)
{
	unsigned port = 10000 + (unsigned)getpid() % 20000;
	struct address address;
	char reason[192];
	int fd, on = 1;

	FUZZ_EXPECT(!address_parse("127.0.0.8:0", &address, reason,
				   sizeof(reason)));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_EXPECT(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address_set_port(&address, (uint16_t)port);
	while (bind(fd, &address.sa, address.length) < 0) {
		FUZZ_EXPECT(errno == EADDRINUSE);
		address_set_port(&address, (uint16_t)++port);
	}
	return port;
}

static void
occupy(unsigned at)
{
	struct listen_address listen_address;
	struct sockaddr_un un;
	char text[64], reason[192];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length;

	FUZZ_EXPECT(!listen_address_parse(script_address_text(at, text),
					  &listen_address, reason,
					  sizeof(reason)));
	length = listen_address_sockaddr(&listen_address, &un);
	FUZZ_EXPECT(bind(fd, (struct sockaddr *)&un, length) == 0);
	FUZZ_EXPECT(listen(fd, 1) == 0);
}

static void
stop(void)
{
	worker_pool_free(play.pool);
	broadcast_free(play.broadcast);
	deployment_free(play.deployment);
	http_status_free(play.status);
	graceful_close_free(play.graceful_close);
}

/* For /metrics and /config. */
static char *
no_text(void *owner, size_t *length)
{
	(void)owner;
	*length = 0;
	return strdup("");
}

static bool
is_draining(void *owner)
{
	(void)owner;
	return false;
}

static void
start(void)
{
	static const struct http_status_content content = {
		.metrics = no_text,
		.configuration = no_text,
		.is_draining = is_draining,
	};

	script_set_port(reserve_port());
	occupy((unsigned)script_address_find('n'));
	play.limits = limits_new();
	play.stats = stats_table_new(WORKERS);
	play.pool = worker_pool_new(fixture_base(), WORKERS);
	play.status = http_status_new(fixture_base(), &content);
	play.graceful_close =
		graceful_close_new(fixture_base(), on_withdrawn, NULL);
	FUZZ_EXPECT(play.limits && play.stats && play.pool && play.status &&
		    play.graceful_close);
	play.broadcast = broadcast_new(play.pool, NULL);
	FUZZ_EXPECT(play.broadcast);
	atexit(stop);
}

static void
reload(const struct script_config *wanted)
{
	if (apply(wanted))
		play.wanted = *wanted;
}

/* Each script begins and ends with an address that no other script uses. */
static void
go_to_base(void)
{
	struct script_config wanted = { .is_plain = true };

	memset(wanted.by, NOBODY, sizeof(wanted.by));
	snprintf(wanted.text, sizeof(wanted.text),
		 "listen = \"unix:@echod-fuzz-%d-base\";", (int)getpid());
	reload(&wanted);
}

void
fuzz_reloads(const uint8_t *data, size_t size)
{
	struct script script = { data, size, 0 };
	struct script_config wanted;

	fixture_freeze();
	if (!play.pool) {
		start();
		go_to_base();
	}
	descriptors = count_descriptors();
	for (int i = 0; i < RELOADS_MAX && script.at < size; i++) {
		script_config_read(&wanted, &script);
		reload(&wanted);
		check_places();
	}
	go_to_base();
	wait_until(has_as_many);
	fixture_thaw();
}
