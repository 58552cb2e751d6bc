# The benchmark. Nothing of it is built by `make`, installed, or run by `make
# check`: `make bench` is the way. BENCHFLAGS go to tests/bench/run.

EXTRA_PROGRAMS += \
	tests/bench/epoll_echo \
	tests/bench/bufferevent_echo \
	tests/bench/udp_echo

tests_bench_epoll_echo_SOURCES = tests/bench/epoll_echo.c
tests_bench_bufferevent_echo_SOURCES = tests/bench/bufferevent_echo.c
tests_bench_bufferevent_echo_LDADD = $(EVENT_LIBS)
tests_bench_udp_echo_SOURCES = tests/bench/udp_echo.c

bench_programs = \
	src/echoprobe$(EXEEXT) \
	tests/bench/epoll_echo$(EXEEXT) \
	tests/bench/bufferevent_echo$(EXEEXT) \
	tests/bench/udp_echo$(EXEEXT)

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
	tests/bench/servers.py

CLEANFILES += bench.svg

bench_environment = \
	ECHOD='$(abs_top_builddir)/src/echod$(EXEEXT)' \
	ECHOPROBE='$(abs_top_builddir)/src/echoprobe$(EXEEXT)' \
	BENCH_BUILD='$(abs_top_builddir)/tests/bench' \
	CC='$(CC)'

bench: src/echod$(EXEEXT) $(bench_programs)
	@$(bench_environment) $(srcdir)/tests/bench/run $(BENCHFLAGS)

bench-memory: src/echod$(EXEEXT) $(bench_programs)
	@$(bench_environment) $(srcdir)/tests/bench/run memory $(BENCHFLAGS)

.PHONY: bench bench-memory
