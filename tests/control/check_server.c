#include "control/server.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sysexits.h>

#include "config/source.h"
#include "control/process.h"
#include "support/client.h"
#include "support/snapshot.h"
#include "support/sockets.h"

/* A line of the log that contains `text`, and what to do when it comes. */
struct step {
	const char *text;
	void (*act)(const char *line);
};

static FILE *log_lines;

static void
capture(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	log_lines = fdopen(fds[0], "r");
}

/* Signals are for the thread that runs the server, as in the daemon. */
static void *
take_steps(void *argument)
{
	const struct step *step = argument;
	char line[4096];

	while (step->text && fgets(line, sizeof(line), log_lines)) {
		if (!strstr(line, step->text))
			continue;
		if (step->act)
			step->act(line);
		step++;
	}
	return step->text ? (void *)step->text : NULL;
}

static struct server *
new_server(const char *text, struct error_list *errors, int *status)
{
	static struct config_source source = {
		.file = "/nonexistent/echod.conf",
	};
	static const struct server_options options = {
		.source = &source,
		.to_stderr = true,
	};
	struct config *config = accepted(text);
	struct server *server;

	error_list_init(errors, "conf");
	process_block_signals();
	server = server_new(&options, config, errors, status);
	config_unref(config);
	return server;
}

/* Runs a server until it ends, which the steps must cause. */
static void
check_steps(const char *text, const struct step *steps)
{
	struct error_list errors;
	struct server *server;
	sigset_t all, before;
	pthread_t thread;
	void *missing;
	int status;

	capture();
	server = new_server(text, &errors, &status);
	ck_assert_ptr_nonnull(server);
	ck_assert_int_eq(status, EX_OK);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ck_assert_int_eq(
		pthread_create(&thread, NULL, take_steps, (void *)steps), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);

	ck_assert_int_eq(server_run(server), EX_OK);
	server_free(server);
	/* End of file for a thread that waits for more lines. */
	close(STDERR_FILENO);
	pthread_join(thread, &missing);
	ck_assert_msg(missing == NULL, "no line: %s", (const char *)missing);
	error_list_free(&errors);
	fclose(log_lines);
}

static void
terminate(const char *line)
{
	(void)line;
	kill(getpid(), SIGTERM);
}

static void
hang_up(const char *line)
{
	(void)line;
	kill(getpid(), SIGHUP);
}

static void
ask(const char *line)
{
	(void)line;
	kill(getpid(), SIGUSR1);
}

static void
talk(const char *line)
{
	const char *port = strstr(line, "127.0.0.1:") + 10;
	int fd = client_connect((unsigned)strtoul(port, NULL, 10));

	client_say(fd, "Hello\n");
	client_finish(fd);
	client_hear(fd, "GOT:Hello\n");
	client_expect_eof(fd);
	close(fd);
}

#define LISTEN "listen = \"127.0.0.1:0\"; workers = 2; "

START_TEST(test_it_serves_until_it_is_told_to_end)
{
	static const struct step steps[] = {
		{ " started workers=2 cpus=", talk },
		{ "Connection closed ", ask },
		{ "Counters open=0 connections=1 ", terminate },
		{ "Draining signal=SIGTERM connections=0", NULL },
		{ "Drained closed=0 forced=0", NULL },
		{ NULL, NULL },
	};

	check_steps(LISTEN, steps);
}
END_TEST

START_TEST(test_a_reload_that_fails_changes_nothing)
{
	static const struct step steps[] = {
		{ " started ", hang_up },
		{ "Reload failed: /nonexistent/echod.conf: ", NULL },
		{ "Reload failed: keeping the running configuration",
		  terminate },
		{ "Drained ", NULL },
		{ NULL, NULL },
	};

	check_steps(LISTEN, steps);
}
END_TEST
FAULT(19, test_a_reload_that_fails_changes_nothing)

START_TEST(test_one_that_never_ran_is_freed)
{
	struct error_list errors;
	struct server *server;
	int before;
	int status;

	capture();
	before = open_descriptors();
	server = new_server(LISTEN, &errors, &status);
	ck_assert_ptr_nonnull(server);
	server_free(server);
	ck_assert_int_eq(open_descriptors(), before);
	error_list_free(&errors);
	fclose(log_lines);
}
END_TEST

START_TEST(test_a_busy_address_is_told)
{
	struct address any = address_of("127.0.0.1:0");
	int busy = other_socket(&any, 0);
	struct address bound = bound_to(busy);
	struct error_list errors;
	char text[100];
	int before = open_descriptors();
	int status = EX_OK;

	ck_assert_int_eq(listen(busy, 1), 0);
	snprintf(text, sizeof(text), "listen = \"127.0.0.1:%u\";",
		 address_port(&bound));
	ck_assert_ptr_null(new_server(text, &errors, &status));
	ck_assert_int_eq(status, EX_OSERR);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_int_eq(open_descriptors(), before);
	error_list_free(&errors);
	close(busy);
}
END_TEST

START_TEST(test_none_is_fine_to_free)
{
	server_free(NULL);
}
END_TEST

SUITE(test_it_serves_until_it_is_told_to_end,
      test_a_reload_that_fails_changes_nothing,
      test_one_that_never_ran_is_freed, test_a_busy_address_is_told,
      test_none_is_fine_to_free)
