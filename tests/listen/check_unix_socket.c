#include "listen/unix_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "addr/listen_address.h"
#include "config/user_lookup.h"
#include "support/sockets.h"

static const struct unix_socket_rights everybody = {
	.mode = 0666,
	.owner = USER_UNCHANGED,
	.group = USER_UNCHANGED,
};

/* The program is linked with --wrap: chmod() fails on request. */
static bool chmod_fails;

int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);

int
__wrap_chmod(const char *path, mode_t mode)
{
	if (!chmod_fails)
		return __real_chmod(path, mode);
	errno = EPERM;
	return -1;
}

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

static struct listen_address
listen_address_in_directory(const char *name)
{
	struct listen_address listen_address = { .protocol = PROTOCOL_UNIX };

	ck_assert_int_lt(snprintf(listen_address.path,
				  sizeof(listen_address.path), "%s/%s",
				  directory(), name),
			 (int)sizeof(listen_address.path));
	return listen_address;
}

/* Fails where anything has been left. */
static void
remove_directory(void)
{
	ck_assert_msg(rmdir(directory()) == 0, "%s: %s", directory(),
		      strerror(errno));
}

static int
listening(const struct listen_address *listen_address,
	  struct unix_socket **file)
{
	int fd = unix_socket_listen(listen_address, 8, &everybody, file);

	ck_assert_msg(fd >= 0, "%s: %s", listen_address->path, strerror(-fd));
	return fd;
}

/* 0 or the errno of connect(2). */
static int
try_connect(const struct listen_address *listen_address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_un un;
	socklen_t length = listen_address_sockaddr(listen_address, &un);
	int error = connect(fd, (struct sockaddr *)&un, length) < 0 ? errno : 0;

	close(fd);
	return error;
}

static void
expect_refused(const struct listen_address *listen_address, int error)
{
	struct unix_socket *file = (struct unix_socket *)&error;
	int before = open_descriptors();

	ck_assert_int_eq(unix_socket_listen(listen_address, 8, &everybody,
					    &file),
			 -error);
	ck_assert_ptr_null(file);
	ck_assert_int_eq(open_descriptors(), before);
}

static mode_t
mode_of(const struct listen_address *listen_address)
{
	struct stat st;

	ck_assert_int_eq(lstat(listen_address->path, &st), 0);
	return st.st_mode;
}

START_TEST(test_a_path_is_there_as_long_as_it_is_listened_on)
{
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *file, *second;
	int before = open_descriptors();
	int fd = listening(&listen_address, &file);

	ck_assert(is_listening(fd));
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(S_ISSOCK(mode_of(&listen_address)));
	ck_assert_int_eq(try_connect(&listen_address), 0);

	second = unix_socket_ref(file);
	ck_assert_ptr_eq(second, file);
	unix_socket_unref(file);
	ck_assert_int_eq(try_connect(&listen_address), 0);
	unix_socket_unref(second);
	ck_assert_int_eq(try_connect(&listen_address), ENOENT);
	close(fd);
	ck_assert_int_eq(open_descriptors(), before);
	unix_socket_unref(NULL);
	ck_assert_ptr_null(unix_socket_ref(NULL));
	remove_directory();
}
END_TEST

START_TEST(test_an_abstract_name_has_no_file)
{
	struct listen_address listen_address = { .protocol = PROTOCOL_UNIX };
	struct unix_socket *file = (struct unix_socket *)&listen_address;

	snprintf(listen_address.path, sizeof(listen_address.path),
		 "@echod-test-%d", getpid());
	int fd = unix_socket_listen(&listen_address, 8, &everybody, &file);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_null(file);
	ck_assert_int_eq(try_connect(&listen_address), 0);
	expect_refused(&listen_address, EADDRINUSE);
	close(fd);
	ck_assert_int_eq(try_connect(&listen_address), ECONNREFUSED);
}
END_TEST

START_TEST(test_a_socket_that_is_dead_is_replaced)
{
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *dead, *file;
	int fd = listening(&listen_address, &dead);

	close(fd);
	ck_assert_int_eq(try_connect(&listen_address), ECONNREFUSED);
	fd = listening(&listen_address, &file);
	ck_assert_int_eq(try_connect(&listen_address), 0);
	/* What stands there now is not the dead one's any more. */
	unix_socket_unref(dead);
	ck_assert_int_eq(try_connect(&listen_address), 0);
	unix_socket_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(test_a_socket_that_is_alive_is_not)
{
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *file;
	int fd = listening(&listen_address, &file);
	int i;

	expect_refused(&listen_address, EADDRINUSE);
	/* With a queue that is full, too. */
	for (i = 0; i < 100 && try_connect(&listen_address) == 0; i++)
		;
	ck_assert_int_lt(i, 100);
	expect_refused(&listen_address, EADDRINUSE);
	unix_socket_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(test_a_socket_for_datagrams_is_alive_as_well)
{
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct sockaddr_un un;
	socklen_t length = listen_address_sockaddr(&listen_address, &un);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, length), 0);
	expect_refused(&listen_address, EADDRINUSE);
	close(fd);
	unlink(listen_address.path);
	remove_directory();
}
END_TEST

START_TEST(test_any_other_file_stays)
{
	struct listen_address file = listen_address_in_directory("file");
	struct listen_address link = listen_address_in_directory("link");
	struct listen_address inside = listen_address_in_directory("inside");

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

START_TEST(test_a_path_that_cannot_be_is_an_error)
{
	struct listen_address nowhere = listen_address_in_directory("no/sock");
	struct listen_address no_directory = { .path = "/dev/null/sock" };

	expect_refused(&nowhere, ENOENT);
	expect_refused(&no_directory, ENOTDIR);
	remove_directory();
}
END_TEST

/* What ss(8) shows, and getsockname(2) of all that is accepted. */
START_TEST(test_a_socket_has_the_name_that_was_asked_for)
{
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *file;
	struct sockaddr_un un, bound;
	socklen_t length = sizeof(bound);
	int fd;

	fd = listening(&listen_address, &file);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&bound, &length),
			 0);
	ck_assert_uint_eq(length,
			  listen_address_sockaddr(&listen_address, &un));
	ck_assert_str_eq(bound.sun_path, listen_address.path);
	unix_socket_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

/* A process that holds the lock delays the daemon for a short time only. */
START_TEST(test_a_lock_is_waited_for_but_not_for_ever)
{
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	int lock = open(directory(), O_RDONLY);
	struct unix_socket *file;

	ck_assert_int_eq(flock(lock, LOCK_EX), 0);
	int fd = listening(&listen_address, &file);
	ck_assert_int_eq(try_connect(&listen_address), 0);
	unix_socket_unref(file);
	close(fd);
	close(lock);
	remove_directory();
}
END_TEST

START_TEST(test_what_somebody_else_has_put_there_is_not_removed)
{
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *file;
	int fd = listening(&listen_address, &file);

	ck_assert_int_eq(unlink(listen_address.path), 0);
	close(open(listen_address.path, O_CREAT | O_WRONLY, 0600));
	unix_socket_unref(file);
	ck_assert(S_ISREG(mode_of(&listen_address)));
	close(fd);
	unlink(listen_address.path);
	remove_directory();
}
END_TEST

START_TEST(test_rights_are_set_whatever_the_mask_and_changed)
{
	struct unix_socket_rights rights = everybody;
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *file;
	int fd;

	umask(0077);
	fd = listening(&listen_address, &file);
	ck_assert_uint_eq(mode_of(&listen_address) & 07777, 0666);
	for (rights.mode = 0; rights.mode <= 0777; rights.mode++) {
		ck_assert_int_eq(unix_socket_set_rights(file, &rights), 0);
		ck_assert_uint_eq(mode_of(&listen_address) & 07777,
				  rights.mode);
	}
	/* The same again does nothing at all. */
	ck_assert_int_eq(chmod(listen_address.path, 0700), 0);
	rights.mode = 0777;
	ck_assert_int_eq(unix_socket_set_rights(file, &rights), 0);
	ck_assert_uint_eq(mode_of(&listen_address) & 07777, 0700);
	unix_socket_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(test_owner_and_group_are_set_where_that_is_allowed)
{
	struct unix_socket_rights rights = { 0600, 12345, 54321 };
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *file;
	struct stat st;
	int fd;

	if (geteuid() != 0) {
		ck_assert_int_eq(unix_socket_listen(&listen_address, 8, &rights,
						    &file),
				 -EPERM);
		remove_directory();
		return;
	}
	fd = unix_socket_listen(&listen_address, 8, &rights, &file);
	if (fd == -EPERM || fd == -EINVAL)
		skip("this root may not give files away");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(lstat(listen_address.path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 12345);
	ck_assert_uint_eq(st.st_gid, 54321);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);

	rights = (struct unix_socket_rights){ 0600, 12346, USER_UNCHANGED };
	ck_assert_int_eq(unix_socket_set_rights(file, &rights), 0);
	ck_assert_int_eq(lstat(listen_address.path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 12346);
	ck_assert_uint_eq(st.st_gid, 54321);
	unix_socket_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

static void
expect_rights(const struct listen_address *listen_address, unsigned mode,
	      uid_t owner, gid_t group)
{
	struct stat st;

	ck_assert_int_eq(lstat(listen_address->path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
	ck_assert_uint_eq(st.st_uid, owner);
	ck_assert_uint_eq(st.st_gid, group);
}

/* After a change, and after one that failed when the owner was changed. */
START_TEST(test_rights_are_restored)
{
	struct unix_socket_rights rights = { 0600, 12345, 54321 };
	struct unix_socket_rights other = { 0640, 12346, 54322 };
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct unix_socket *file;
	int fd = unix_socket_listen(&listen_address, 8, &rights, &file);

	if (fd == -EPERM || fd == -EINVAL) {
		remove_directory();
		skip("this user may not give files away");
	}
	for (int i = 0; i < 2; i++) {
		chmod_fails = i == 1;
		ck_assert_int_eq(unix_socket_set_rights(file, &other),
				 chmod_fails ? -EPERM : 0);
		expect_rights(&listen_address, chmod_fails ? 0600 : 0640, 12346,
			      54322);
		unix_socket_restore_rights(file);
		expect_rights(&listen_address, 0600, 12345, 54321);
	}
	unix_socket_unref(file);
	close(fd);
	remove_directory();
}
END_TEST

/* Listens if it can, tells so, and ends when it is told to. */
static void
compete(const struct listen_address *listen_address, int start, int result,
	int end)
{
	struct unix_socket *file;
	char byte;

	if (read(start, &byte, 1) < 0)
		_exit(1);
	int fd = unix_socket_listen(listen_address, 8, &everybody, &file);
	byte = fd >= 0 ? 'y' : fd == -EADDRINUSE ? 'n' : '?';
	if (write(result, &byte, 1) != 1 || read(end, &byte, 1) < 0)
		_exit(1);
	unix_socket_unref(file);
	_exit(0);
}

/* Two that find the same dead socket: one gets it, and one has it then. */
START_TEST(test_a_dead_socket_is_for_one_heir)
{
	enum { ROUNDS = 100 };
	struct listen_address listen_address =
		listen_address_in_directory("sock");
	struct sockaddr_un un;
	socklen_t length = listen_address_sockaddr(&listen_address, &un);

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
			compete(&listen_address, start[0], result[1], end[0]);
		}
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(read(result[0], &said[i], 1), 1);
		ck_assert_int_eq(said[0] + said[1], 'y' + 'n');
		ck_assert_int_eq(try_connect(&listen_address), 0);
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

SUITE(test_a_path_is_there_as_long_as_it_is_listened_on,
      test_an_abstract_name_has_no_file, test_a_socket_that_is_dead_is_replaced,
      test_a_socket_that_is_alive_is_not,
      test_a_socket_for_datagrams_is_alive_as_well, test_any_other_file_stays,
      test_a_path_that_cannot_be_is_an_error,
      test_a_socket_has_the_name_that_was_asked_for,
      test_a_lock_is_waited_for_but_not_for_ever,
      test_what_somebody_else_has_put_there_is_not_removed,
      test_rights_are_set_whatever_the_mask_and_changed,
      test_owner_and_group_are_set_where_that_is_allowed,
      test_rights_are_restored, test_a_dead_socket_is_for_one_heir)
