/*
 * mailbox: the only door between threads.  Any thread posts, the owner's
 * thread delivers.
 *
 * A mail is embedded in whatever it carries; posting it hands that over to the
 * receiver and cannot fail.  Mail is delivered in the order of posting.  If the
 * kernel refuses to wake the receiver, it gets the mail with the next one.
 */
#ifndef ECHOD_BASE_MAILBOX_H
#define ECHOD_BASE_MAILBOX_H

struct mailbox;

struct mail {
	struct mail *next;
	/* Runs on the receiving thread; the mail is its to keep or free. */
	void (*deliver)(struct mail *mail, void *owner);
};

/* NULL with errno set where the kernel gives no eventfd or memory is out. */
struct mailbox *mailbox_new(void);

/* No thread may post any more; mail not delivered is dropped, not freed. */
void mailbox_free(struct mailbox *mailbox);

/* Readable (eventfd(2)) while there is mail; stays the mailbox's own. */
int mailbox_fd(const struct mailbox *mailbox);

void mailbox_post(struct mailbox *mailbox, struct mail *mail);

/* Delivers all that has been posted; `owner` is passed on to each. */
void mailbox_deliver(struct mailbox *mailbox, void *owner);

#endif
