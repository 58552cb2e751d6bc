# The daemon is main.c; all else is in a library that the tests, fuzzers and
# benchmarks link as well.

noinst_LIBRARIES += src/libechod.a
src_libechod_a_SOURCES = \
	src/base/container_of.h \
	src/base/error.c src/base/error.h \
	src/base/file.c src/base/file.h \
	src/base/histogram.c src/base/histogram.h \
	src/base/journal.c src/base/journal.h \
	src/base/json.c src/base/json.h \
	src/base/log.c src/base/log.h \
	src/base/log_encode.c src/base/log_encode.h \
	src/base/log_line.c src/base/log_line.h \
	src/base/log_sink.c src/base/log_sink.h \
	src/base/timers.c src/base/timers.h \
	src/base/mailbox.c src/base/mailbox.h \
	src/base/metrics_text.c src/base/metrics_text.h \
	src/base/process_stats.c src/base/process_stats.h \
	src/base/replace_file.c src/base/replace_file.h \
	src/base/stats.c src/base/stats.h \
	src/base/stats_table.c src/base/stats_table.h \
	src/base/string_list.h \
	src/base/timer_wheel.c src/base/timer_wheel.h \
	src/base/utf8.c src/base/utf8.h \
	src/addr/acl.c src/addr/acl.h \
	src/addr/address.c src/addr/address.h \
	src/addr/host_name.c src/addr/host_name.h \
	src/addr/listen_address.c src/addr/listen_address.h \
	src/echo/fault.c src/echo/fault.h \
	src/echo/frame.c src/echo/frame.h \
	src/echo/prefix.c src/echo/prefix.h \
	src/echo/template.c src/echo/template.h \
	src/tls/certificates.c src/tls/certificates.h \
	src/tls/connection.c src/tls/connection.h \
	src/tls/context.c src/tls/context.h \
	src/config/config.c src/config/config.h \
	src/config/diff.c src/config/diff.h \
	src/config/formats.c src/config/formats.h \
	src/config/lint.c src/config/lint.h \
	src/config/mistakes.c src/config/mistakes.h \
	src/config/mistakes_values.c src/config/mistakes_values.h \
	src/config/print.c src/config/print.h \
	src/config/reader.c src/config/reader.h \
	src/config/schema.c src/config/schema.h \
	src/config/source.c src/config/source.h \
	src/config/suggest.c src/config/suggest.h \
	src/config/syntax.c src/config/syntax.h \
	src/config/tokens.c src/config/tokens.h \
	src/config/types.c src/config/types.h \
	src/config/types_lists.c src/config/types_lists.h \
	src/config/types_mode.c src/config/types_mode.h \
	src/config/types_strings.c src/config/types_strings.h \
	src/config/user_lookup.c src/config/user_lookup.h \
	src/config/validate.c src/config/validate.h \
	src/listen/binding.h \
	src/listen/endpoint.c src/listen/endpoint.h \
	src/listen/graceful_close.c src/listen/graceful_close.h \
	src/listen/handshakes.c src/listen/handshakes.h \
	src/listen/listening_set.c src/listen/listening_set.h \
	src/listen/socket.c src/listen/socket.h \
	src/listen/socket_activation.c src/listen/socket_activation.h \
	src/listen/unix_socket.c src/listen/unix_socket.h \
	src/tcp/bulk_queue.c src/tcp/bulk_queue.h \
	src/tcp/client_counts.c src/tcp/client_counts.h \
	src/tcp/coalesce.c src/tcp/coalesce.h \
	src/tcp/connection_info.c src/tcp/connection_info.h \
	src/tcp/connection_limits.c src/tcp/connection_limits.h \
	src/tcp/connection_log.c src/tcp/connection_log.h \
	src/tcp/connection_setup.c src/tcp/connection_setup.h \
	src/tcp/deadlines.c src/tcp/deadlines.h \
	src/tcp/delay_buffer.c src/tcp/delay_buffer.h \
	src/tcp/listener.c src/tcp/listener.h \
	src/tcp/proxy_protocol.c src/tcp/proxy_protocol.h \
	src/tcp/session.c src/tcp/session.h \
	src/tcp/session_end.c src/tcp/session_end.h \
	src/tcp/session_private.h \
	src/tcp/session_timeouts.c src/tcp/session_timeouts.h \
	src/tcp/stream_echo.c src/tcp/stream_echo.h \
	src/tcp/stream_socket.c src/tcp/stream_socket.h \
	src/tcp/transport.c src/tcp/transport.h \
	src/tcp/transport_kind.c src/tcp/transport_kind.h \
	src/udp/udp_batch.c src/udp/udp_batch.h \
	src/udp/udp_limits.c src/udp/udp_limits.h \
	src/udp/udp_segments.c src/udp/udp_segments.h \
	src/udp/udp_socket.c src/udp/udp_socket.h \
	src/admin/http_clients.c src/admin/http_clients.h \
	src/admin/http_hosts.c src/admin/http_hosts.h \
	src/admin/http_request.c src/admin/http_request.h \
	src/admin/http_status.c src/admin/http_status.h \
	src/admin/metrics.c src/admin/metrics.h \
	src/admin/metrics_histograms.c src/admin/metrics_histograms.h \
	src/admin/metrics_counters.c src/admin/metrics_counters.h \
	src/admin/page.c src/admin/page.h \
	src/worker/balancer.c src/worker/balancer.h \
	src/worker/bindings.c src/worker/bindings.h \
	src/worker/worker.c src/worker/worker.h \
	src/worker/worker_state.c src/worker/worker_state.h \
	src/control/certificate_metrics.c \
	src/control/certificate_metrics.h \
	src/control/command_line.c src/control/command_line.h \
	src/control/daemon_status.c src/control/daemon_status.h \
	src/control/deployment.c src/control/deployment.h \
	src/control/drain.c src/control/drain.h \
	src/control/examples.c src/control/examples.h \
	src/control/process.c src/control/process.h \
	src/control/reload.c src/control/reload.h \
	src/control/reload_command.c src/control/reload_command.h \
	src/control/sd_notify.c src/control/sd_notify.h \
	src/control/server.c src/control/server.h \
	src/control/cpu_count.c src/control/cpu_count.h \
	src/control/status_line.c src/control/status_line.h \
	src/control/watchdog.c src/control/watchdog.h \
	src/control/worker_pool.c src/control/worker_pool.h

# The page, for the compiler.
EXTRA_DIST += src/admin/embed src/admin/status.html
CLEANFILES += src/admin/page.inc
src/admin/page.$(OBJEXT): src/admin/page.inc
src/admin/page.inc: src/admin/status.html src/admin/embed
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(srcdir)/src/admin/embed \
		$(srcdir)/src/admin/status.html >$@.tmp && mv $@.tmp $@

# The examples of etc/local.mk, likewise.
EXTRA_DIST += src/control/embed-examples
CLEANFILES += src/control/examples.inc
src/control/examples.$(OBJEXT): src/control/examples.inc
src/control/examples.inc: $(examples) src/control/embed-examples
	$(AM_V_GEN)$(MKDIR_P) $(@D) && (cd $(srcdir) && \
		src/control/embed-examples $(examples)) >$@.tmp && mv $@.tmp $@

sbin_PROGRAMS += src/echod
src_echod_SOURCES = src/main.c
src_echod_LDADD = $(libechod)
src_echod_LDFLAGS = $(AM_LDFLAGS) $(STATIC_LDFLAGS)

# The other end: its main is echoprobe.c.
noinst_LIBRARIES += src/libechoprobe.a
src_libechoprobe_a_SOURCES = \
	src/probe/backends.c src/probe/backends.h \
	src/probe/datagrams.c src/probe/datagrams.h \
	src/probe/datagrams_reply.c src/probe/datagrams_reply.h \
	src/probe/diagnosis.c src/probe/diagnosis.h \
	src/probe/gnuplot.c src/probe/gnuplot.h \
	src/probe/latency.c src/probe/latency.h \
	src/probe/load.c src/probe/load.h \
	src/probe/outcome.c src/probe/outcome.h \
	src/probe/output.c src/probe/output.h \
	src/probe/payload.c src/probe/payload.h \
	src/probe/probe.c src/probe/probe.h \
	src/probe/probe_connection.c src/probe/probe_connection.h \
	src/probe/probe_option_table.c src/probe/probe_option_table.h \
	src/probe/probe_options.c src/probe/probe_options.h \
	src/probe/probe_options_check.c src/probe/probe_options_check.h \
	src/probe/prober.c src/probe/prober.h \
	src/probe/proxy_header.c src/probe/proxy_header.h \
	src/probe/report.c src/probe/report.h \
	src/probe/report_end.c src/probe/report_end.h \
	src/probe/report_json.c src/probe/report_json.h \
	src/probe/report_prometheus.c src/probe/report_prometheus.h \
	src/probe/report_svg.c src/probe/report_svg.h \
	src/probe/report_text.c src/probe/report_text.h \
	src/probe/report_timeline.c src/probe/report_timeline.h \
	src/probe/run.c src/probe/run.h \
	src/probe/run_setup.c src/probe/run_setup.h \
	src/probe/socket_options.c src/probe/socket_options.h \
	src/probe/stream.c src/probe/stream.h \
	src/probe/stream_failures.c src/probe/stream_failures.h \
	src/probe/stream_messages.c src/probe/stream_messages.h \
	src/probe/tally.c src/probe/tally.h \
	src/probe/target.c src/probe/target.h \
	src/probe/tls_client.c src/probe/tls_client.h \
	src/probe/udp_peers.c src/probe/udp_peers.h \
	src/probe/udp_peers_error.c src/probe/udp_peers_error.h \
	src/probe/udp_peers_reply.c src/probe/udp_peers_reply.h \
	src/probe/udp_peers_send.c src/probe/udp_peers_send.h \
	src/probe/verifier.c src/probe/verifier.h \
	src/probe/datagrams_private.h \
	src/probe/stream_private.h \
	src/probe/udp_peers_private.h

bin_PROGRAMS += src/echoprobe
src_echoprobe_SOURCES = src/echoprobe.c
src_echoprobe_LDADD = $(libechoprobe)
src_echoprobe_LDFLAGS = $(AM_LDFLAGS) $(STATIC_LDFLAGS)

# What a program that uses a library links.
libechoprobe = src/libechoprobe.a $(libechod) -lm
libechod = src/libechod.a $(LIBCONFIG_LIBS) $(EVENT_LIBS) $(TLS_LIBS)
