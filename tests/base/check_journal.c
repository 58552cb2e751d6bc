#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/suite.h"

static char directory[] = "/tmp/echod-journal.XXXXXX";
static char path[64];

static int
open_receiver(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path[0]) {
		ck_assert_ptr_nonnull(mkdtemp(directory));
		snprintf(path, sizeof(path), "%s/socket", directory);
	}
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	return fd;
}

static void
close_receiver(int fd)
{
	close(fd);
	unlink(path);
	rmdir(directory);
}

static void
expect_message(int receiver, const char *wanted)
{
	char got[100] = "";

	ck_assert_int_gt(recv(receiver, got, sizeof(got) - 1, 0), 0);
	ck_assert_str_eq(got, wanted);
}

/* The descriptor in an empty message. */
static int
receive_file(int receiver)
{
	char byte, space[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	int file;

	ck_assert_int_eq(recvmsg(receiver, &message, MSG_CMSG_CLOEXEC), 0);
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&message));
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(file));
	return file;
}

START_TEST(test_datagrams)
{
	int receiver = open_receiver();
	int fd = journal_open();

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(journal_send(fd, path, "A=1\n", 4), 0);
	ck_assert_int_eq(journal_send(fd, path, "A=2\nB=3\n", 8), 0);
	expect_message(receiver, "A=1\n");
	expect_message(receiver, "A=2\nB=3\n");
	close(fd);
	close_receiver(receiver);
}
END_TEST

/* journald accepts a file only if nobody can change it any more. */
START_TEST(test_large_messages_are_sealed_files)
{
	enum { SIZE = 4 << 20 };
	char *message = malloc(SIZE), *got = malloc(SIZE + 1);
	int receiver = open_receiver();
	int fd = journal_open(), file;

	for (size_t i = 0; i < SIZE; i++)
		message[i] = (char)('a' + i % 26);
	ck_assert_int_eq(journal_send(fd, path, message, SIZE), 0);
	file = receive_file(receiver);
	ck_assert_int_eq(fcntl(file, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK |
							   F_SEAL_GROW |
							   F_SEAL_WRITE);
	ck_assert_int_eq(pread(file, got, SIZE + 1, 0), SIZE);
	ck_assert_mem_eq(got, message, SIZE);
	ck_assert_int_eq(journal_send(fd, path, "A=1\n", 4), 0);
	expect_message(receiver, "A=1\n");
	close(file);
	close(fd);
	close_receiver(receiver);
	free(message);
	free(got);
}
END_TEST

/* Nobody there, and a journald that was started again. */
START_TEST(test_without_a_receiver)
{
	int receiver = open_receiver();
	int fd = journal_open();

	close(receiver);
	ck_assert_int_eq(journal_send(fd, path, "A=1\n", 4), -ECONNREFUSED);
	unlink(path);
	ck_assert_int_eq(journal_send(fd, path, "A=1\n", 4), -ENOENT);
	receiver = open_receiver();
	ck_assert_int_eq(journal_send(fd, path, "A=2\n", 4), 0);
	expect_message(receiver, "A=2\n");
	close(fd);
	close_receiver(receiver);
}
END_TEST

START_TEST(test_errors)
{
	char name[200];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(journal_send(0, name, "A=1\n", 4), -ENAMETOOLONG);
	ck_assert_int_eq(journal_send(-1, "/x", "A=1\n", 4), -EBADF);
}
END_TEST

SUITE(test_datagrams, test_large_messages_are_sealed_files,
      test_without_a_receiver, test_errors)
