#include "base/mailbox.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAKE_UP_TRIES 4

struct mailbox {
	_Atomic(struct mail *) newest; /* a stack, newest first */
	atomic_bool missed;	       /* the last wake-up failed */
	int fd;
};

struct mailbox *
mailbox_new(void)
{
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox));

	if (!mailbox)
		return NULL;
	mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->fd < 0) {
		free(mailbox);
		return NULL;
	}
	return mailbox;
}

void
mailbox_free(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	close(mailbox->fd);
	free(mailbox);
}

int
mailbox_fd(const struct mailbox *mailbox)
{
	return mailbox->fd;
}

/*
 * eventfd(2): the kernel refuses only at 2^64 unread wake-ups, one of which is
 * enough.  If one fails for another reason, such as a filter of system calls,
 * it must be repeated: otherwise the mail would never be delivered.
 */
static bool
wake_up(int fd)
{
	uint64_t one = 1;

	for (int tries = 0; tries < WAKE_UP_TRIES; tries++)
		if (write(fd, &one, sizeof(one)) == sizeof(one))
			return true;
	return false;
}

void
mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
	struct mail *newest =
		atomic_load_explicit(&mailbox->newest, memory_order_relaxed);

	do
		mail->next = newest;
	while (!atomic_compare_exchange_weak_explicit(
		&mailbox->newest, &newest, mail, memory_order_release,
		memory_order_relaxed));

	/* If the mailbox was not empty, the receiver has been woken already. */
	if (!newest || atomic_load(&mailbox->missed))
		atomic_store(&mailbox->missed, !wake_up(mailbox->fd));
}

static struct mail *
reverse(struct mail *newest)
{
	struct mail *oldest = NULL;

	while (newest) {
		struct mail *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

void
mailbox_deliver(struct mailbox *mailbox, void *owner)
{
	uint64_t count;

	/* Reset before taking the mail: a later post wakes the owner again. */
	while (read(mailbox->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;

	struct mail *mail = reverse(atomic_exchange_explicit(
		&mailbox->newest, NULL, memory_order_acquire));
	while (mail) {
		struct mail *next = mail->next;
		mail->deliver(mail, owner);
		mail = next;
	}
}
