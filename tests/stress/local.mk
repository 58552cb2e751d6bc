# The stress test: `make stress STRESS_SECONDS=60`.  In `make check` it is a
# short run of a fixed seed, which ends after a number of sessions.

check_PROGRAMS += tests/stress/stress
TESTS += tests/stress/stress
tests_stress_stress_SOURCES = \
	tests/stress/daemon_log.c \
	tests/stress/daemon_log.h \
	tests/stress/datagrams.c \
	tests/stress/datagrams.h \
	tests/stress/files.c \
	tests/stress/files.h \
	tests/stress/main.c \
	tests/stress/model.c \
	tests/stress/model.h \
	tests/stress/proxy.c \
	tests/stress/proxy.h \
	tests/stress/random.h \
	tests/stress/requests.c \
	tests/stress/requests.h \
	tests/stress/run.c \
	tests/stress/run.h \
	tests/stress/script.c \
	tests/stress/script.h \
	tests/stress/session.c \
	tests/stress/session.h \
	tests/stress/session_check.c \
	tests/stress/session_check.h \
	tests/stress/session_kinds.c \
	tests/stress/session_kinds.h \
	tests/stress/spawn.c \
	tests/stress/spawn.h \
	tests/stress/stream.c \
	tests/stress/stream.h \
	tests/stress/target.c \
	tests/stress/target.h \
	tests/support/proxy_headers.h
tests_stress_stress_LDADD = $(libechoprobe)

# STRESS_SEED repeats the decisions of an earlier run, which printed it;
# STRESS_SESSIONS is the number at a time.
STRESS_SECONDS = 60
STRESS_SEED =
STRESS_SESSIONS =

.PHONY: stress
stress: src/echod$(EXEEXT) tests/stress/stress$(EXEEXT)
	@ECHOD='$(abs_top_builddir)/src/echod$(EXEEXT)' \
		STRESS_SECONDS='$(STRESS_SECONDS)' \
		STRESS_SEED='$(STRESS_SEED)' \
		STRESS_SESSIONS='$(STRESS_SESSIONS)' \
		tests/stress/stress$(EXEEXT)
