#include "support/lossy_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

#define MTU 1500
#define NAME "wire0"

enum { SERVER, CLIENT };

struct lossy_link {
	atomic_int quality; /* shared with the process that carries packets */
	atomic_uint lost;
	atomic_uint delayed;
	int hosts[2]; /* the namespaces */
	int ends[2];  /* the devices */
	pid_t carrier;
};

/* A packet that is delayed behind later ones. */
struct held {
	size_t length;
	char data[MTU];
};

static unsigned
chance(unsigned sides)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % sides;
}

static bool
is_lost(const struct lossy_link *link, int from)
{
	switch (atomic_load(&link->quality)) {
	case LINK_GOOD:
		return false;
	case LINK_BAD:
		return chance(100) < 2;
	case LINK_DEAF:
		return from == SERVER;
	default:
		return true;
	}
}

/* A full or absent device loses packets as a link does. */
static void
deliver(const struct lossy_link *link, int to, const char *data, size_t length)
{
	ssize_t done = write(link->ends[to], data, length);

	(void)done;
}

static void
release(const struct lossy_link *link, int to, struct held *held)
{
	if (held->length > 0)
		deliver(link, to, held->data, held->length);
	held->length = 0;
}

static void
carry(struct lossy_link *link, int from, struct held *held)
{
	char data[MTU];
	ssize_t length = read(link->ends[from], data, sizeof(data));
	bool bad = atomic_load(&link->quality) == LINK_BAD;

	if (length <= 0)
		return;
	if (is_lost(link, from)) {
		atomic_fetch_add(&link->lost, 1);
	} else if (bad && held->length == 0 && chance(100) < 5) {
		held->length = (size_t)length;
		memcpy(held->data, data, (size_t)length);
		atomic_fetch_add(&link->delayed, 1);
	} else {
		deliver(link, !from, data, (size_t)length);
		if (bad && chance(100) < 1)
			deliver(link, !from, data, (size_t)length);
		if (chance(3) == 0)
			release(link, !from, held);
	}
}

/* A delayed packet is delivered after this many ms if no other arrives. */
#define HOLD_MS 5

static void
carry_all(struct lossy_link *link)
{
	struct pollfd ends[] = {
		{ .fd = link->ends[SERVER], .events = POLLIN },
		{ .fd = link->ends[CLIENT], .events = POLLIN },
	};
	struct held held[2] = { 0 };

	for (;;) {
		if (poll(ends, 2, HOLD_MS) == 0) {
			release(link, CLIENT, &held[SERVER]);
			release(link, SERVER, &held[CLIENT]);
		}
		for (int from = SERVER; from <= CLIENT; from++)
			if (ends[from].revents & POLLIN)
				carry(link, from, &held[from]);
	}
}

static int
this_host(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* In a container root may create a namespace without rights in it. */
static void
set_flags(const char *name, short flags)
{
	struct ifreq request = { .ifr_flags = flags };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, name);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
		ck_assert_int_eq(errno, EPERM);
		skip("this needs the right to set network interfaces up");
	}
	close(fd);
}

static void
set_address(const char *name, const char *address)
{
	struct ifreq request = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, name);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	ck_assert_int_eq(ioctl(fd, SIOCSIFADDR, &request), 0);
	inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
	ck_assert_int_eq(ioctl(fd, SIOCSIFNETMASK, &request), 0);
	close(fd);
}

/* As root, or as a user who may create a user namespace. */
static void
make_host(void)
{
	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		skip("this needs the right to make network namespaces");
	set_flags("lo", IFF_UP);
}

/* An end of the link, on this host. */
static int
plug_in(const char *address)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	strcpy(request.ifr_name, NAME);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		skip("this needs /dev/net/tun");
	set_address(NAME, address);
	set_flags(NAME, IFF_UP);
	return fd;
}

static pid_t
start_carrier(struct lossy_link *link)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		carry_all(link);
	}
	return pid;
}

struct lossy_link *
lossy_link_new(void)
{
	struct lossy_link *link = mmap(NULL, sizeof(*link),
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(link, MAP_FAILED);
	make_host();
	link->hosts[SERVER] = this_host();
	link->ends[SERVER] = plug_in(LINK_SERVER);
	make_host();
	link->hosts[CLIENT] = this_host();
	link->ends[CLIENT] = plug_in(LINK_CLIENT);
	ck_assert_int_eq(setns(link->hosts[SERVER], CLONE_NEWNET), 0);

	link->carrier = start_carrier(link);
	return link;
}

void
lossy_link_enter_client(struct lossy_link *link)
{
	ck_assert_int_eq(setns(link->hosts[CLIENT], CLONE_NEWNET), 0);
}

void
lossy_link_set_quality(struct lossy_link *link, enum lossy_link_quality quality)
{
	atomic_store(&link->quality, quality);
}

void
lossy_link_take_down(struct lossy_link *link)
{
	int here = this_host();

	ck_assert_int_eq(setns(link->hosts[SERVER], CLONE_NEWNET), 0);
	set_flags(NAME, 0);
	ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
	close(here);
}

unsigned
lossy_link_lost(const struct lossy_link *link)
{
	return atomic_load(&link->lost);
}

unsigned
lossy_link_delayed(const struct lossy_link *link)
{
	return atomic_load(&link->delayed);
}

void
lossy_link_free(struct lossy_link *link)
{
	kill(link->carrier, SIGKILL);
	waitpid(link->carrier, NULL, 0);
	for (int i = SERVER; i <= CLIENT; i++) {
		close(link->ends[i]);
		close(link->hosts[i]);
	}
	munmap(link, sizeof(*link));
}
