# Fuzzing: the same targets replay their corpus in `make check` and are run by
# libFuzzer in `make fuzz`, which needs clang.

fuzz_targets = \
	tests/fuzz/acl.c \
	tests/fuzz/config.c \
	tests/fuzz/environment.c \
	tests/fuzz/fixture.c \
	tests/fuzz/fixture.h \
	tests/fuzz/frame.c \
	tests/fuzz/fuzz.h \
	tests/fuzz/http.c \
	tests/fuzz/listen_address.c \
	tests/fuzz/model.c \
	tests/fuzz/model.h \
	tests/fuzz/probe.c \
	tests/fuzz/probe.h \
	tests/fuzz/probe_verifier.c \
	tests/fuzz/proxy_protocol.c \
	tests/fuzz/reloads.c \
	tests/fuzz/script_config.c \
	tests/fuzz/script_config.h \
	tests/fuzz/session.c \
	tests/fuzz/targets.c \
	tests/fuzz/template.c \
	tests/fuzz/verifier_model.c \
	tests/fuzz/verifier_model.h \
	tests/fuzz/wrapped_socket.c \
	tests/fuzz/wrapped_socket.h
if HAVE_TLS
fuzz_targets += tests/fuzz/tls.c
endif

# Calls of echod that targets see first; see wrapped_socket.h and fixture.h.
fuzz_ldflags = -Wl,--wrap=nanosleep -Wl,--wrap=recv -Wl,--wrap=send \
	-Wl,--wrap=sendmsg -Wl,--wrap=sendto -Wl,--wrap=splice

check_PROGRAMS += tests/fuzz/replay
TESTS += tests/fuzz/replay
tests_fuzz_replay_SOURCES = $(fuzz_targets) tests/fuzz/replay.c
tests_fuzz_replay_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_replay_LDADD = $(libechoprobe)

# All of the code once more, as the fuzzer wants it; with clang whatever the rest
# is built with, and so with none of the flags that were tried with that.
EXTRA_LIBRARIES += tests/fuzz/libfuzzed.a
EXTRA_PROGRAMS += tests/fuzz/fuzzer
fuzz_cflags = $(STD_CFLAGS) $(PTHREAD_CFLAGS) -g -O1 \
	-fno-omit-frame-pointer -fno-sanitize-recover=all
fuzz_sanitizers = address,undefined

tests_fuzz_libfuzzed_a_SOURCES = $(src_libechod_a_SOURCES) \
	$(src_libechoprobe_a_SOURCES)
tests_fuzz_libfuzzed_a_CPPFLAGS = $(source_cppflags)
tests_fuzz_libfuzzed_a_CFLAGS = $(fuzz_cflags) \
	-fsanitize=fuzzer-no-link,$(fuzz_sanitizers)
# As in src/local.mk: the page and the examples, for the compiler.
src/admin/tests_fuzz_libfuzzed_a-page.$(OBJEXT): src/admin/page.inc
src/control/tests_fuzz_libfuzzed_a-examples.$(OBJEXT): src/control/examples.inc
tests_fuzz_fuzzer_SOURCES = $(fuzz_targets) tests/fuzz/engine.c
tests_fuzz_fuzzer_CPPFLAGS = $(source_cppflags)
tests_fuzz_fuzzer_CFLAGS = $(fuzz_cflags) \
	-fsanitize=fuzzer,$(fuzz_sanitizers)
tests_fuzz_fuzzer_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzzer_LDADD = tests/fuzz/libfuzzed.a \
	$(LIBCONFIG_LIBS) $(EVENT_LIBS) $(TLS_LIBS) -lm

# FUZZ_SECONDS is for each target, FUZZ_TARGETS are all where it is empty.
CLANG = clang
FUZZ_SECONDS = 60
FUZZ_TARGETS =

.PHONY: fuzz
fuzz:
	$(MAKE) $(AM_MAKEFLAGS) CC='$(CLANG)' tests/fuzz/fuzzer$(EXEEXT)
	@TOP_SRCDIR='$(top_srcdir)' FUZZER=tests/fuzz/fuzzer$(EXEEXT) \
		FUZZ_SECONDS='$(FUZZ_SECONDS)' FUZZ_TARGETS='$(FUZZ_TARGETS)' \
		$(srcdir)/tests/fuzz/run

EXTRA_DIST += tests/fuzz/corpus tests/fuzz/run
CLEANFILES += $(EXTRA_LIBRARIES)

mostlyclean-local:
	rm -rf fuzz-corpus
