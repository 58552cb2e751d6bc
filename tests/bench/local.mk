# The benchmark. Nothing of it is built by `make`, installed, or run by `make
# check`: `make bench` is the way. BENCHFLAGS go to tests/bench/run.

EXTRA_PROGRAMS += \
	tests/bench/load \
	tests/bench/epoll_echo \
	tests/bench/bufferevent_echo \
	tests/bench/udp_echo \
	tests/bench/udp_load

tests_bench_load_SOURCES = \
	tests/bench/client.c \
	tests/bench/client.h \
	tests/bench/histogram.c \
	tests/bench/histogram.h \
	tests/bench/load.c \
	tests/bench/pattern.c \
	tests/bench/pattern.h \
	tests/bench/ping.c \
	tests/bench/ping.h \
	tests/bench/verify.c \
	tests/bench/verify.h

tests_bench_epoll_echo_SOURCES = tests/bench/epoll_echo.c
tests_bench_bufferevent_echo_SOURCES = tests/bench/bufferevent_echo.c
tests_bench_bufferevent_echo_LDADD = $(EVENT_LIBS)
tests_bench_udp_echo_SOURCES = tests/bench/udp_echo.c
tests_bench_udp_load_SOURCES = \
	tests/bench/histogram.c \
	tests/bench/histogram.h \
	tests/bench/udp_load.c

bench_programs = \
	tests/bench/load$(EXEEXT) \
	tests/bench/epoll_echo$(EXEEXT) \
	tests/bench/bufferevent_echo$(EXEEXT) \
	tests/bench/udp_echo$(EXEEXT) \
	tests/bench/udp_load$(EXEEXT)

# libuv_echo.c and go_echo.go are built by `run`, where it finds what they need.
EXTRA_DIST += \
	tests/bench/asyncio_echo.py \
	tests/bench/fairness \
	tests/bench/figures.svg \
	tests/bench/go_echo.go \
	tests/bench/libuv_echo.c \
	tests/bench/measure.py \
	tests/bench/memory.py \
	tests/bench/report.py \
	tests/bench/rows.py \
	tests/bench/run \
	tests/bench/select_echo.py \
	tests/bench/selftest \
	tests/bench/servers.py

CLEANFILES += bench.svg bench-selftest.log

bench_environment = \
	ECHOD='$(abs_top_builddir)/src/echod$(EXEEXT)' \
	BENCH_BUILD='$(abs_top_builddir)/tests/bench' \
	CC='$(CC)'

bench: src/echod$(EXEEXT) $(bench_programs)
	@$(bench_environment) $(srcdir)/tests/bench/selftest >bench-selftest.log \
		|| { cat bench-selftest.log; exit 1; }
	@$(bench_environment) $(srcdir)/tests/bench/run $(BENCHFLAGS)

bench-memory: src/echod$(EXEEXT) $(bench_programs)
	@$(bench_environment) $(srcdir)/tests/bench/run memory $(BENCHFLAGS)

.PHONY: bench bench-memory
