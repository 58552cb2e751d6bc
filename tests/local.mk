# Every test program prints TAP, so the closing line counts single tests. A
# program tests/FOLDER/check_NAME.c needs one line below.

check_programs = \
	tests/addr/check_acl \
	tests/addr/check_address \
	tests/addr/check_host_name \
	tests/addr/check_listen_address \
	tests/admin/check_metrics \
	tests/admin/check_page \
	tests/base/check_error \
	tests/base/check_file \
	tests/base/check_json \
	tests/base/check_journal \
	tests/base/check_log \
	tests/base/check_log_encode \
	tests/base/check_log_line \
	tests/base/check_timers \
	tests/base/check_mailbox \
	tests/base/check_process_stats \
	tests/base/check_replace_file \
	tests/base/check_stats \
	tests/base/check_histogram \
	tests/base/check_stats_table \
	tests/base/check_timer_wheel \
	tests/base/check_utf8 \
	tests/config/check_config \
	tests/config/check_diff \
	tests/config/check_lint \
	tests/config/check_load \
	tests/config/check_print \
	tests/config/check_reader \
	tests/config/check_schema \
	tests/config/check_suggest \
	tests/config/check_syntax \
	tests/config/check_tokens \
	tests/config/check_types \
	tests/config/check_user_lookup \
	tests/control/check_cpu_count \
	tests/control/check_deployment \
	tests/control/check_examples \
	tests/control/check_process \
	tests/control/check_sd_notify \
	tests/control/check_server \
	tests/control/check_status_line \
	tests/control/check_watchdog \
	tests/control/check_worker_pool \
	tests/daemon/check_access_control \
	tests/daemon/check_activation \
	tests/daemon/check_address_reload \
	tests/daemon/check_allocation_failures \
	tests/daemon/check_backlog \
	tests/daemon/check_backpressure \
	tests/daemon/check_churn \
	tests/daemon/check_clock \
	tests/daemon/check_config_errors \
	tests/daemon/check_command_line \
	tests/daemon/check_connection_resets \
	tests/daemon/check_cpu_quota \
	tests/daemon/check_disconnect \
	tests/daemon/check_drain \
	tests/daemon/check_echo \
	tests/daemon/check_epoll_failures \
	tests/daemon/check_fault_injection \
	tests/daemon/check_framing \
	tests/daemon/check_freebind \
	tests/daemon/check_half_close \
	tests/daemon/check_health_checks \
	tests/daemon/check_inherited_state \
	tests/daemon/check_journal_fields \
	tests/daemon/check_limits \
	tests/daemon/check_logging \
	tests/daemon/check_histograms \
	tests/daemon/check_listener_counters \
	tests/daemon/check_mptcp \
	tests/daemon/check_network_failures \
	tests/daemon/check_packet_header \
	tests/daemon/check_options \
	tests/daemon/check_prefix \
	tests/daemon/check_probe_allocation_failures \
	tests/daemon/check_proxy_interop \
	tests/daemon/check_proxy_protocol \
	tests/daemon/check_reload \
	tests/daemon/check_reload_command \
	tests/daemon/check_service_manager \
	tests/daemon/check_short_io \
	tests/daemon/check_sigstop \
	tests/daemon/check_socket_buffer \
	tests/daemon/check_start \
	tests/daemon/check_status \
	tests/daemon/check_status_config \
	tests/daemon/check_status_hosts \
	tests/daemon/check_syscall_failures \
	tests/daemon/check_syslog \
	tests/daemon/check_udp \
	tests/daemon/check_udp_anycast \
	tests/daemon/check_under_load \
	tests/daemon/check_unix \
	tests/daemon/check_urgent \
	tests/daemon/check_valgrind \
	tests/echo/check_fault \
	tests/echo/check_frame \
	tests/echo/check_line_framing \
	tests/echo/check_prefix \
	tests/echo/check_template \
	tests/listen/check_graceful_close \
	tests/listen/check_handshakes \
	tests/listen/check_listening_set \
	tests/listen/check_socket \
	tests/listen/check_socket_activation \
	tests/listen/check_unix_socket \
	tests/probe/check_backends \
	tests/probe/check_datagrams \
	tests/probe/check_diagnosis \
	tests/probe/check_latency \
	tests/probe/check_load \
	tests/probe/check_payload \
	tests/probe/check_probe_options \
	tests/probe/check_probe_options_check \
	tests/probe/check_proxy_header \
	tests/probe/check_report \
	tests/probe/check_report_json \
	tests/probe/check_report_prometheus \
	tests/probe/check_report_svg \
	tests/probe/check_report_text \
	tests/probe/check_report_timeline \
	tests/probe/check_socket_options \
	tests/probe/check_tally \
	tests/probe/check_target \
	tests/probe/check_udp_peers \
	tests/probe/check_udp_peers_errors \
	tests/probe/check_verifier \
	tests/probe/check_verifier_mistakes \
	tests/tcp/check_bulk_queue \
	tests/tcp/check_client_counts \
	tests/tcp/check_coalesce \
	tests/tcp/check_connection_info \
	tests/tcp/check_connection_limits \
	tests/tcp/check_connection_log \
	tests/tcp/check_connection_setup \
	tests/tcp/check_deadlines \
	tests/tcp/check_delay_buffer \
	tests/tcp/check_listener \
	tests/tcp/check_partial_writes \
	tests/tcp/check_proxy_protocol \
	tests/tcp/check_session \
	tests/tcp/check_stream_echo \
	tests/tcp/check_stream_socket \
	tests/tls/check_context \
	tests/udp/check_udp_batch \
	tests/udp/check_udp_limits \
	tests/udp/check_udp_segments \
	tests/udp/check_udp_socket \
	tests/worker/check_balancer \
	tests/worker/check_worker

if HAVE_TLS
check_programs += \
	tests/daemon/check_certificates \
	tests/daemon/check_probe_tls \
	tests/daemon/check_reload_memory \
	tests/daemon/check_tls \
	tests/daemon/check_tls_fault_injection \
	tests/daemon/check_tls_handshake \
	tests/daemon/check_tls_interop \
	tests/daemon/check_tls_shutdown \
	tests/probe/check_tls_client \
	tests/probe/check_tls_client_data
tests_probe_check_tls_client_SOURCES = tests/probe/check_tls_client.c \
	tests/probe/tls_pair.c tests/probe/tls_pair.h
tests_probe_check_tls_client_data_SOURCES = \
	tests/probe/check_tls_client_data.c \
	tests/probe/tls_pair.c tests/probe/tls_pair.h
tests_support_libharness_a_SOURCES = tests/support/tls_client.c
else
tests_support_libharness_a_SOURCES =
endif

# Shared headers, and a library that runs the daemon and its clients.
check_headers = \
	tests/support/datagrams.h \
	tests/support/http_client.h \
	tests/support/iovec.h \
	tests/support/log_time.h \
	tests/support/loop.h \
	tests/support/notify_socket.h \
	tests/support/probe_arguments.h \
	tests/support/proxy_headers.h \
	tests/support/snapshot.h \
	tests/support/sockets.h \
	tests/support/text.h \
	tests/support/suite.h \
	tests/support/try_client.h
tests_support_libharness_a_SOURCES += \
	tests/support/alloc_faults.c \
	tests/support/alloc_faults.h \
	tests/support/certificates.c \
	tests/support/certificates.h \
	tests/support/client.c \
	tests/support/client.h \
	tests/support/daemon.c \
	tests/support/daemon.h \
	tests/support/fail_alloc.h \
	tests/support/lossy_link.c \
	tests/support/lossy_link.h \
	tests/support/ports.c \
	tests/support/ports.h \
	tests/support/syscall_faults.c \
	tests/support/syscall_faults.h \
	tests/support/tls_client.h \
	tests/support/udp_fixture.h

# Programs of several files.
verifier_test = tests/probe/chunk_server.c tests/probe/chunk_server.h \
	tests/probe/verifier_reference.c tests/probe/verifier_reference.h
tests_probe_check_verifier_SOURCES = tests/probe/check_verifier.c \
	$(verifier_test)
tests_probe_check_verifier_mistakes_SOURCES = \
	tests/probe/check_verifier_mistakes.c $(verifier_test)
udp_peers_test = tests/probe/udp_peers_fixture.c \
	tests/probe/udp_peers_fixture.h
tests_probe_check_udp_peers_SOURCES = tests/probe/check_udp_peers.c \
	$(udp_peers_test)
tests_probe_check_udp_peers_errors_SOURCES = \
	tests/probe/check_udp_peers_errors.c $(udp_peers_test)

# Functions of the C library and of echod that these tests replace.
tests_listen_check_unix_socket_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=chmod
tests_control_check_worker_pool_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=eventfd
tests_base_check_file_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=read -Wl,--wrap=__read_chk
tests_listen_check_handshakes_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fopen
tests_base_check_mailbox_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write
tests_tcp_check_listener_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4
tests_tcp_check_connection_setup_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=recv
tests_tcp_check_session_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=socket_readable
tests_tcp_check_partial_writes_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=send -Wl,--wrap=sendmsg -Wl,--wrap=splice

tests_tcp_check_coalesce_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=nanosleep
tests_tcp_check_delay_buffer_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime
tests_udp_check_udp_segments_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=sendmmsg -Wl,--wrap=getsockopt
tests_udp_check_udp_socket_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=sendmmsg -Wl,--wrap=recvmmsg

# Preloaded into the daemon; not libraries to automake, which wants libtool then.
check_preloaded = tests/support/fail_alloc.so tests/support/jump_clock.so tests/support/short_io.so
link_preloaded = $(MKDIR_P) tests/support && $(CC) $(STD_CFLAGS) $(WARN_CFLAGS) \
	$(LIBCONFIG_CFLAGS) $(CFLAGS) -include build.h -I$(srcdir)/tests -fPIC -shared -o $@
tests/support/fail_alloc.so: tests/support/fail_alloc.c tests/support/fail_alloc.h
	$(AM_V_CC)$(link_preloaded) $(srcdir)/tests/support/fail_alloc.c -ldl
tests/support/jump_clock.so: tests/support/jump_clock.c
	$(AM_V_CC)$(link_preloaded) $(srcdir)/tests/support/jump_clock.c -ldl
tests/support/short_io.so: tests/support/short_io.c tests/support/iovec.h
	$(AM_V_CC)$(link_preloaded) $(srcdir)/tests/support/short_io.c -ldl
CLEANFILES += $(check_preloaded)
EXTRA_DIST += tests/support/fail_alloc.c tests/support/jump_clock.c \
	tests/support/short_io.c

# Shell: checks of the sources and documents, and tests of the daemon.
check_scripts = \
	tests/check-alerts \
	tests/check-bootstrap \
	tests/check-clients \
	tests/check-completion \
	tests/check-docs \
	tests/check-echoprobe \
	tests/check-layers \
	tests/check-page

if HAVE_CHECK
check_LIBRARIES += tests/support/libharness.a
check_PROGRAMS += $(check_programs)
TESTS += $(check_programs)
else
TESTS += tests/no-check
endif
TESTS += $(check_scripts)
EXTRA_DIST += tests/daemon/config_errors
EXTRA_DIST += $(check_scripts) $(check_headers) tests/no-check \
	tests/alerts.py tests/echoprobe.py tests/echoprobe_harness.py \
	tests/echoprobe_mistakes.py tests/echoprobe_options.py \
	tests/echoprobe_others.py tests/echoprobe_output.py \
	tests/echoprobe_roll.py tests/echoprobe_servers.py \
	tests/fault-report tests/faults tests/page.py tests/summary

LDADD = tests/support/libharness.a $(libechoprobe) $(CHECK_LIBS)

TEST_EXTENSIONS = .test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = $(LOG_DRIVER)

# Paths of the build for the tests. A test of Check that hangs fails after
# CK_DEFAULT_TIMEOUT.
AM_TESTS_ENVIRONMENT = \
	CC='$(CC)'; export CC; \
	ECHOD='$(abs_top_builddir)/src/echod'; export ECHOD; \
	TOP_SRCDIR='$(abs_top_srcdir)'; export TOP_SRCDIR; \
	TOP_BUILDDIR='$(abs_top_builddir)'; export TOP_BUILDDIR; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT-180}; \
	export CK_DEFAULT_TIMEOUT;

# automake prints the names of all tests in one line.
.SILENT: check-am

# As automake's own, except that one line over all tests comes last, and that
# without -j two tests run on each CPU: they mostly wait. Results of an earlier
# run are removed first, so that they are not counted.
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

# Which tests prove each row of tests/faults. Results of "make check" are
# used if nothing was built since; the other tests run now. The test of latency
# needs a quiet machine and runs last. LONG=1 adds tests that take
# minutes.
long_results = tests/daemon/check_churn.log tests/daemon/check_network_failures.log

$(TEST_LOGS): src/echod$(EXEEXT) src/echoprobe$(EXEEXT) $(check_preloaded)

.PHONY: fault-check fault-results
fault-check: src/echod$(EXEEXT) $(check_PROGRAMS) $(check_preloaded) \
		src/echoprobe$(EXEEXT)
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

.PHONY: container-check package-check rpm-check system-check
container-check:
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
		$(srcdir)/tests/system/container $(CONTAINER_CHECK_FLAGS)

package-check:
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
		$(srcdir)/tests/system/package

rpm-check:
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
		$(srcdir)/tests/system/rpm

system-check:
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
		$(srcdir)/tests/system/run $(SYSTEM_CHECK_FLAGS)

# Echods behind real load balancers, in network namespaces; as root.
EXTRA_DIST += tests/fleet/load.py tests/fleet/network.py \
	tests/fleet/programs.py tests/fleet/run

.PHONY: fleet-check
fleet-check: src/echod$(EXEEXT) src/echoprobe$(EXEEXT)
	@ECHOD='$(abs_top_builddir)/src/echod' \
		ECHOPROBE='$(abs_top_builddir)/src/echoprobe' \
		TOP_SRCDIR='$(abs_top_srcdir)' \
		$(srcdir)/tests/fleet/run $(FLEET_CHECK_FLAGS)

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
