#include "listen/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "addr/listen_address.h"
#include "config/user_lookup.h"

/* Milliseconds; more than another starting process holds the lock for. */
#define LOCK_TRIES 1000

struct unix_socket {
	unsigned references;
	struct unix_socket_rights rights;
	struct unix_socket_rights
		before; /* the last unix_socket_set_rights() */
	int pin; /* O_PATH: keeps the inode number from being used again */
	char path[LISTEN_ADDRESS_PATH_MAX + 1];
};

static int
open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int
bind_to(int fd, const struct listen_address *listen)
{
	struct sockaddr_un un;
	socklen_t length = listen_address_sockaddr(listen, &un);

	return bind(fd, (struct sockaddr *)&un, length) < 0 ? -errno : 0;
}

/*
 * Linux gives the file the mode of the socket, less the umask.  No other thread
 * makes files.
 */
static int
bind_with_mode(int fd, const struct listen_address *listen, unsigned mode)
{
	mode_t before;
	int result;

	if (fchmod(fd, mode) < 0)
		return -errno;
	before = umask(0);
	result = bind_to(fd, listen);
	umask(before);
	return result;
}

static int
listen_on(int fd, int backlog)
{
	return listen(fd, backlog) < 0 ? -errno : 0;
}

static int
open_pin(const char *path)
{
	int pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return pin < 0 ? -errno : pin;
}

/* 0 if it is a socket without a listener. */
static int
probe(const struct listen_address *listen)
{
	struct sockaddr_un un;
	socklen_t length = listen_address_sockaddr(listen, &un);
	struct stat st;
	int fd, error;

	if (lstat(listen->path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = open_socket();
	if (fd < 0)
		return fd;
	error = connect(fd, (struct sockaddr *)&un, length) < 0 ? errno : 0;
	close(fd);
	switch (error) {
	case ECONNREFUSED:
		return 0;
	case 0:
	case EAGAIN:	 /* it listens, and its queue is full */
	case EPROTOTYPE: /* one for datagrams */
		return -EADDRINUSE;
	default:
		return -error;
	}
}

/* A sandbox without chown(2) refuses also a call that changes nothing. */
static int
change_owner(const struct unix_socket *file,
	     const struct unix_socket_rights *rights)
{
	if (rights->owner == USER_UNCHANGED && rights->group == USER_UNCHANGED)
		return 0;
	return fchownat(file->pin, "", rights->owner, rights->group,
			AT_EMPTY_PATH) < 0 ?
		       -errno :
		       0;
}

/*
 * fchmod(2) refuses O_PATH.  The link in /proc leads to the same file as the
 * pin, whatever has happened to its path.
 */
static int
change_mode(const struct unix_socket *file, unsigned mode)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->pin);
	if (chmod(path, mode) == 0)
		return 0;
	return errno == ENOENT ? -ENOTSUP : -errno;
}

/*
 * Locks the directory while a dead socket is replaced.  Otherwise another echod
 * could replace it between the probe and the removal; and a socket that is
 * bound but does not listen yet looks dead.  Each echod holds the lock for
 * microseconds; one that is held longer belongs to another program and is
 * ignored.  Closing the descriptor unlocks; -1: no lock.
 */
static int
lock_directory(const char *path)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	char directory[LISTEN_ADDRESS_PATH_MAX + 1];
	int fd;

	strcpy(directory, path);
	strrchr(directory, '/')[1] = '\0';
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			break;
		nanosleep(&moment, NULL);
	}
	return fd;
}

static int
bind_to_path(int fd, const struct listen_address *listen, unsigned mode)
{
	int result = bind_with_mode(fd, listen, mode);

	if (result != -EADDRINUSE)
		return result;
	result = probe(listen);
	if (result == 0 && unlink(listen->path) < 0)
		result = -errno;
	return result < 0 ? result : bind_with_mode(fd, listen, mode);
}

static struct unix_socket *
new_file(const char *path)
{
	struct unix_socket *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->references = 1;
	file->pin = -1;
	strcpy(file->path, path);
	return file;
}

static void
free_file(struct unix_socket *file)
{
	if (file->pin >= 0)
		close(file->pin);
	free(file);
}

/* Clients cannot connect before listen(2) (unix(7)), so rights come first. */
static int
listen_at_path(struct unix_socket *file, int fd, int backlog,
	       const struct unix_socket_rights *rights)
{
	int result;

	file->pin = open_pin(file->path);
	result = file->pin < 0 ? file->pin : change_owner(file, rights);
	if (result == 0)
		result = listen_on(fd, backlog);
	if (result < 0)
		unlink(file->path);
	file->rights = *rights;
	return result;
}

static int
set_up_path(const struct listen_address *listen, int fd, int backlog,
	    const struct unix_socket_rights *rights, struct unix_socket **file)
{
	int lock, result;

	*file = new_file(listen->path);
	if (!*file)
		return -ENOMEM;
	lock = lock_directory(listen->path);
	result = bind_to_path(fd, listen, rights->mode);
	if (result == 0)
		result = listen_at_path(*file, fd, backlog, rights);
	if (lock >= 0)
		close(lock);
	if (result < 0) {
		free_file(*file);
		*file = NULL;
	}
	return result;
}

static int
set_up_name(const struct listen_address *listen, int fd, int backlog)
{
	int result = bind_to(fd, listen);

	return result < 0 ? result : listen_on(fd, backlog);
}

int
unix_socket_listen(const struct listen_address *listen, int backlog,
		   const struct unix_socket_rights *rights,
		   struct unix_socket **file)
{
	int fd = open_socket();
	int result;

	*file = NULL;
	if (fd < 0)
		return fd;
	if (listen_address_is_abstract(listen))
		result = set_up_name(listen, fd, backlog);
	else
		result = set_up_path(listen, fd, backlog, rights, file);
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

struct unix_socket *
unix_socket_ref(struct unix_socket *file)
{
	if (file)
		file->references++;
	return file;
}

bool
unix_socket_is_in_place(const struct unix_socket *file)
{
	struct stat ours, found;

	if (!file)
		return true;
	return fstat(file->pin, &ours) == 0 && lstat(file->path, &found) == 0 &&
	       ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

void
unix_socket_unref(struct unix_socket *file)
{
	if (!file || --file->references > 0)
		return;
	if (unix_socket_is_in_place(file))
		unlink(file->path);
	free_file(file);
}

static bool
same_rights(const struct unix_socket_rights *a,
	    const struct unix_socket_rights *b)
{
	return a->mode == b->mode && a->owner == b->owner &&
	       a->group == b->group;
}

int
unix_socket_set_rights(struct unix_socket *file,
		       const struct unix_socket_rights *rights)
{
	struct stat st;
	int result;

	if (fstat(file->pin, &st) < 0)
		return -errno;
	file->before = (struct unix_socket_rights){
		.mode = file->rights.mode,
		.owner = st.st_uid,
		.group = st.st_gid,
	};
	if (same_rights(&file->rights, rights))
		return 0;
	result = change_owner(file, rights);
	if (result == 0 && rights->mode != file->rights.mode)
		result = change_mode(file, rights->mode);
	if (result == 0)
		file->rights = *rights;
	return result;
}

void
unix_socket_restore_rights(struct unix_socket *file)
{
	/* Always: half a change leaves `rights` as they were configured. */
	(void)change_owner(file, &file->before);
	if (file->before.mode != file->rights.mode)
		(void)change_mode(file, file->before.mode);
	file->rights = file->before;
}
