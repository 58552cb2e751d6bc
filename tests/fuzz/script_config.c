#include "wish.h"

#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "world.h"

const struct wish_place wish_places[WISH_PLACES] = {
	{ 'a', "127.0.0.1:0" },
	{ 'b', "127.0.0.2:0" },
	{ 'c', "127.0.0.3:%u" },
	{ 'd', "127.0.0.4:%u" },
	{ 'e', "0.0.0.0:%u" },
	{ 'f', "[::1]:%u" },
	{ 'u', "udp:127.0.0.5:%u" },
	{ 'v', "udp:127.0.0.6:0" },
	{ 'x', "unix:@echod-fuzz-%d-x" },
	{ 'y', "unix:@echod-fuzz-%d-y" },
	{ 'z', "unix:/tmp/echod-fuzz-%d-z" },
	{ 'n', "unix:@echod-fuzz-%d-n" }, /* another has it */
};
const char *const wish_names[WISH_LISTENERS] = { "one", "two", "three" };

static unsigned port;

void
wish_set_port(unsigned number)
{
	port = number;
}

unsigned
wish_port(void)
{
	return port;
}

const char *
wish_place(unsigned at, char text[64])
{
	const char *format = wish_places[at].text;
	const char *number = strchr(format, '%');

	if (!number)
		snprintf(text, 64, "%s", format);
	else
		snprintf(text, 64, "%.*s%u%s", (int)(number - format), format,
			 number[1] == 'u' ? port : (unsigned)getpid(),
			 number + 2);
	return text;
}

int
wish_find(char letter)
{
	for (unsigned i = 0; i < WISH_PLACES; i++)
		if (wish_places[i].letter == letter)
			return (int)i;
	return -1;
}

/* 0.0.0.0 excludes other addresses of IPv4 with that port. */
static bool
overlap(unsigned i, unsigned j)
{
	char a = wish_places[i].letter, b = wish_places[j].letter;

	return i == j || (a == 'e' && (b == 'c' || b == 'd')) ||
	       (b == 'e' && (a == 'c' || a == 'd'));
}

/* No address twice, in use by another, or UDP for status. */
static bool
is_plain(const struct wish *wish)
{
	for (unsigned i = 0; i < WISH_PLACES; i++) {
		if (wish->by[i] != NOBODY && wish_places[i].letter == 'n')
			return false;
		if (wish->by[i] == STATUS &&
		    strchr("uv", wish_places[i].letter))
			return false;
		for (unsigned j = 0; j < WISH_PLACES; j++)
			if (i != j && overlap(i, j) && wish->by[i] != NOBODY &&
			    wish->by[j] != NOBODY)
				return false;
	}
	return true;
}

static void
add_listener(struct wish *wish, unsigned listener)
{
	char *to = wish->text + strlen(wish->text);
	size_t room = sizeof(wish->text) - strlen(wish->text);
	bool any = false;

	for (unsigned i = 0; i < WISH_PLACES; i++) {
		char listen_address[64];
		int used;

		if (wish->by[i] != (int)listener)
			continue;
		used = snprintf(to, room,
				any ? ", \"%s\"" : "{ listen = [ \"%s\"",
				wish_place(i, listen_address));
		to += used;
		room -= (size_t)used;
		any = true;
	}
	if (any)
		snprintf(to, room,
			 " ]; name = \"%s\"; prefix = \"%s:\"; "
			 "udp = { rate = 0; }; },\n",
			 wish_names[listener], wish_names[listener]);
}

static void
compose(struct wish *wish, bool mistake)
{
	char *end;

	strcpy(wish->text, "listeners = (\n");
	for (unsigned i = 0; i < WISH_LISTENERS; i++)
		add_listener(wish, i);
	/* libconfig takes no comma before the end of a list. */
	end = wish->text + strlen(wish->text) - 2;
	strcpy(*end == ',' ? end : end + 2, ");\n");
	for (unsigned i = 0; i < WISH_PLACES; i++) {
		char listen_address[64];

		if (wish->by[i] == STATUS)
			sprintf(strchr(wish->text, '\0'),
				"status = { listen = \"%s\"; };\n",
				wish_place(i, listen_address));
	}
	if (mistake)
		strcat(wish->text, "mistake = 1;\n");
}

void
wish_read(struct wish *wish, struct script *script)
{
	int listener = 0;
	bool status = false, mistake = false, any = false;

	memset(wish->by, NOBODY, sizeof(wish->by));
	while (script->at < script->size) {
		char letter = (char)script_next(script);
		int at = wish_find(letter);

		if (letter == ' ')
			break;
		mistake |= letter == '!';
		if (letter == '|' && listener < WISH_LISTENERS - 1)
			listener++;
		status |= letter == 's';
		if (at < 0 || wish->by[at] != NOBODY)
			continue;
		if (status)
			for (unsigned i = 0; i < WISH_PLACES; i++)
				if (wish->by[i] == STATUS)
					wish->by[i] = NOBODY;
		wish->by[at] = (signed char)(status ? STATUS : listener);
		any |= !status;
		status = false;
	}
	compose(wish, mistake);
	wish->is_plain = any && !mistake && is_plain(wish);
}
