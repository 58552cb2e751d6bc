/*
 * The n-th memory allocation of echoprobe fails, for n = 1, 2, ...  It ends
 * with a status of the manual, and says why.
 */
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "support/alloc_faults.h"
#include "support/daemon.h"
#include "support/suite.h"

#define CONFIG \
	"listen = [ \"127.0.0.1:0\", \"udp:127.0.0.1:0\", " \
	"\"unix:@echod-probe-allocation-%d\" ];"

/* Returns the exit status. */
static int
try(const char *command)
{
	FILE *output = alloc_faults_open(command);
	char printed[8192];
	size_t length = fread(printed, 1, sizeof(printed) - 1, output);
	int ended = pclose(output);
	const char *why = NULL;

	printed[length] = '\0';
	ck_assert_msg(WIFEXITED(ended), "%s: %d:\n%s", command, ended, printed);
	switch (WEXITSTATUS(ended)) {
	case 0:
		why = "All right: ";
		break;
	case 1:
		why = "local error";
		break;
	case EX_OSERR:
		why = "echoprobe: ";
		break;
	}
	ck_assert_msg(why && strstr(printed, why), "%s: status %d:\n%s",
		      command, WEXITSTATUS(ended), printed);
	return WEXITSTATUS(ended);
}

/* Returns how often a connection was lost. */
static unsigned
fail_each(const char *command)
{
	unsigned failed = 0, lost = 0;
	long n = 0;

	do {
		alloc_faults_fail_nth(++n);
		int status = try(command);

		failed += status == EX_OSERR;
		lost += status == 1;
	} while (alloc_faults_has_failed());
	ck_assert_uint_gt(failed, 20);
	return lost;
}

START_TEST(test_each_allocation)
{
	char config[256], command[256];
	struct daemon *daemon;
	unsigned lost = 0;

	snprintf(config, sizeof(config), CONFIG, (int)getpid());
	daemon = daemon_start(config);
	snprintf(command, sizeof(command),
		 "src/echoprobe -c 2 -n 4 --backend=G tcp://127.0.0.1:%u",
		 daemon_port(daemon, 0));
	lost += fail_each(command);
	snprintf(command, sizeof(command),
		 "src/echoprobe -c 2 -n 200 --rate=max --burst=100 "
		 "udp://127.0.0.1:%u",
		 daemon_port(daemon, 1));
	lost += fail_each(command);
	snprintf(command, sizeof(command),
		 "src/echoprobe -n 4 --half-close "
		 "unix:@echod-probe-allocation-%d",
		 (int)getpid());
	lost += fail_each(command);
	ck_assert_uint_gt(lost, 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_each_allocation)
