#include "script_config.h"

#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "fuzz.h"

const struct script_address script_addresses[SCRIPT_ADDRESSES] = {
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
const char *const script_listener_names[SCRIPT_LISTENERS] = { "one", "two",
							      "three" };

static unsigned port;

void
script_set_port(unsigned number)
{
	port = number;
}

unsigned
script_port(void)
{
	return port;
}

const char *
script_address_text(unsigned at, char text[64])
{
	const char *format = script_addresses[at].text;
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
script_address_find(char letter)
{
	for (unsigned i = 0; i < SCRIPT_ADDRESSES; i++)
		if (script_addresses[i].letter == letter)
			return (int)i;
	return -1;
}

/* 0.0.0.0 excludes other addresses of IPv4 with that port. */
static bool
overlap(unsigned i, unsigned j)
{
	char a = script_addresses[i].letter, b = script_addresses[j].letter;

	return i == j || (a == 'e' && (b == 'c' || b == 'd')) ||
	       (b == 'e' && (a == 'c' || a == 'd'));
}

/* No address twice, in use by another, or UDP for status. */
static bool
is_plain(const struct script_config *config)
{
	for (unsigned i = 0; i < SCRIPT_ADDRESSES; i++) {
		if (config->by[i] != NOBODY &&
		    script_addresses[i].letter == 'n')
			return false;
		if (config->by[i] == STATUS &&
		    strchr("uv", script_addresses[i].letter))
			return false;
		for (unsigned j = 0; j < SCRIPT_ADDRESSES; j++)
			if (i != j && overlap(i, j) &&
			    config->by[i] != NOBODY && config->by[j] != NOBODY)
				return false;
	}
	return true;
}

static void
add_listener(struct script_config *config, unsigned listener)
{
	char *to = config->text + strlen(config->text);
	size_t room = sizeof(config->text) - strlen(config->text);
	bool any = false;

	for (unsigned i = 0; i < SCRIPT_ADDRESSES; i++) {
		char listen_address[64];
		int used;

		if (config->by[i] != (int)listener)
			continue;
		used = snprintf(to, room,
				any ? ", \"%s\"" : "{ listen = [ \"%s\"",
				script_address_text(i, listen_address));
		to += used;
		room -= (size_t)used;
		any = true;
	}
	if (any)
		snprintf(to, room,
			 " ]; name = \"%s\"; prefix = \"%s:\"; "
			 "udp = { rate = 0; }; },\n",
			 script_listener_names[listener],
			 script_listener_names[listener]);
}

static void
compose(struct script_config *config, bool mistake)
{
	char *end;

	strcpy(config->text, "listeners = (\n");
	for (unsigned i = 0; i < SCRIPT_LISTENERS; i++)
		add_listener(config, i);
	/* libconfig takes no comma before the end of a list. */
	end = config->text + strlen(config->text) - 2;
	strcpy(*end == ',' ? end : end + 2, ");\n");
	for (unsigned i = 0; i < SCRIPT_ADDRESSES; i++) {
		char listen_address[64];

		if (config->by[i] == STATUS)
			sprintf(strchr(config->text, '\0'),
				"status = { listen = \"%s\"; };\n",
				script_address_text(i, listen_address));
	}
	if (mistake)
		strcat(config->text, "mistake = 1;\n");
}

void
script_config_read(struct script_config *config, struct script *script)
{
	int listener = 0;
	bool status = false, mistake = false, any = false;

	memset(config->by, NOBODY, sizeof(config->by));
	while (script->at < script->size) {
		char letter = (char)script_next(script);
		int at = script_address_find(letter);

		if (letter == ' ')
			break;
		mistake |= letter == '!';
		if (letter == '|' && listener < SCRIPT_LISTENERS - 1)
			listener++;
		status |= letter == 's';
		if (at < 0 || config->by[at] != NOBODY)
			continue;
		if (status)
			for (unsigned i = 0; i < SCRIPT_ADDRESSES; i++)
				if (config->by[i] == STATUS)
					config->by[i] = NOBODY;
		config->by[at] = (signed char)(status ? STATUS : listener);
		any |= !status;
		status = false;
	}
	compose(config, mistake);
	config->is_plain = any && !mistake && is_plain(config);
}
