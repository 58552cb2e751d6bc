/*
 * mailbox: passes messages to the thread that owns it.  Any thread posts; the
 * owner's thread delivers.
 *
 * A mail is embedded in the structure that it passes.  Posting gives that
 * structure to the receiver and cannot fail.  Mail is delivered in the order of
 * posting.  If the kernel fails to wake the receiver, the mail is delivered
 * together with the next one.
 */
#ifndef ECHOD_BASE_MAILBOX_H
#define ECHOD_BASE_MAILBOX_H

struct mailbox;

struct mail {
	struct mail *next; /* for the mailbox */
	/* Runs on the receiving thread; can keep, post or free the mail. */
	void (*deliver)(struct mail *mail, void *owner);
};

/* NULL with errno set if there is no eventfd or memory is out. */
struct mailbox *mailbox_new(void);

/*
 * No thread may post any more.  Mail that has not been delivered is dropped,
 * not freed.  NULL is fine.
 */
void mailbox_free(struct mailbox *mailbox);

/* A descriptor that is readable while there is mail; the mailbox closes it. */
int mailbox_fd(const struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

/*
 * Calls `deliver` with `owner` for each mail posted so far.  Mail posted by
 * these calls is left for the next mailbox_deliver().  Owner's thread.
 */
void mailbox_deliver(struct mailbox *mailbox, void *owner);

#endif
