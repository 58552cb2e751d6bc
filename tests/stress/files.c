#include "files.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model.h"
#include "run.h"

struct text {
	char *bytes;
	size_t length;
};

static void add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
add(struct text *text, const char *format, ...)
{
	size_t room = FILE_SIZE - text->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static bool
is_present(const struct kind *kind, unsigned version)
{
	return kind->presence != PRESENT_ODD || version % 2 == 1;
}

static void
add_address(struct text *text, const struct kind *kind,
	    const struct files *files, unsigned version)
{
	unsigned port = files->ports[kind - kinds];
	bool any = kind->presence == PRESENT_MOVES && version % 3 == 1;

	switch (kind->protocol) {
	case OVER_IPV6:
		add(text, "[::1]:%u", port);
		break;
	case OVER_UNIX:
		add(text, "unix:%s/%s", files->directory, kind->name);
		break;
	case OVER_ABSTRACT:
		add(text, "unix:@%s/%s", files->directory, kind->name);
		break;
	case OVER_UDP4:
		add(text, "udp:127.0.0.1:%u", port);
		break;
	case OVER_UDP6:
		add(text, "udp:[::1]:%u", port);
		break;
	default:
		add(text, "%s:%u", any ? "0.0.0.0" : "127.0.0.1", port);
	}
}

static void
add_fault(struct text *text, const struct fault_params *fault)
{
	static const char *const ends[] = { "none", "close", "reset", "stall" };

	if (!fault_is_set(fault))
		return;
	add(text, " fault = { delay = %.3f; rate = %u; corrupt_every = %u;",
	    fault->delay, fault->rate, fault->corrupt_every);
	add(text, " end = \"%s\"; after = %u; };", ends[fault->end],
	    fault->after);
}

static void
add_listener(struct text *text, const struct kind *kind,
	     const struct files *files, unsigned version)
{
	char prefix[PREFIX_LENGTH + 1];

	model_prefix(version, prefix);
	add(text, "  { name = \"%s\"; listen = \"", kind->name);
	add_address(text, kind, files, version);
	add(text, "\";");
	add(text, " prefix = \"%s\";",
	    kind->framing == FRAMED_NOT ? "" : prefix);
	if (kind->framing == FRAMED_LINES)
		add(text, " framing = \"line\";");
	if (kind->proxy)
		add(text, " proxy_protocol = { from = \"127.0.0.1\";"
			  " timeout = 60; };");
	if (kind->tls)
		add(text,
		    " tls = { certificate = \"%s/tls.pem\";"
		    " key = \"%s/tls.key\"; handshake_timeout = 60; };",
		    files->directory, files->directory);
	if (kind->idle > 0)
		add(text, " idle_timeout = %.1f;", kind->idle);
	add_fault(text, &kind->fault);
	add(text, " }");
}

static void
add_listeners(struct text *text, const struct run *run,
	      const struct files *files, unsigned version)
{
	const char *separator = "";

	add(text, "listeners = (\n");
	for (size_t i = 0; i < kind_count; i++) {
		if (kinds[i].protocol == OVER_HTTP ||
		    !run_has_kind(run, &kinds[i]) ||
		    !is_present(&kinds[i], version))
			continue;
		add(text, "%s", separator);
		add_listener(text, &kinds[i], files, version);
		separator = ",\n";
	}
	add(text, "\n);\n");
}

size_t
files_good(const struct run *run, const struct files *files, unsigned version,
	   char bytes[FILE_SIZE])
{
	static const unsigned limits[] = { 262144, 1024, 20000, 1048576 };
	struct text text = { .bytes = bytes };

	add(&text, "workers = 3;\nlog = { rate = 0; };\n"
		   "status = { listen = \"127.0.0.1:0\"; };\n"
		   "drain = { grace = 3600.0; };\n"
		   "udp = { rate = 0; };\n"
		   "write_timeout = 60.0;\nminimum_rate = 1;\n");
	add(&text, "chunk_size = %zu;\noutput_limit = %u;\nbacklog = %u;\n",
	    model_chunk_size(version), limits[version % 4],
	    1000 + version % 100);
	add_listeners(&text, run, files, version);
	return text.length;
}

/* Invalid settings. %u is a port in use. */
static const struct bad {
	const char *what;
	const char *part;
} bad_parts[] = {
	{ "syntax error", "prefix = ;\n" },
	{ "unknown setting", "perfix = \"x\";\n" },
	{ "value out of range", "keepalive = 32768;\n" },
	{ "wrong type", "allow = 7;\n" },
	{ "setting given twice", "keepalive = 1;\nkeepalive = 2;\n" },
	{ "comment that does not end", "/* keepalive = 1;\n" },
	{ "prefix that names nothing", "prefix = \"%%{nothing}\";\n" },
	{ "@include", "@include \"other.conf\"\n" },
	{ "address that is busy", "listen = \"127.0.0.1:%u\";\n" },
	{ "certificate that is missing",
	  "listen = \"127.0.0.1:0\"; tls = { certificate = \"/none\"; };\n" },
	{ "address that the host lacks", "listen = \"192.0.2.1:0\";\n" },
	{ "directory that is missing", "listen = \"unix:/none/none\";\n" },
};
#define BAD_PARTS (sizeof(bad_parts) / sizeof(*bad_parts))

/* Ways to spoil a whole file. */
enum { BAD_EMPTY, BAD_CUT, BAD_NUL, BAD_NAME, BAD_WAYS };

size_t
files_bad(const struct run *run, const struct files *files, unsigned version,
	  struct random *random, char bytes[FILE_SIZE], const char **what)
{
	uint64_t choice = random_below(random, BAD_PARTS + BAD_WAYS);
	struct text text = { .bytes = bytes };

	text.length = files_good(run, files, version, bytes);
	if (choice < BAD_PARTS) {
		*what = bad_parts[choice].what;
		/* Formats of the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		add(&text, bad_parts[choice].part, files->busy);
#pragma GCC diagnostic pop
		return text.length;
	}
	switch (choice - BAD_PARTS) {
	case BAD_EMPTY:
		*what = "file that is empty";
		return 0;
	case BAD_CUT:
		*what = "file that is cut off in its list";
		/* Behind the first listener, before the list ends. */
		return text.length - 4 - random_below(random, 100);
	case BAD_NUL:
		*what = "NUL byte";
		bytes[random_below(random, text.length)] = '\0';
		return text.length;
	default:
		*what = "name that is given twice";
		add(&text, "listen = \"127.0.0.1:0\";\n");
		memcpy(strstr(bytes, "\"chunk\""), "\"main\" ", 7);
		return text.length;
	}
}
