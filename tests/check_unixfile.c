#include "unixfile.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "account.h"
#include "place.h"
#include "sockets.h"

static const struct unixfile_rights everybody = {
	.mode = 0666,
	.owner = ACCOUNT_UNCHANGED,
	.group = ACCOUNT_UNCHANGED,
};

/* A directory that every test process makes for itself. */
static const char *
directory(void)
{
	static char path[] = "/tmp/echod-unix.XXXXXX";
	static bool made;

	if (!made)
		ck_assert_ptr_nonnull(mkdtemp(path));
	made = true;
	return path;
}

static struct place
place_in_directory(const char *name)
{
	struct place place = { .transport = TRANSPORT_UNIX };

	ck_assert_int_lt(snprintf(place.path, sizeof(place.path), "%s/%s",
				  directory(), name),
			 (int)sizeof(place.path));
	return place;
}

/* Fails where anything has been left. */
static void
remove_directory(void)
{
	ck_assert_msg(rmdir(directory()) == 0, "%s: %s", directory(),
		      strerror(errno));
}

static int
listening(const struct place *place, struct unixfile **file)
{
	int fd = unixfile_listen(place, 8, &everybody, file);

	ck_assert_msg(fd >= 0, "%s: %s", place->path, strerror(-fd));
	return fd;
}

/* 0 or the errno of connect(2). */
static int
try_connect(const struct place *place)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_un un;
	socklen_t length = place_sockaddr(place, &un);
	int error = connect(fd, (struct sockaddr *)&un, length) < 0 ? errno : 0;

	close(fd);
	return error;
}

static void
expect_refused(const struct place *place, int error)
{
	struct unixfile *file = (struct unixfile *)&error;
	int before = open_descriptors();

	ck_assert_int_eq(unixfile_listen(place, 8, &everybody, &file), -error);
	ck_assert_ptr_null(file);
	ck_assert_int_eq(open_descriptors(), before);
}

static mode_t
mode_of(const struct place *place)
{
	struct stat st;

	ck_assert_int_eq(lstat(place->path, &st), 0);
	return st.st_mode;
}

START_TEST(a_path_is_there_as_long_as_it_is_listened_on)
{
	struct place place = place_in_directory("sock");
	struct unixfile *file, *second;
	int before = open_descriptors();
	int fd = listening(&place, &file);

	ck_assert(is_listening(fd));
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(S_ISSOCK(mode_of(&place)));
	ck_assert_int_eq(try_connect(&place), 0);

	second = unixfile_ref(file);
	ck_assert_ptr_eq(second, file);
	unixfile_unref(file);
	ck_assert_int_eq(try_connect(&place), 0);
	unixfile_unref(second);
	ck_assert_int_eq(try_connect(&place), ENOENT);
	close(fd);
	ck_assert_int_eq(open_descriptors(), before);
	unixfile_unref(NULL);
	ck_assert_ptr_null(unixfile_ref(NULL));
	remove_directory();
}
END_TEST

START_TEST(an_abstract_name_has_no_file)
{
	struct place place = { .transport = TRANSPORT_UNIX };
	struct unixfile *file = (struct unixfile *)&place;

	snprintf(place.path, sizeof(place.path), "@echod-test-%d", getpid());
	int fd = unixfile_listen(&place, 8, &everybody, &file);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_null(file);
	ck_assert_int_eq(try_connect(&place), 0);
	expect_refused(&place, EADDRINUSE);
	close(fd);
	ck_assert_int_eq(try_connect(&place), ECONNREFUSED);
}
END_TEST

START_TEST(a_socket_that_is_dead_is_replaced)
{
	struct place place = place_in_directory("sock");
	struct unixfile *dead, *file;
	int fd = listening(&place, &dead);

	close(fd);
	ck_assert_int_eq(try_connect(&place), ECONNREFUSED);
	fd = listening(&place, &file);
	ck_assert_int_eq(try_connect(&place), 0);
	/* What stands there now is not the dead one's any more. */
	unixfile_unref(dead);
	ck_assert_int_eq(try_connect(&place), 0);
	unixfile_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(a_socket_that_is_alive_is_not)
{
	struct place place = place_in_directory("sock");
	struct unixfile *file;
	int fd = listening(&place, &file);
	int i;

	expect_refused(&place, EADDRINUSE);
	/* With a queue that is full, too. */
	for (i = 0; i < 100 && try_connect(&place) == 0; i++)
		;
	ck_assert_int_lt(i, 100);
	expect_refused(&place, EADDRINUSE);
	unixfile_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(a_socket_for_datagrams_is_alive_as_well)
{
	struct place place = place_in_directory("sock");
	struct sockaddr_un un;
	socklen_t length = place_sockaddr(&place, &un);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, length), 0);
	expect_refused(&place, EADDRINUSE);
	close(fd);
	unlink(place.path);
	remove_directory();
}
END_TEST

START_TEST(any_other_file_stays)
{
	struct place file = place_in_directory("file");
	struct place link = place_in_directory("link");
	struct place inside = place_in_directory("inside");

	close(open(file.path, O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(symlink("/nowhere", link.path), 0);
	ck_assert_int_eq(mkdir(inside.path, 0700), 0);
	expect_refused(&file, EEXIST);
	expect_refused(&link, EEXIST);
	expect_refused(&inside, EEXIST);
	ck_assert(S_ISREG(mode_of(&file)));
	ck_assert(S_ISLNK(mode_of(&link)));
	ck_assert_int_eq(unlink(file.path), 0);
	ck_assert_int_eq(unlink(link.path), 0);
	ck_assert_int_eq(rmdir(inside.path), 0);
	remove_directory();
}
END_TEST

START_TEST(a_path_that_cannot_be_is_an_error)
{
	struct place nowhere = place_in_directory("no/sock");
	struct place no_directory = { .path = "/dev/null/sock" };

	expect_refused(&nowhere, ENOENT);
	expect_refused(&no_directory, ENOTDIR);
	remove_directory();
}
END_TEST

/* What ss(8) shows, and getsockname(2) of all that is accepted. */
START_TEST(a_socket_has_the_name_that_was_asked_for)
{
	struct place place = place_in_directory("sock");
	struct unixfile *file;
	struct sockaddr_un un, bound;
	socklen_t length = sizeof(bound);
	int fd;

	fd = listening(&place, &file);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&bound, &length),
			 0);
	ck_assert_uint_eq(length, place_sockaddr(&place, &un));
	ck_assert_str_eq(bound.sun_path, place.path);
	unixfile_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

/* Somebody who holds the lock holds nobody up for long. */
START_TEST(a_lock_is_waited_for_but_not_for_ever)
{
	struct place place = place_in_directory("sock");
	int lock = open(directory(), O_RDONLY);
	struct unixfile *file;

	ck_assert_int_eq(flock(lock, LOCK_EX), 0);
	int fd = listening(&place, &file);
	ck_assert_int_eq(try_connect(&place), 0);
	unixfile_unref(file);
	close(fd);
	close(lock);
	remove_directory();
}
END_TEST

START_TEST(what_somebody_else_has_put_there_is_not_removed)
{
	struct place place = place_in_directory("sock");
	struct unixfile *file;
	int fd = listening(&place, &file);

	ck_assert_int_eq(unlink(place.path), 0);
	close(open(place.path, O_CREAT | O_WRONLY, 0600));
	unixfile_unref(file);
	ck_assert(S_ISREG(mode_of(&place)));
	close(fd);
	unlink(place.path);
	remove_directory();
}
END_TEST

START_TEST(rights_are_set_whatever_the_mask_and_changed)
{
	struct unixfile_rights rights = everybody;
	struct place place = place_in_directory("sock");
	struct unixfile *file;
	int fd;

	umask(0077);
	fd = listening(&place, &file);
	ck_assert_uint_eq(mode_of(&place) & 07777, 0666);
	for (rights.mode = 0; rights.mode <= 0777; rights.mode++) {
		ck_assert_int_eq(unixfile_set_rights(file, &rights), 0);
		ck_assert_uint_eq(mode_of(&place) & 07777, rights.mode);
	}
	/* The same again does nothing at all. */
	ck_assert_int_eq(chmod(place.path, 0700), 0);
	rights.mode = 0777;
	ck_assert_int_eq(unixfile_set_rights(file, &rights), 0);
	ck_assert_uint_eq(mode_of(&place) & 07777, 0700);
	unixfile_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(owner_and_group_are_set_where_that_is_allowed)
{
	struct unixfile_rights rights = { 0600, 12345, 54321 };
	struct place place = place_in_directory("sock");
	struct unixfile *file;
	struct stat st;
	int fd;

	if (geteuid() != 0) {
		ck_assert_int_eq(unixfile_listen(&place, 8, &rights, &file),
				 -EPERM);
		remove_directory();
		return;
	}
	fd = unixfile_listen(&place, 8, &rights, &file);
	if (fd == -EPERM || fd == -EINVAL)
		skip("this root may not give files away");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(lstat(place.path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 12345);
	ck_assert_uint_eq(st.st_gid, 54321);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);

	rights = (struct unixfile_rights){ 0600, 12346, ACCOUNT_UNCHANGED };
	ck_assert_int_eq(unixfile_set_rights(file, &rights), 0);
	ck_assert_int_eq(lstat(place.path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 12346);
	ck_assert_uint_eq(st.st_gid, 54321);
	unixfile_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

/* Listens if it can, tells so, and ends when it is told to. */
static void
compete(const struct place *place, int start, int result, int end)
{
	struct unixfile *file;
	char byte;

	if (read(start, &byte, 1) < 0)
		_exit(1);
	int fd = unixfile_listen(place, 8, &everybody, &file);
	byte = fd >= 0 ? 'y' : fd == -EADDRINUSE ? 'n' : '?';
	if (write(result, &byte, 1) != 1 || read(end, &byte, 1) < 0)
		_exit(1);
	unixfile_unref(file);
	_exit(0);
}

/* Two that find the same dead socket: one gets it, and one has it then. */
START_TEST(a_dead_socket_is_for_one_heir)
{
	enum { ROUNDS = 100 };
	struct place place = place_in_directory("sock");
	struct sockaddr_un un;
	socklen_t length = place_sockaddr(&place, &un);

	for (int round = 0; round < ROUNDS; round++) {
		int dead = socket(AF_UNIX, SOCK_STREAM, 0);
		int start[2], result[2], end[2];
		char said[2];

		ck_assert_int_eq(bind(dead, (struct sockaddr *)&un, length), 0);
		close(dead);
		ck_assert_int_eq(pipe(start) | pipe(result) | pipe(end), 0);
		for (int i = 0; i < 2; i++) {
			if (fork() != 0)
				continue;
			close(start[1]);
			close(end[1]);
			compete(&place, start[0], result[1], end[0]);
		}
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(read(result[0], &said[i], 1), 1);
		ck_assert_int_eq(said[0] + said[1], 'y' + 'n');
		ck_assert_int_eq(try_connect(&place), 0);
		close(end[0]);
		close(end[1]);
		for (int i = 0; i < 2; i++) {
			int status;

			ck_assert_int_gt(wait(&status), 0);
			ck_assert_int_eq(status, 0);
		}
		close(result[0]);
		close(result[1]);
	}
	remove_directory();
}
END_TEST

SUITE(a_path_is_there_as_long_as_it_is_listened_on,
      an_abstract_name_has_no_file, a_socket_that_is_dead_is_replaced,
      a_socket_that_is_alive_is_not, a_socket_for_datagrams_is_alive_as_well,
      any_other_file_stays, a_path_that_cannot_be_is_an_error,
      a_socket_has_the_name_that_was_asked_for,
      a_lock_is_waited_for_but_not_for_ever,
      what_somebody_else_has_put_there_is_not_removed,
      rights_are_set_whatever_the_mask_and_changed,
      owner_and_group_are_set_where_that_is_allowed,
      a_dead_socket_is_for_one_heir)
