#include "control/sd_notify.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/sockets.h"

static char directory[32];
static char path[108];

/* The service manager's end, bound to `name` of exactly `length` bytes. */
static int
manager(const char *name, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_le(length, sizeof(address.sun_path));
	memcpy(address.sun_path, name, length);
	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				 length)),
		0);
	return fd;
}

static int
manager_at_path(void)
{
	strcpy(directory, "/tmp/check_notify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/notify", directory);
	setenv("NOTIFY_SOCKET", path, 1);
	return manager(path, strlen(path) + 1);
}

static void
done(int fd)
{
	close(fd);
	unlink(path);
	rmdir(directory);
}

/* A local datagram has arrived when sendto(2) returns: no need to wait. */
static const char *
message(int fd)
{
	static char text[10000];
	ssize_t length = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (length < 0)
		return NULL;
	text[length] = '\0';
	return text;
}

START_TEST(test_a_message_reaches_a_socket_by_path)
{
	int fd = manager_at_path();

	sd_notify_send("READY=1\nSTATUS=%s %d%%", "serving", 100);
	ck_assert_pstr_eq(message(fd), "READY=1\nSTATUS=serving 100%");
	sd_notify_send("STOPPING=1");
	ck_assert_pstr_eq(message(fd), "STOPPING=1");
	ck_assert_ptr_null(message(fd));
	done(fd);
}
END_TEST

/* unix(7): a name one byte longer, as with its NUL, is another name. */
START_TEST(test_a_message_reaches_an_abstract_socket)
{
	char name[64] = "";
	int length = snprintf(name + 1, sizeof(name) - 1, "check_notify-%ld",
			      (long)getpid());
	int fd = manager(name, (size_t)length + 1);
	char variable[65] = "@";

	strcat(variable, name + 1);
	setenv("NOTIFY_SOCKET", variable, 1);
	sd_notify_send("READY=1");
	ck_assert_pstr_eq(message(fd), "READY=1");
	close(fd);
}
END_TEST

START_TEST(test_a_message_of_any_length_arrives_whole)
{
	static char status[8000];
	int fd = manager_at_path();

	memset(status, 's', sizeof(status) - 1);
	sd_notify_send("STATUS=%s", status);
	const char *got = message(fd);
	ck_assert_ptr_nonnull(got);
	ck_assert_uint_eq(strlen(got), strlen("STATUS=") + strlen(status));
	done(fd);
}
END_TEST

START_TEST(test_the_longest_path_is_reached)
{
	int fd;
	struct sockaddr_un address;
	size_t longest = sizeof(address.sun_path) - 1;

	strcpy(directory, "/tmp/check_notify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/", directory);
	memset(path + strlen(path), 'n', longest - strlen(path));
	ck_assert_uint_eq(strlen(path), longest);
	fd = manager(path, longest + 1);
	setenv("NOTIFY_SOCKET", path, 1);
	sd_notify_send("READY=1");
	ck_assert_pstr_eq(message(fd), "READY=1");
	done(fd);
}
END_TEST

START_TEST(test_trying_says_whether_it_was_sent)
{
	int fd = manager_at_path();
	int tries = 0;

	ck_assert(sd_notify_try("STATUS=%d", 1));
	ck_assert_pstr_eq(message(fd), "STATUS=1");
	/* The queue of a manager that does not read is full at some time. */
	while (sd_notify_try("STATUS=full"))
		ck_assert_int_lt(++tries, 1000000);
	ck_assert_int_gt(tries, 0);
	while (message(fd))
		;
	ck_assert(sd_notify_try("STATUS=%d", 2));
	ck_assert_pstr_eq(message(fd), "STATUS=2");
	done(fd);
	ck_assert(!sd_notify_try("STATUS=gone"));
}
END_TEST

START_TEST(test_it_is_known_whether_anybody_listens)
{
	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	ck_assert(!sd_notify_is_enabled());
	setenv("NOTIFY_SOCKET", "", 1);
	ck_assert(!sd_notify_is_enabled());
	setenv("NOTIFY_SOCKET", "/run/notify", 1);
	ck_assert(sd_notify_is_enabled());
	setenv("NOTIFY_SOCKET", "@notify", 1);
	ck_assert(sd_notify_is_enabled());
}
END_TEST

static long long
watchdog(const char *usec, const char *pid)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (usec)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	return sd_notify_watchdog_usec();
}

/* sd_watchdog_enabled(3) */
START_TEST(test_the_watchdog_is_for_the_process_that_it_names)
{
	char me[24];

	snprintf(me, sizeof(me), "%ld", (long)getpid());
	ck_assert_int_eq(watchdog(NULL, NULL), 0);
	ck_assert_int_eq(watchdog(NULL, me), 0);
	ck_assert_int_eq(watchdog("30000000", NULL), 30000000);
	ck_assert_int_eq(watchdog("30000000", me), 30000000);
	ck_assert_int_eq(watchdog("30000000", "1"), 0);
	ck_assert_int_eq(watchdog("9223372036854775807", me), INT64_MAX);
}
END_TEST

START_TEST(test_a_watchdog_that_is_no_number_is_told_from_none)
{
	static const char *const wrong[] = {
		"",	"0",  "-1",
		"+1",	"1s", " 10",
		"1.5",	"x",  "18446744073709551615",
		"0x10",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ck_assert_int_eq(watchdog(wrong[i], NULL), -1);
		ck_assert_int_eq(watchdog("1", wrong[i]), -1);
	}
	ck_assert_int_eq(watchdog("1", "2147483648"), -1);
}
END_TEST

/* Each is ignored without a message and without an open descriptor. */
START_TEST(test_without_a_manager_nothing_happens)
{
	static char long_path[300] = "/";
	const char *const variables[] = {
		NULL,
		"",
		"/",
		"@",
		"relative/path",
		"/no/such/socket",
		"@no-such-abstract-socket",
		"/dev/null",
		"vsock:2:1",
		long_path,
	};
	int before = open_descriptors();

	memset(long_path + 1, 'x', sizeof(long_path) - 2);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		if (variables[i])
			setenv("NOTIFY_SOCKET", variables[i], 1);
		else
			unsetenv("NOTIFY_SOCKET");
		sd_notify_send("READY=1");
		sd_notify_reloading();
	}
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(test_a_manager_that_is_gone_is_passed_over)
{
	int fd = manager_at_path();

	close(fd);
	sd_notify_send("READY=1");
	unlink(path);
	rmdir(directory);
}
END_TEST

START_TEST(test_sending_leaves_no_descriptor_behind)
{
	int fd = manager_at_path();
	int before = open_descriptors();

	for (int i = 0; i < 5; i++)
		sd_notify_send("WATCHDOG=1");
	ck_assert_int_eq(open_descriptors(), before);
	done(fd);
}
END_TEST

static long long
monotonic_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

START_TEST(test_reloading_carries_the_monotonic_time)
{
	int fd = manager_at_path();
	long long before = monotonic_usec(), told;
	char rest;

	sd_notify_reloading();
	long long after = monotonic_usec();
	const char *got = message(fd);

	ck_assert_ptr_nonnull(got);
	ck_assert_msg(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%lld%c", &told,
			     &rest) == 1,
		      "%s", got);
	ck_assert_int_ge(told, before);
	ck_assert_int_le(told, after);
	done(fd);
}
END_TEST

SUITE(test_trying_says_whether_it_was_sent,
      test_it_is_known_whether_anybody_listens,
      test_the_watchdog_is_for_the_process_that_it_names,
      test_a_watchdog_that_is_no_number_is_told_from_none,
      test_a_message_reaches_a_socket_by_path,
      test_a_message_reaches_an_abstract_socket,
      test_a_message_of_any_length_arrives_whole,
      test_the_longest_path_is_reached, test_without_a_manager_nothing_happens,
      test_a_manager_that_is_gone_is_passed_over,
      test_sending_leaves_no_descriptor_behind,
      test_reloading_carries_the_monotonic_time)
