#include "base/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/suite.h"

enum { DEADLINE_MS = 20000 };

struct letter {
	struct mail mail; /* first: a mail is its letter */
	unsigned number;
	unsigned sender;
};

/* The number of wake-ups that fail. */
static unsigned refusals;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t
__wrap_write(int fd, const void *data, size_t size)
{
	if (refusals == 0)
		return __real_write(fd, data, size);
	refusals--;
	errno = EIO;
	return -1;
}

/* What an owner has received. */
struct received {
	struct mailbox *mailbox;
	unsigned count;
	unsigned numbers[16];
};

static void
note(struct mail *mail, void *owner)
{
	struct letter *letter = (struct letter *)mail;
	struct received *received = owner;

	received->numbers[received->count++] = letter->number;
}

static bool
is_readable(const struct mailbox *mailbox, int milliseconds)
{
	struct pollfd pollfd = { .fd = mailbox_fd(mailbox), .events = POLLIN };

	return poll(&pollfd, 1, milliseconds) == 1 && (pollfd.revents & POLLIN);
}

static void
post(struct mailbox *mailbox, struct letter *letters, unsigned first,
     unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		letters[i] =
			(struct letter){ .mail.deliver = note, .number = i };
		mailbox_post(mailbox, &letters[i].mail);
	}
}

START_TEST(test_mail_arrives_in_the_order_of_posting)
{
	struct mailbox *mailbox = mailbox_new();
	struct received received = { 0 };
	struct letter letters[10];

	ck_assert_ptr_nonnull(mailbox);
	post(mailbox, letters, 0, 7);
	ck_assert_uint_eq(received.count, 0);
	mailbox_deliver(mailbox, &received);
	ck_assert_uint_eq(received.count, 7);
	post(mailbox, letters, 7, 3);
	mailbox_deliver(mailbox, &received);
	ck_assert_uint_eq(received.count, 10);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(received.numbers[i], i);

	/* Nothing is delivered twice. */
	mailbox_deliver(mailbox, &received);
	ck_assert_uint_eq(received.count, 10);
	mailbox_free(mailbox);
}
END_TEST

START_TEST(test_the_descriptor_is_readable_while_there_is_mail)
{
	struct mailbox *mailbox = mailbox_new();
	struct received received = { 0 };
	struct letter letters[6];

	ck_assert(!is_readable(mailbox, 0));
	for (unsigned i = 0; i < 6; i += 2) {
		post(mailbox, letters, i, 1);
		ck_assert(is_readable(mailbox, 0));
		post(mailbox, letters, i + 1, 1);
		ck_assert(is_readable(mailbox, 0));
		mailbox_deliver(mailbox, &received);
		ck_assert(!is_readable(mailbox, 0));
	}
	ck_assert_uint_eq(received.count, 6);
	mailbox_free(mailbox);
}
END_TEST

START_TEST(test_a_batch_wakes_the_owner_once)
{
	struct mailbox *mailbox = mailbox_new();
	struct received received = { 0 };
	struct letter letters[9];
	uint64_t wake_ups;

	for (unsigned i = 0; i < 9; i += 3) {
		post(mailbox, letters, i, 3);
		ck_assert_int_eq(read(mailbox_fd(mailbox), &wake_ups,
				      sizeof(wake_ups)),
				 sizeof(wake_ups));
		ck_assert_uint_eq(wake_ups, 1);
		/*
		 * Mail is delivered even if the eventfd has been read already.
		 */
		mailbox_deliver(mailbox, &received);
		ck_assert_uint_eq(received.count, i + 3);
	}
	mailbox_free(mailbox);
}
END_TEST

START_TEST(test_a_wake_up_that_fails_is_repeated)
{
	struct mailbox *mailbox = mailbox_new();
	struct received received = { 0 };
	struct letter letters[3];

	refusals = 1;
	post(mailbox, letters, 0, 1);
	ck_assert(is_readable(mailbox, 0));
	mailbox_deliver(mailbox, &received);

	/* If it fails finally, the next mail wakes the owner, and only that. */
	refusals = 1000;
	post(mailbox, letters, 1, 1);
	ck_assert(!is_readable(mailbox, 0));
	refusals = 0;
	post(mailbox, letters, 2, 1);
	ck_assert(is_readable(mailbox, 0));
	mailbox_deliver(mailbox, &received);
	ck_assert_uint_eq(received.count, 3);
	mailbox_free(mailbox);
}
END_TEST

START_TEST(test_the_descriptor_neither_blocks_nor_is_inherited)
{
	struct mailbox *mailbox = mailbox_new();
	struct received received = { 0 };
	int fd = mailbox_fd(mailbox);

	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	/* Would hang if reading blocked. */
	mailbox_deliver(mailbox, &received);
	mailbox_free(mailbox);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	mailbox_free(NULL);
}
END_TEST

static void
note_and_free(struct mail *mail, void *owner)
{
	note(mail, owner);
	free(mail);
}

START_TEST(test_mail_is_the_receivers_to_free)
{
	struct mailbox *mailbox = mailbox_new();
	struct received received = { 0 };

	for (unsigned i = 0; i < 5; i++) {
		struct letter *letter = calloc(1, sizeof(*letter));

		ck_assert_ptr_nonnull(letter);
		letter->mail.deliver = note_and_free;
		letter->number = i;
		mailbox_post(mailbox, &letter->mail);
	}
	mailbox_deliver(mailbox, &received);
	ck_assert_uint_eq(received.count, 5);
	mailbox_free(mailbox);
}
END_TEST

static void
note_and_repost(struct mail *mail, void *owner)
{
	struct received *received = owner;

	note(mail, owner);
	mailbox_post(received->mailbox, mail);
}

START_TEST(test_what_is_posted_on_delivery_comes_next_time)
{
	struct mailbox *mailbox = mailbox_new();
	struct received received = { .mailbox = mailbox };
	struct letter letters[2] = {
		{ .mail.deliver = note_and_repost, .number = 0 },
		{ .mail.deliver = note_and_repost, .number = 1 },
	};

	mailbox_post(mailbox, &letters[0].mail);
	mailbox_post(mailbox, &letters[1].mail);
	for (unsigned round = 1; round <= 4; round++) {
		ck_assert(is_readable(mailbox, 0));
		mailbox_deliver(mailbox, &received);
		ck_assert_uint_eq(received.count, 2 * round);
	}
	for (unsigned i = 0; i < received.count; i++)
		ck_assert_uint_eq(received.numbers[i], i % 2);
	ck_assert(is_readable(mailbox, 0));
	mailbox_free(mailbox);
}
END_TEST

START_TEST(test_undelivered_mail_is_left_alone)
{
	struct mailbox *mailbox = mailbox_new();
	struct letter letters[2];

	post(mailbox, letters, 0, 2);
	mailbox_free(mailbox);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_eq(letters[i].number, i);
}
END_TEST

START_TEST(test_without_descriptors_there_is_no_mailbox)
{
	struct rlimit before, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 0;
	struct mailbox *mailbox = mailbox_new();
	int error = errno;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_ptr_null(mailbox);
	ck_assert_int_eq(error, EMFILE);
}
END_TEST

enum { SENDERS = 6, LETTERS = 20000 };

struct sender {
	pthread_t thread;
	pthread_barrier_t *start;
	struct mailbox *mailbox;
	struct letter *letters;
};

struct crowd {
	unsigned next[SENDERS]; /* the number due from each */
	unsigned count;
	bool in_order;
};

static void
note_sender(struct mail *mail, void *owner)
{
	struct letter *letter = (struct letter *)mail;
	struct crowd *crowd = owner;

	if (letter->number != crowd->next[letter->sender]++)
		crowd->in_order = false;
	crowd->count++;
	/* The sender wrote this before posting; a race would be seen here. */
	letter->number = UINT32_MAX;
}

static void *
send_all(void *argument)
{
	struct sender *sender = argument;

	pthread_barrier_wait(sender->start);
	for (unsigned i = 0; i < LETTERS; i++)
		mailbox_post(sender->mailbox, &sender->letters[i].mail);
	return NULL;
}

static void
start_sender(struct sender *sender, unsigned at)
{
	sender->letters = calloc(LETTERS, sizeof(*sender->letters));
	ck_assert_ptr_nonnull(sender->letters);
	for (unsigned i = 0; i < LETTERS; i++)
		sender->letters[i] = (struct letter){
			.mail.deliver = note_sender,
			.number = i,
			.sender = at,
		};
	ck_assert_int_eq(
		pthread_create(&sender->thread, NULL, send_all, sender), 0);
}

/* After a lost wake-up, the receiver would wait until its deadline. */
START_TEST(test_many_threads_post_and_nothing_is_lost)
{
	struct mailbox *mailbox = mailbox_new();
	struct crowd crowd = { .in_order = true };
	struct sender senders[SENDERS];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, SENDERS);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i].mailbox = mailbox;
		senders[i].start = &start;
		start_sender(&senders[i], i);
	}
	while (crowd.count < SENDERS * LETTERS) {
		ck_assert_msg(is_readable(mailbox, DEADLINE_MS),
			      "not woken after %u letters", crowd.count);
		mailbox_deliver(mailbox, &crowd);
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
		ck_assert_uint_eq(crowd.next[i], LETTERS);
		free(senders[i].letters);
	}
	ck_assert(crowd.in_order);
	pthread_barrier_destroy(&start);
	mailbox_free(mailbox);
}
END_TEST

SUITE(test_mail_arrives_in_the_order_of_posting,
      test_the_descriptor_is_readable_while_there_is_mail,
      test_a_batch_wakes_the_owner_once, test_a_wake_up_that_fails_is_repeated,
      test_the_descriptor_neither_blocks_nor_is_inherited,
      test_mail_is_the_receivers_to_free,
      test_what_is_posted_on_delivery_comes_next_time,
      test_undelivered_mail_is_left_alone,
      test_without_descriptors_there_is_no_mailbox,
      test_many_threads_post_and_nothing_is_lost)
