/*
 * Reloads, one after the other: each is a word of letters up to a blank, the
 * places (see places[]) of the listener `one`, after '|' those of `two`, after
 * another '|' those of `three`; 's' puts status on the place that follows, '!' is
 * a mistake.
 *
 * The layers below the server do it, with real workers.
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
#include "withdrawal.h"
#include "world.h"

#define RELOADS_MAX 6
#define WORKERS 2
#define LISTENERS 3
#define DEADLINE_S 8

/* More than the handshakes of a withdrawal are waited for. */
#define WITHDRAWAL_MS 2000

/* What has to be known of a place; "%d" is our process id, "%u" its port. */
static const struct {
	char letter;
	const char *text;
} places[] = {
	{ 'a', "127.0.0.1:0" },
	{ 'b', "127.0.0.2:0" },
	{ 'c', "127.0.0.3:%u" },
	{ 'd', "127.0.0.4:%u" },
	{ 'e', "0.0.0.0:%u" },
	{ 'f', "[::1]:%u" },
	{ 'u', "udp:127.0.0.5:%u" },
	{ 'v', "udp:127.0.0.6:0" },
	{ 'x', "unix:@echod-fuzz-%d-x" },
	{ 'y', "unix:@echod-fuzz-%d-y" },
	{ 'z', "unix:/tmp/echod-fuzz-%d-z" },
	{ 'n', "unix:@echod-fuzz-%d-n" }, /* another has it */
};
#define PLACES (sizeof(places) / sizeof(*places))

/* Who serves a place: that listener, or nobody, or status. */
enum { NOBODY = -1, STATUS = LISTENERS };

static const char *const names[] = { "one", "two", "three" };

/* A configuration as it is written, and as it is to be. */
struct wish {
	char text[4096];
	signed char by[PLACES];
	bool is_plain; /* there is no reason to refuse it */
};

static struct play {
	struct admit *admit;
	struct crew *crew;
	struct status *status;
	struct withdrawal *withdrawal;
	struct deployment *deployment; /* in force */
	struct wish wish;	       /* likewise */
	bool serving, withdrawn;
	unsigned port;
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

/* ---- what is told to whom */

static struct deployment *
prepare(struct config *config, struct error_list *errors, int *error)
{
	struct deployment *next = deploy_prepare(config, play.deployment, NULL,
						 play.admit, WORKERS, errors,
						 error);

	if (next &&
	    !status_listen(play.status, config->status.listen, errors, error)) {
		deploy_free(next);
		next = NULL;
	}
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
	deploy_free(before);
	play.deployment = next;
	play.serving = false;
	deploy_commit(next, crew_workers(play.crew));
	wait_until(is_serving);
}

/* Whether it is in force now. */
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

/* ---- what is asked for */

static const char *
place_text(unsigned at, char text[64])
{
	const char *format = places[at].text;
	const char *number = strchr(format, '%');

	if (!number)
		snprintf(text, 64, "%s", format);
	else
		snprintf(text, 64, "%.*s%u%s", (int)(number - format), format,
			 number[1] == 'u' ? play.port : (unsigned)getpid(),
			 number + 2);
	return text;
}

static int
find_place(char letter)
{
	for (unsigned i = 0; i < PLACES; i++)
		if (places[i].letter == letter)
			return (int)i;
	return -1;
}

/* "*" of IPv4 is at odds with each other on that port. */
static bool
overlap(unsigned i, unsigned j)
{
	char a = places[i].letter, b = places[j].letter;

	return i == j || (a == 'e' && (b == 'c' || b == 'd')) ||
	       (b == 'e' && (a == 'c' || a == 'd'));
}

/* The one cannot have it before the other has let it go. */
static bool
passes_to_status(const struct wish *wish, unsigned i, unsigned j)
{
	int from = play.wish.by[i], to = wish->by[j];

	return overlap(i, j) && from != NOBODY && to != NOBODY &&
	       (from == STATUS) != (to == STATUS);
}

/* Two want it, or another has it, or it is not for status. */
static bool
is_plain(const struct wish *wish)
{
	for (unsigned i = 0; i < PLACES; i++) {
		if (wish->by[i] != NOBODY && places[i].letter == 'n')
			return false;
		if (wish->by[i] == STATUS && strchr("uv", places[i].letter))
			return false;
		for (unsigned j = 0; j < PLACES; j++)
			if (passes_to_status(wish, i, j) ||
			    (i != j && overlap(i, j) && wish->by[i] != NOBODY &&
			     wish->by[j] != NOBODY))
				return false;
	}
	return true;
}

static void
add_listener(struct wish *wish, unsigned listener)
{
	char *to = wish->text + strlen(wish->text);
	size_t room = sizeof(wish->text) - strlen(wish->text);
	bool any = false;

	for (unsigned i = 0; i < PLACES; i++) {
		char place[64];
		int used;

		if (wish->by[i] != (int)listener)
			continue;
		used = snprintf(to, room,
				any ? ", \"%s\"" : "{ listen = [ \"%s\"",
				place_text(i, place));
		to += used;
		room -= (size_t)used;
		any = true;
	}
	if (any)
		snprintf(to, room,
			 " ]; name = \"%s\"; prefix = \"%s:\"; "
			 "udp = { rate = 0; }; },\n",
			 names[listener], names[listener]);
}

static void
compose(struct wish *wish, bool mistake)
{
	char *end;

	strcpy(wish->text, "listeners = (\n");
	for (unsigned i = 0; i < LISTENERS; i++)
		add_listener(wish, i);
	/* libconfig takes no comma before the end of a list. */
	end = wish->text + strlen(wish->text) - 2;
	strcpy(*end == ',' ? end : end + 2, ");\n");
	for (unsigned i = 0; i < PLACES; i++) {
		char place[64];

		if (wish->by[i] == STATUS)
			sprintf(strchr(wish->text, '\0'),
				"status = { listen = \"%s\"; };\n",
				place_text(i, place));
	}
	if (mistake)
		strcat(wish->text, "mistake = 1;\n");
}

/* One word of the script. */
static void
read_wish(struct script *script, struct wish *wish)
{
	int listener = 0;
	bool status = false, mistake = false, any = false;

	memset(wish->by, NOBODY, sizeof(wish->by));
	while (script->at < script->size) {
		char letter = (char)script_next(script);
		int at = find_place(letter);

		if (letter == ' ')
			break;
		mistake |= letter == '!';
		if (letter == '|' && listener < LISTENERS - 1)
			listener++;
		status |= letter == 's';
		if (at < 0 || wish->by[at] != NOBODY)
			continue;
		if (status)
			for (unsigned i = 0; i < PLACES; i++)
				if (wish->by[i] == STATUS)
					wish->by[i] = NOBODY;
		wish->by[at] = (signed char)(status ? STATUS : listener);
		any |= !status;
		status = false;
	}
	compose(wish, mistake);
	wish->is_plain = any && !mistake && is_plain(wish);
}

/* ---- whether it is so */

/* A free port is in what is said of where it listens. */
static bool
resolve(unsigned at, struct place *place)
{
	char text[64], reason[192], *all, *found;
	size_t size;
	FILE *out;

	FUZZ_EXPECT(!place_parse(place_text(at, text), place, reason,
				 sizeof(reason)));
	if (!place_takes_any_port(place))
		return true;
	out = open_memstream(&all, &size);
	FUZZ_EXPECT(out);
	deploy_print(play.deployment, out);
	fclose(out);
	/* All but the 0 at its end, which no other place has. */
	text[strlen(text) - 1] = '\0';
	found = strstr(all, text);
	if (found)
		address_set_port(&place->address,
				 (uint16_t)strtoul(found + strlen(text), NULL,
						   10));
	free(all);
	return found;
}

static int
try_connect(const struct place *place)
{
	struct sockaddr_un un;
	const struct sockaddr *sa = &place->address.sa;
	socklen_t length = place->address.length;
	int family = address_family(&place->address);
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
	if (connect(fd, sa, length) == 0)
		return fd;
	close(fd);
	return -1;
}

/* -1 where there is an error instead. */
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

/* The name of a listener goes before what it echoes. */
static void
expect_answer(const struct place *place, int by)
{
	static const char get[] = "GET /healthz HTTP/1.0\r\n\r\n";
	const char *said = by == STATUS ? get : "x";
	char expected[16] = "HTTP/1.0 200 ", answer[256] = "";
	int fd = try_connect(place);
	size_t length;

	FUZZ_EXPECT(fd >= 0);
	if (by != STATUS)
		snprintf(expected, sizeof(expected), "%s:x", names[by]);
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

/* By ICMP, or at connect(2). */
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
	bool by_star = play.wish.by[find_place('e')] != NOBODY &&
		       strncmp(places[at].text, "127.", 4) == 0;
	struct place place;

	/* Status has no free port that is told of. */
	if (by == STATUS && strchr("abv", places[at].letter))
		return;
	if (!resolve(at, &place)) {
		FUZZ_EXPECT(by == NOBODY);
		return;
	}
	/* The one that others have; and "*" takes what is for any. */
	if (places[at].letter == 'n' || (by == NOBODY && by_star))
		return;
	if (places[at].letter == 'e')
		FUZZ_EXPECT(!place_parse("127.0.0.9:1", &place,
					 (char[192]){ 0 }, 192));
	if (places[at].letter == 'e')
		address_set_port(&place.address, (uint16_t)play.port);
	if (by == NOBODY)
		expect_silence(&place);
	else
		expect_answer(&place, by);
}

static void
check_places(void)
{
	for (unsigned i = 0; i < PLACES; i++)
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

/* Status takes a while to see that a client has gone. */
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

	FUZZ_EXPECT(!place_parse(place_text(at, text), &place, reason,
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

	play.port = reserve_port();
	occupy((unsigned)find_place('n'));
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

/* What each script begins and ends with is on a place of its own. */
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
		read_wish(&script, &wish);
		reload(&wish);
		check_places();
	}
	go_to_base();
	wait_until(has_as_many);
	world_thaw();
}
