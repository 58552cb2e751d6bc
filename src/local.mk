# The daemon is main.c; all else is in a library that the tests, fuzzers and
# benchmarks link as well.

noinst_LIBRARIES += src/libechod.a
src_libechod_a_SOURCES = \
	src/account.c src/account.h \
	src/acl.c src/acl.h \
	src/address.c src/address.h \
	src/admit.c src/admit.h \
	src/batch.c src/batch.h \
	src/changes.c src/changes.h \
	src/clients.c src/clients.h \
	src/config.c src/config.h \
	src/crew.c src/crew.h \
	src/datagram.c src/datagram.h \
	src/deploy.c src/deploy.h \
	src/detour.c src/detour.h \
	src/dump.c src/dump.h \
	src/endpoint.c src/endpoint.h \
	src/error.c src/error.h \
	src/fault.c src/fault.h \
	src/file.c src/file.h \
	src/flow.c src/flow.h \
	src/frame.c src/frame.h \
	src/gather.c src/gather.h \
	src/guard.c src/guard.h \
	src/handshakes.c src/handshakes.h \
	src/inherited.c src/inherited.h \
	src/listener.c src/listener.h \
	src/log.c src/log.h \
	src/mailbox.c src/mailbox.h \
	src/metrics.c src/metrics.h \
	src/monitor.c src/monitor.h \
	src/notify.c src/notify.h \
	src/opening.c src/opening.h \
	src/origin.c src/origin.h \
	src/page.c src/page.h \
	src/patience.c src/patience.h \
	src/place.c src/place.h \
	src/plan.c src/plan.h \
	src/prefix.c src/prefix.h \
	src/process.c src/process.h \
	src/proxyproto.c src/proxyproto.h \
	src/pump.c src/pump.h \
	src/read.c src/read.h \
	src/report.c src/report.h \
	src/rules.c src/rules.h \
	src/schema.c src/schema.h \
	src/server.c src/server.h \
	src/service.c src/service.h \
	src/session.c src/session.h \
	src/setting.c src/setting.h \
	src/socket.c src/socket.h \
	src/source.c src/source.h \
	src/spread.c src/spread.h \
	src/stats.c src/stats.h \
	src/status.c src/status.h \
	src/summary.c src/summary.h \
	src/template.c src/template.h \
	src/text.c src/text.h \
	src/timers.c src/timers.h \
	src/tls.c src/tls.h \
	src/tlslink.c src/tlslink.h \
	src/turns.c src/turns.h \
	src/unixfile.c src/unixfile.h \
	src/value.c src/value.h \
	src/wheel.c src/wheel.h \
	src/watchdog.c src/watchdog.h \
	src/withdrawal.c src/withdrawal.h \
	src/worker.c src/worker.h

# The page, for the compiler.
EXTRA_DIST += src/embed src/status.html
CLEANFILES += src/page.inc
src/page.$(OBJEXT): src/page.inc
src/page.inc: src/status.html src/embed
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(srcdir)/src/embed \
		$(srcdir)/src/status.html >$@.tmp && mv $@.tmp $@

sbin_PROGRAMS += src/echod
src_echod_SOURCES = src/main.c
src_echod_LDADD = $(libechod)

# What a program that uses the library links.
libechod = src/libechod.a $(LIBCONFIG_LIBS) $(EVENT_LIBS) $(TLS_LIBS)
