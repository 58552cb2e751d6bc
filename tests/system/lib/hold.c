/* hold TID: stops that one thread, says "held", and keeps it until it dies. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int
main(int argc, char **argv)
{
	pid_t thread = argc == 2 ? atoi(argv[1]) : 0;

	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0 ||
	    ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0 ||
	    waitpid(thread, NULL, __WALL) != thread) {
		perror("ptrace");
		return EXIT_FAILURE;
	}
	puts("held");
	fflush(stdout);
	/*
	 * A thread that is traced has to be waited for, or its process stays.
	 */
	while (waitpid(thread, NULL, __WALL) == thread)
		;
	return EXIT_SUCCESS;
}
