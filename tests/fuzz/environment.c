/*
 * The variables of sd_listen_fds(3), sd_notify(3) and
 * sd_watchdog_enabled(3).  HANDED_MAX digits come first: what descriptors from
 * 3 on are (see make_one()).  Then there are texts of variables: a digit (see
 * variables[]), a length, and as many bytes, in which '*' is the process id.
 *
 * The descriptors of this process that have these numbers are moved away until
 * the end.  RLIMIT_NOFILE keeps echod from higher ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr/listen_address.h"
#include "base/error.h"
#include "control/sd_notify.h"
#include "control/watchdog.h"
#include "control/worker_pool.h"
#include "fixture.h"
#include "fuzz.h"
#include "listen/socket_activation.h"

/* sd_listen_fds(3) */
#define FIRST 3

/* Descriptors that are set up, and checked afterwards. */
#define HANDED_MAX 12

/* Descriptors of this process are moved from there on. */
#define PUT_BY 100

ssize_t __real_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *address, socklen_t length);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *address, socklen_t length);

/* NOTIFY_SOCKET while this target runs; nothing is really sent then. */
static const char *manager;
static unsigned messages;

static const char *const variables[] = {
	"LISTEN_FDS",	 "LISTEN_PID",	  "LISTEN_FDNAMES",
	"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
};
#define VARIABLES (sizeof(variables) / sizeof(*variables))

/* The address must be exactly that of NOTIFY_SOCKET. */
ssize_t
__wrap_sendto(int fd, const void *data, size_t size, int flags,
	      const struct sockaddr *address, socklen_t length)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)address;
	size_t named = length - offsetof(struct sockaddr_un, sun_path);

	if (!manager)
		return __real_sendto(fd, data, size, flags, address, length);
	FUZZ_EXPECT(un->sun_family == AF_UNIX);
	FUZZ_EXPECT(named <= sizeof(un->sun_path));
	if (*manager == '@') {
		FUZZ_EXPECT(un->sun_path[0] == '\0');
		FUZZ_EXPECT(named == strlen(manager));
	} else {
		FUZZ_EXPECT(*manager == '/' && un->sun_path[0] == '/');
		FUZZ_EXPECT(named == strlen(manager) + 1);
		FUZZ_EXPECT(un->sun_path[named - 1] == '\0');
	}
	FUZZ_EXPECT(memcmp(un->sun_path + 1, manager + 1,
			   strlen(manager) - 1) == 0);
	messages++;
	return (ssize_t)size;
}

/* ---- inherited descriptors */

static int
bound(const char *text, bool listening)
{
	struct listen_address listen_address;
	char reason[192];
	struct sockaddr_un un;
	int type = SOCK_STREAM;
	int fd;

	FUZZ_EXPECT(!listen_address_parse(text, &listen_address, reason,
					  sizeof(reason)));
	if (listen_address.protocol == PROTOCOL_UDP)
		type = SOCK_DGRAM;
	fd = socket(listen_address.protocol == PROTOCOL_UNIX ?
			    AF_UNIX :
			    address_family(&listen_address.address),
		    type, 0);
	if (listen_address.protocol == PROTOCOL_UNIX)
		FUZZ_EXPECT(bind(fd, (struct sockaddr *)&un,
				 listen_address_sockaddr(&listen_address,
							 &un)) == 0);
	else
		FUZZ_EXPECT(bind(fd, &listen_address.address.sa,
				 listen_address.address.length) == 0);
	if (listening)
		FUZZ_EXPECT(listen(fd, 1) == 0);
	return fd;
}

/* Good ones first; echod cannot use the last three. */
static int
make_one(unsigned number)
{
	char text[64];
	int fds[2];

	switch (number) {
	case 0:
		return bound("127.0.0.1:0", true);
	case 1:
		return bound("udp:127.0.0.1:0", false);
	case 2:
		snprintf(text, sizeof(text), "unix:@echod-fuzz-env-%d",
			 (int)getpid());
		return bound(text, true);
	case 3:
		return bound("udp:127.0.0.2:0", false);
	case 4:
		return bound("127.0.0.1:0", false);
	case 5:
		FUZZ_EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
		close(fds[1]);
		return fds[0];
	default:
		return open("/dev/null", O_RDWR);
	}
}

#define KINDS 7

static int kinds[KINDS];
static int put_by[HANDED_MAX]; /* -1: none is open */
static bool handed_flags[HANDED_MAX];

static void
make_kinds(void)
{
	for (unsigned i = 0; i < KINDS; i++) {
		int fd = make_one(i);

		FUZZ_EXPECT(fd >= 0);
		kinds[i] = fcntl(fd, F_DUPFD_CLOEXEC, PUT_BY);
		FUZZ_EXPECT(kinds[i] >= 0);
		close(fd);
	}
}

/* One digit for each: its kind, or KINDS for no descriptor. */
static void
hand_over(struct script *script)
{
	for (int i = 0; i < HANDED_MAX; i++) {
		unsigned kind = script_digit(script) % (KINDS + 1);

		put_by[i] = fcntl(FIRST + i, F_DUPFD_CLOEXEC, PUT_BY);
		close(FIRST + i);
		handed_flags[i] = kind < KINDS;
		if (kind < KINDS)
			FUZZ_EXPECT(dup2(kinds[kind], FIRST + i) == FIRST + i);
	}
}

/* Descriptors that were not handed over have not been touched. */
static void
check_others(unsigned count)
{
	for (unsigned i = count; i < HANDED_MAX; i++) {
		int flags = fcntl(FIRST + (int)i, F_GETFD);

		FUZZ_EXPECT(handed_flags[i] ? flags == 0 : flags < 0);
	}
}

static void
take_back(void)
{
	for (int i = 0; i < HANDED_MAX; i++) {
		close(FIRST + i);
		if (put_by[i] < 0)
			continue;
		FUZZ_EXPECT(dup2(put_by[i], FIRST + i) == FIRST + i);
		fcntl(FIRST + i, F_SETFD, FD_CLOEXEC);
		close(put_by[i]);
	}
}

/* ---- the variables */

static char texts[VARIABLES][256];
static bool is_set[VARIABLES];

/* "*" is our process id. */
static void
compose(char text[256], const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < size && at < 200; i++) {
		if (bytes[i] == '*')
			at += (size_t)snprintf(text + at, 12, "%d",
					       (int)getpid());
		else
			text[at++] = (char)bytes[i];
	}
	text[at] = '\0';
}

static void
set_variables(struct script *script)
{
	memset(is_set, 0, sizeof(is_set));
	while (script->at < script->size) {
		unsigned at = script_digit(script) % VARIABLES;
		size_t size;
		const uint8_t *bytes = script_bytes(script, &size);

		compose(texts[at], bytes, size);
		is_set[at] = true;
	}
	for (unsigned i = 0; i < VARIABLES; i++) {
		if (is_set[i])
			setenv(variables[i], texts[i], 1);
		else
			unsetenv(variables[i]);
	}
}

/* A plain number and nothing else, or -1. */
static long long
number_of(unsigned variable)
{
	const char *text = texts[variable];
	size_t digits = strspn(text, "0123456789");
	char *end;

	if (!is_set[variable] || digits == 0 || text[digits])
		return -1;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	return errno ? -1 : value;
}

/* ---- the results */

static unsigned
expected_count(rlim_t limit)
{
	long long fds = number_of(0);

	if (number_of(1) != getpid() || fds < 0 || fds > (long long)limit)
		return 0;
	return (unsigned)fds;
}

static void
check_inherited(void)
{
	struct rlimit before, few;
	struct error_list errors;
	struct socket_activation *inherited;
	unsigned count;

	FUZZ_EXPECT(getrlimit(RLIMIT_NOFILE, &before) == 0);
	few = (struct rlimit){ HANDED_MAX, before.rlim_max };
	FUZZ_EXPECT(setrlimit(RLIMIT_NOFILE, &few) == 0);
	count = expected_count(few.rlim_cur);
	error_list_init(&errors, "environment");
	inherited = socket_activation_take(&errors);
	FUZZ_EXPECT(setrlimit(RLIMIT_NOFILE, &before) == 0);
	FUZZ_EXPECT(!inherited == error_any(&errors));
	for (unsigned i = 0; i < 3; i++)
		FUZZ_EXPECT(!getenv(variables[i]));
	check_others(count);
	socket_activation_free(inherited);
	error_list_free(&errors);
	for (unsigned i = 0; i < count && i < HANDED_MAX; i++)
		FUZZ_EXPECT(fcntl(FIRST + (int)i, F_GETFD) < 0);
	check_others(count);
}

static void
check_notify(void)
{
	bool enabled;

	manager = is_set[3] ? texts[3] : "";
	messages = 0;
	enabled = sd_notify_is_enabled();
	FUZZ_EXPECT(sd_notify_try("READY=1\nMAINPID=%d", (int)getpid()) ==
		    enabled);
	sd_notify_send("STATUS=%s", manager);
	sd_notify_reloading();
	FUZZ_EXPECT(messages == (enabled ? 3 : 0));
	if (enabled)
		FUZZ_EXPECT(*manager == '/' || *manager == '@');
	manager = NULL;
}

static struct worker_pool *
no_workers(void)
{
	static struct worker_pool *pool;

	if (!pool)
		pool = worker_pool_new(fixture_base(), 0);
	FUZZ_EXPECT(pool);
	return pool;
}

/* The interval is WATCHDOG_USEC, if that is for this process. */
static void
check_watchdog(void)
{
	long long usec = number_of(4), pid = number_of(5);
	long long wanted = sd_notify_watchdog_usec();
	struct watchdog *watchdog = watchdog_new(fixture_base(), no_workers());

	if (!is_set[4] ||
	    (is_set[5] && pid > 0 && pid <= INT_MAX && pid != getpid()))
		FUZZ_EXPECT(wanted == 0);
	else if (is_set[5] && pid != getpid())
		FUZZ_EXPECT(wanted == -1);
	else
		FUZZ_EXPECT(wanted == (usec > 0 ? usec : -1));
	FUZZ_EXPECT(watchdog);
	watchdog_start(watchdog);
	watchdog_free(watchdog);
}

void
fuzz_environment(const uint8_t *data, size_t size)
{
	struct script script = { data, size, 0 };

	if (size < HANDED_MAX)
		return;
	/* Open their descriptors before those of the test. */
	fixture_base();
	no_workers();
	if (kinds[0] == 0)
		make_kinds();
	hand_over(&script);
	set_variables(&script);
	check_inherited();
	take_back();
	check_notify();
	check_watchdog();
	for (unsigned i = 0; i < VARIABLES; i++)
		unsetenv(variables[i]);
}
