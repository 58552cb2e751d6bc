/*
 * A sequence of reloads, each a word of the script (see wish.h), by the layers
 * below the server, with real workers.  After each reload, addresses in force
 * answer and others do not.
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

#include "admit.h"
#include "config.h"
#include "crew.h"
#include "deploy.h"
#include "error.h"
#include "fuzz.h"
#include "socket.h"
#include "status.h"
#include "wish.h"
#include "withdrawal.h"
#include "world.h"

#define RELOADS_MAX 6
#define WORKERS 2
#define DEADLINE_S 8

/* More than a withdrawal waits for handshakes. */
#define WITHDRAWAL_MS 2000

static struct play {
	struct admit *admit;
	struct crew *crew;
	struct status *status;
	struct withdrawal *withdrawal;
	struct deployment *deployment; /* in force */
	struct wish wish;	       /* likewise */
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
	return admit_count(play.admit) == 0;
}

static void
wait_until(bool (*done)(void))
{
	time_t deadline = time(NULL) + DEADLINE_S;

	while (!done()) {
		FUZZ_EXPECT(time(NULL) <= deadline);
		world_turn();
		sched_yield();
	}
}

static void
on_serving(void *owner)
{
	(void)owner;
	play.serving = true;
}

static void
on_nothing(void *owner)
{
	(void)owner;
}

static void
on_withdrawn(void *owner)
{
	(void)owner;
	play.withdrawn = true;
}

/* ---- as the server does it */

static struct deployment *
prepare(struct config *config, struct error_list *errors, int *error)
{
	struct deployment *next = deploy_prepare(config, play.deployment, NULL,
						 play.admit, WORKERS, errors,
						 error);

	FUZZ_EXPECT(!next ||
		    status_prepare(play.status, deploy_endpoints(next)));
	return next;
}

static void
replace(struct deployment *next)
{
	struct deployment *before = play.deployment;

	if (before) {
		play.withdrawn = false;
		deploy_withdraw(before, next, play.withdrawal);
		withdrawal_wait(play.withdrawal);
		world_pass(WITHDRAWAL_MS);
		wait_until(is_withdrawn);
	}
	status_serve(play.status);
	deploy_free(before);
	play.deployment = next;
	play.serving = false;
	deploy_commit(next, crew_workers(play.crew));
	wait_until(is_serving);
}

/* Returns whether it is in force now. */
static bool
apply(const struct wish *wish)
{
	struct error_list errors;
	struct config *config;
	struct deployment *next = NULL;
	int error = 0;

	error_list_init(&errors, "conf");
	config = config_parse(wish->text, strlen(wish->text), &errors);
	if (config)
		next = prepare(config, &errors, &error);
	FUZZ_EXPECT(!next == error_any(&errors));
	if (!next && wish->is_plain) {
		fprintf(stderr, "%s\n%s\n", wish->text, errors.items[0].text);
		FUZZ_EXPECT(!"there is a reason to refuse it");
	}
	if (next)
		replace(next);
	config_unref(config);
	error_list_free(&errors);
	return next;
}

/* ---- whether it is so */

/* Port 0 is resolved by deploy_print(); false if nothing listens there. */
static bool
resolve(unsigned at, struct place *place)
{
	char text[64], reason[192], *all, *found;
	size_t size;
	FILE *out;

	FUZZ_EXPECT(!place_parse(wish_place(at, text), place, reason,
				 sizeof(reason)));
	if (!place_takes_any_port(place))
		return true;
	out = open_memstream(&all, &size);
	FUZZ_EXPECT(out);
	deploy_print(play.deployment, out);
	fclose(out);
	/* Without the port; no other place has this address. */
	text[strlen(text) - 1] = '\0';
	found = strstr(all, text);
	if (found)
		address_set_port(&place->address,
				 (uint16_t)strtoul(found + strlen(text), NULL,
						   10));
	free(all);
	return found;
}

static int failure; /* errno of the last connect(2) that failed */

static int
try_connect(const struct place *place)
{
	struct sockaddr_un un;
	const struct sockaddr *sa = &place->address.sa;
	socklen_t length = place->address.length;
	int family = address_family(&place->address);
	/* No TIME_WAIT, which would use up the ephemeral ports. */
	struct linger none = { .l_onoff = 1, .l_linger = 0 };
	int fd;

	if (place->transport == TRANSPORT_UNIX) {
		family = AF_UNIX;
		length = place_sockaddr(place, &un);
		sa = (const struct sockaddr *)&un;
	}
	fd = socket(family,
		    place->transport == TRANSPORT_UDP ? SOCK_DGRAM :
							SOCK_STREAM,
		    0);
	FUZZ_EXPECT(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (connect(fd, sa, length) == 0)
		return fd;
	failure = errno;
	close(fd);
	/* libFuzzer has a timer without SA_RESTART. */
	return failure == EINTR ? try_connect(place) : -1;
}

/* Returns -1 if there is an error instead. */
static ssize_t
answer_of(int fd, char *answer, size_t size)
{
	time_t deadline = time(NULL) + DEADLINE_S;
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	while (poll(&pollfd, 1, 0) == 0) {
		FUZZ_EXPECT(time(NULL) <= deadline);
		world_turn();
		sched_yield();
	}
	return recv(fd, answer, size, 0);
}

/* The listener's name is its prefix. */
static void
expect_answer(const struct place *place, int by)
{
	static const char get[] = "GET /healthz HTTP/1.0\r\n\r\n";
	const char *said = by == STATUS ? get : "x";
	char expected[16] = "HTTP/1.0 200 ", answer[256] = "";
	char text[PLACE_TEXT_SIZE];
	int fd = try_connect(place);
	size_t length;

	if (fd < 0)
		fprintf(stderr, "%s: %s\n", place_format(place, text),
			strerror(failure));
	FUZZ_EXPECT(fd >= 0);
	if (by != STATUS)
		snprintf(expected, sizeof(expected), "%s:x", wish_names[by]);
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
expect_silence(const struct place *place)
{
	int fd = try_connect(place);
	char answer[8];

	if (place->transport == TRANSPORT_UDP) {
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
	int by = play.wish.by[at];
	bool by_star = play.wish.by[wish_find('e')] != NOBODY &&
		       strncmp(wish_places[at].text, "127.", 4) == 0;
	struct place place;

	/* There is no way to ask which free port status has. */
	if (by == STATUS && strchr("abv", wish_places[at].letter))
		return;
	if (!resolve(at, &place)) {
		FUZZ_EXPECT(by == NOBODY);
		return;
	}
	/* Another socket answers; and 0.0.0.0 takes all of 127.0.0.0/8. */
	if (wish_places[at].letter == 'n' || (by == NOBODY && by_star))
		return;
	if (wish_places[at].letter == 'e')
		FUZZ_EXPECT(!place_parse("127.0.0.9:1", &place,
					 (char[192]){ 0 }, 192));
	if (wish_places[at].letter == 'e')
		address_set_port(&place.address, (uint16_t)wish_port());
	if (by == NOBODY)
		expect_silence(&place);
	else
		expect_answer(&place, by);
}

static void
check_places(void)
{
	for (unsigned i = 0; i < WISH_PLACES; i++)
		check_place(i);
	wait_until(is_empty);
}

/* ---- the whole */

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
	world_pass(1000);
	return count_descriptors() == descriptors;
}

/* A port that nobody gets by chance. */
static unsigned
reserve_port(void)
{
	struct address address;
	char reason[192];
	int fd, on = 1;

	FUZZ_EXPECT(!address_parse("127.0.0.8:0", &address, reason,
				   sizeof(reason)));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_EXPECT(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	FUZZ_EXPECT(bind(fd, &address.sa, address.length) == 0);
	FUZZ_EXPECT(socket_get_address(fd, &address) == 0);
	return address_port(&address);
}

static void
occupy(unsigned at)
{
	struct place place;
	struct sockaddr_un un;
	char text[64], reason[192];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length;

	FUZZ_EXPECT(!place_parse(wish_place(at, text), &place, reason,
				 sizeof(reason)));
	length = place_sockaddr(&place, &un);
	FUZZ_EXPECT(bind(fd, (struct sockaddr *)&un, length) == 0);
	FUZZ_EXPECT(listen(fd, 1) == 0);
}

static void
stop(void)
{
	crew_free(play.crew);
	deploy_free(play.deployment);
	status_free(play.status);
	withdrawal_free(play.withdrawal);
}

static char *
metrics(void *owner, size_t *length)
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
	static const struct crew_news news = {
		.serving = on_serving,
		.answered = on_nothing,
		.yielded = on_nothing,
		.finished = on_nothing,
	};
	static const struct status_content content = {
		.metrics = metrics,
		.is_draining = is_draining,
	};

	wish_set_port(reserve_port());
	occupy((unsigned)wish_find('n'));
	play.admit = admit_new();
	play.crew = crew_new(world_base(), WORKERS, &news, NULL);
	play.status = status_new(world_base(), &content);
	play.withdrawal = withdrawal_new(world_base(), on_withdrawn, NULL);
	FUZZ_EXPECT(play.admit && play.crew && play.status && play.withdrawal);
	atexit(stop);
}

static void
reload(const struct wish *wish)
{
	if (apply(wish))
		play.wish = *wish;
}

/* Each script begins and ends with an address that no other has. */
static void
go_to_base(void)
{
	struct wish wish = { .is_plain = true };

	memset(wish.by, NOBODY, sizeof(wish.by));
	snprintf(wish.text, sizeof(wish.text),
		 "listen = \"unix:@echod-fuzz-%d-base\";", (int)getpid());
	reload(&wish);
}

void
fuzz_reloads(const uint8_t *data, size_t size)
{
	struct script script = { data, size, 0 };
	struct wish wish;

	world_freeze();
	if (!play.crew) {
		start();
		go_to_base();
	}
	descriptors = count_descriptors();
	for (int i = 0; i < RELOADS_MAX && script.at < size; i++) {
		wish_read(&wish, &script);
		reload(&wish);
		check_places();
	}
	go_to_base();
	wait_until(has_as_many);
	world_thaw();
}
