# Everything here speaks TAP, so one test of a program is one test of the
# closing line. A program tests/check_NAME.c needs one line, its name below.

check_programs = \
	tests/check_account \
	tests/check_acl \
	tests/check_activation \
	tests/check_address \
	tests/check_addresses \
	tests/check_admission \
	tests/check_admit \
	tests/check_allocation \
	tests/check_backpressure \
	tests/check_batch \
	tests/check_changes \
	tests/check_churn \
	tests/check_clock \
	tests/check_command \
	tests/check_config \
	tests/check_crew \
	tests/check_crowd \
	tests/check_cuts \
	tests/check_datagram \
	tests/check_deploy \
	tests/check_drain \
	tests/check_dump \
	tests/check_echo \
	tests/check_endpoint \
	tests/check_epoll \
	tests/check_error \
	tests/check_fault \
	tests/check_faults \
	tests/check_file \
	tests/check_frame \
	tests/check_framing \
	tests/check_gather \
	tests/check_gone \
	tests/check_guard \
	tests/check_halfclose \
	tests/check_handshakes \
	tests/check_identity \
	tests/check_inherited \
	tests/check_limits \
	tests/check_launch \
	tests/check_lines \
	tests/check_listener \
	tests/check_load \
	tests/check_log \
	tests/check_logging \
	tests/check_mailbox \
	tests/check_manager \
	tests/check_network \
	tests/check_metrics \
	tests/check_notify \
	tests/check_opening \
	tests/check_origin \
	tests/check_patience \
	tests/check_place \
	tests/check_prefix \
	tests/check_process \
	tests/check_proxies \
	tests/check_proxy \
	tests/check_proxyproto \
	tests/check_pump \
	tests/check_queue \
	tests/check_read \
	tests/check_reload \
	tests/check_report \
	tests/check_resets \
	tests/check_routed \
	tests/check_schema \
	tests/check_server \
	tests/check_session \
	tests/check_short \
	tests/check_socket \
	tests/check_source \
	tests/check_spread \
	tests/check_start \
	tests/check_stats \
	tests/check_status \
	tests/check_stopped \
	tests/check_summary \
	tests/check_syscalls \
	tests/check_syslog \
	tests/check_template \
	tests/check_text \
	tests/check_timers \
	tests/check_tlsconfig \
	tests/check_turns \
	tests/check_udp \
	tests/check_unix \
	tests/check_unixfile \
	tests/check_urgent \
	tests/check_valgrind \
	tests/check_value \
	tests/check_wheel \
	tests/check_watchdog \
	tests/check_withdrawal \
	tests/check_worker

if HAVE_TLS
check_programs += tests/check_held tests/check_tls tests/check_tlsclients tests/check_tlsends \
	tests/check_tlsfaults
tests_libharness_a_SOURCES = tests/tlspeer.c
else
tests_libharness_a_SOURCES =
endif

# What they share: the main() of each, and for tests of the whole daemon a
# library that runs it and is its clients.
check_headers = \
	tests/attempts.h \
	tests/datagrams.h \
	tests/headers.h \
	tests/injection.h \
	tests/loop.h \
	tests/manager.h \
	tests/snapshot.h \
	tests/sockets.h \
	tests/suite.h
tests_libharness_a_SOURCES += tests/tlspeer.h \
	tests/certificates.c tests/certificates.h \
	tests/client.c tests/client.h \
	tests/daemon.c tests/daemon.h \
	tests/fail_alloc.h \
	tests/ports.c tests/ports.h \
	tests/scarce.c tests/scarce.h \
	tests/wire.c tests/wire.h

# Its sockets refuse what the test says.
tests_check_crew_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=eventfd
tests_check_file_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=read -Wl,--wrap=__read_chk
tests_check_handshakes_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fopen
tests_check_mailbox_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write
tests_check_listener_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4
tests_check_opening_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=recv
tests_check_session_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=socket_readable
tests_check_cuts_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=send -Wl,--wrap=sendmsg -Wl,--wrap=splice

tests_check_gather_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=nanosleep
tests_check_batch_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=sendmmsg -Wl,--wrap=getsockopt
tests_check_datagram_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=sendmmsg -Wl,--wrap=recvmmsg

# Preloaded into the daemon; not libraries to automake, which wants libtool then.
check_preloaded = tests/fail_alloc.so tests/jump_clock.so tests/short_io.so
link_preloaded = $(MKDIR_P) tests && $(CC) $(STD_CFLAGS) $(WARN_CFLAGS) \
	$(LIBCONFIG_CFLAGS) $(CFLAGS) -include build.h -fPIC -shared -o $@
tests/fail_alloc.so: tests/fail_alloc.c tests/fail_alloc.h
	$(AM_V_CC)$(link_preloaded) $(srcdir)/tests/fail_alloc.c -ldl
tests/jump_clock.so: tests/jump_clock.c
	$(AM_V_CC)$(link_preloaded) $(srcdir)/tests/jump_clock.c -ldl
tests/short_io.so: tests/short_io.c
	$(AM_V_CC)$(link_preloaded) $(srcdir)/tests/short_io.c -ldl
CLEANFILES += $(check_preloaded)
EXTRA_DIST += tests/fail_alloc.c tests/jump_clock.c \
	tests/short_io.c

# Shell: checks of the sources and documents, and tests of the daemon.
check_scripts = \
	tests/check-clients \
	tests/check-docs \
	tests/check-layers \
	tests/check-page

if HAVE_CHECK
check_LIBRARIES += tests/libharness.a
check_PROGRAMS += $(check_programs)
TESTS += $(check_programs)
else
TESTS += tests/no-check
endif
TESTS += $(check_scripts)
EXTRA_DIST += $(check_scripts) $(check_headers) tests/no-check \
	tests/fault-report tests/faults tests/page.py tests/summary

LDADD = tests/libharness.a $(libechod) $(CHECK_LIBS)

TEST_EXTENSIONS = .test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = $(LOG_DRIVER)

# What tests need to know of the build; and a test of Check's that hangs is to be
# one that failed.
AM_TESTS_ENVIRONMENT = \
	CC='$(CC)'; export CC; \
	ECHOD='$(abs_top_builddir)/src/echod'; export ECHOD; \
	TOP_SRCDIR='$(abs_top_srcdir)'; export TOP_SRCDIR; \
	TOP_BUILDDIR='$(abs_top_builddir)'; export TOP_BUILDDIR; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT-180}; \
	export CK_DEFAULT_TIMEOUT;

# As automake's own, except that one line over all tests comes last, and that
# without a -j two tests run on each CPU: they mostly wait. What an earlier run
# left is removed first, lest it be counted as this one's.
test_results = $(TEST_LOGS:.log=.trs)

check-TESTS: $(check_PROGRAMS) $(check_preloaded)
	@rm -f $(TEST_LOGS) $(test_results)
	@case " $$MAKEFLAGS" in \
	*' -j'*|*--jobserver*) jobs=;; \
	*) jobs=-j$$(($$(getconf _NPROCESSORS_ONLN) * 2));; \
	esac; \
	status=0; \
	$(MAKE) $(AM_MAKEFLAGS) $$jobs $(TEST_SUITE_LOG) || status=$$?; \
	$(MAKE) $(AM_MAKEFLAGS) check-summary; \
	exit $$status

.PHONY: check-summary
check-summary:
	@$(SHELL) $(srcdir)/tests/summary $(test_results)

# Which tests prove each row of tests/faults. Results that "make check" has left
# are used if nothing was built since; the other tests run now. What measures
# latency needs a quiet machine and runs last. LONG=1 adds tests that take
# minutes.
long_results = tests/check_churn.log tests/check_network.log

$(TEST_LOGS): src/echod$(EXEEXT) $(check_preloaded)

.PHONY: fault-check fault-results
fault-check: src/echod$(EXEEXT) $(check_PROGRAMS) $(check_preloaded) \
		tests/bench/load$(EXEEXT)
	@if test -n "$(LONG)"; then \
		rm -f $(long_results); \
		CK_DEFAULT_TIMEOUT=3600; export CK_DEFAULT_TIMEOUT; \
	fi; \
	unset CK_RUN_CASE CK_RUN_SUITE; \
	case " $$MAKEFLAGS" in \
	*' -j'*|*--jobserver*) jobs=;; \
	*) jobs=-j$$(($$(getconf _NPROCESSORS_ONLN) * 2));; \
	esac; \
	$(MAKE) $(AM_MAKEFLAGS) $$jobs fault-results
	@$(bench_environment) $(srcdir)/tests/bench/fairness \
		>tests/bench/fairness.log || :
	@$(SHELL) $(srcdir)/tests/fault-report $(srcdir)/tests/faults \
		$(TEST_LOGS) tests/bench/fairness.log

fault-results: $(TEST_LOGS)

CLEANFILES += tests/bench/fairness.log

# The daemon in a Debian container of its own, as its users have it; as root.
EXTRA_DIST += tests/system

.PHONY: package-check rpm-check system-check
package-check:
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
		$(srcdir)/tests/system/package

rpm-check:
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
		$(srcdir)/tests/system/rpm

system-check:
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
		$(srcdir)/tests/system/run $(SYSTEM_CHECK_FLAGS)

.PHONY: coverage
if COVERAGE
coverage: check
	$(MKDIR_P) coverage
	$(GCOVR) --root $(srcdir) --filter "$$(cd $(srcdir)/src && pwd -P)/" \
		--print-summary --html-details coverage/index.html .

clean-local:
	find . -name '*.gcda' -o -name '*.gcno' | xargs rm -f
	rm -rf coverage
else
coverage:
	@echo 'for this, configure with --enable-coverage' >&2; exit 1
endif
