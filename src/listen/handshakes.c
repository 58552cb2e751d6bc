#include "listen/handshakes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "addr/address.h"

/*
 * proc(5), /proc/net/tcp: numbers in hexadecimal, addresses as words of the
 * host's byte order:
 *
 *	   3: 0100007F:61A8 0200007F:9C40 03 00000000:00000000 ...
 */
#define SYN_RECV " 03 "
#define PORT_LENGTH 5 /* ":61A8" */
#define IPV4_DIGITS 8
#define IPV6_DIGITS 32
#define LINE_SIZE 256
#define BUFFER_SIZE 4096 /* what the kernel fills in one read(2) */

/* Writes the digits of the address, and returns their number. */
static size_t
write_digits(const struct address *address, char *text)
{
	const uint32_t *words = address_family(address) == AF_INET ?
					&address->in.sin_addr.s_addr :
					address->in6.sin6_addr.s6_addr32;
	size_t digits = address_family(address) == AF_INET ? IPV4_DIGITS :
							     IPV6_DIGITS;

	for (size_t i = 0; i < digits / 8; i++)
		sprintf(text + 8 * i, "%08X", words[i]);
	return digits;
}

static bool
is_local(const char *field, const struct address *local)
{
	char wanted[IPV6_DIGITS + PORT_LENGTH + 1];
	size_t digits = write_digits(local, wanted);
	size_t from = strspn(wanted, "0") == digits ? digits : 0;

	sprintf(wanted + digits, ":%04X", address_port(local));
	return strncmp(field + from, wanted + from,
		       digits + PORT_LENGTH - from) == 0;
}

static bool
concerns(const char *line, int family, const struct address *local,
	 size_t count)
{
	size_t digits = family == AF_INET ? IPV4_DIGITS : IPV6_DIGITS;
	size_t state = 2 * (digits + PORT_LENGTH) + 1;
	const char *field = strchr(line, ':');

	if (!field || strlen(field) < 2 + state + strlen(SYN_RECV) ||
	    strncmp(field + 2 + state, SYN_RECV, strlen(SYN_RECV)) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (address_family(&local[i]) == family &&
		    is_local(field + 2, &local[i]))
			return true;
	return false;
}

static int
look(const char *path, int family, const struct address *local, size_t count)
{
	FILE *file = fopen(path, "re");
	char buffer[BUFFER_SIZE], line[LINE_SIZE];
	int result = 0;

	if (!file)
		return -errno;
	/* The C library's own buffer would be one byte if memory is out. */
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	while (result == 0 && fgets(line, sizeof(line), file))
		result = concerns(line, family, local, count);
	if (ferror(file))
		result = -EIO;
	fclose(file);
	return result;
}

static bool
has_family(int family, const struct address *local, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (address_family(&local[i]) == family)
			return true;
	return false;
}

int
handshakes_pending(const struct address *local, size_t count)
{
	int result = 0;

	if (has_family(AF_INET, local, count))
		result = look("/proc/self/net/tcp", AF_INET, local, count);
	if (result == 0 && has_family(AF_INET6, local, count))
		result = look("/proc/self/net/tcp6", AF_INET6, local, count);
	return result;
}
