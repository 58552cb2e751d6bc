# The pieces of echod's configure.ac that are longer than a line.

# ECHOD_PROBE_FLAGS(VARIABLE, FLAGS)
# Append to VARIABLE those of FLAGS that the compiler driver takes without a
# warning. Each is tried in a compilation that is also linked, as one command,
# so the same macro serves compiler and linker flags. -Wformat is there since
# the -Wformat-* family is dropped in silence without it.
AC_DEFUN([ECHOD_PROBE_FLAGS], [dnl
AC_REQUIRE([AC_PROG_CC])dnl
echod_saved_CFLAGS=$CFLAGS
for echod_flag in $2; do
	AC_MSG_CHECKING([whether $CC accepts $echod_flag])
	CFLAGS="$echod_saved_CFLAGS -Werror -Wformat $echod_flag"
	AC_LINK_IFELSE([AC_LANG_SOURCE([int main(void) { return 0; }])],
		[AC_MSG_RESULT([yes])
		AS_VAR_SET([$1], ["${$1:+$$1 }$echod_flag"])],
		[AC_MSG_RESULT([no])])
done
CFLAGS=$echod_saved_CFLAGS
])

# ECHOD_STOCK_PREFIX
# Under the stock prefixes a daemon's files are where every administrator looks
# for them, unless the command line says otherwise. Any other prefix, as that of
# "make distcheck", stays private.
AC_DEFUN([ECHOD_STOCK_PREFIX], [dnl
AS_CASE([$prefix], [NONE | /usr | /usr/local], [
	test "$sysconfdir" != '${prefix}/etc' || sysconfdir=/etc
	test "$localstatedir" != '${prefix}/var' || localstatedir=/var
	test "$runstatedir" != '${localstatedir}/run' || runstatedir=/run
])
])

# ECHOD_SYSTEMD_UNIT_DIR
# Where the unit goes: pkg-config answers for the distribution's own prefix;
# /usr/local/lib/systemd/system is read by systemd as well.
AC_DEFUN([ECHOD_SYSTEMD_UNIT_DIR], [dnl
AC_ARG_WITH([systemdsystemunitdir],
	[AS_HELP_STRING([--with-systemdsystemunitdir=DIR],
		[directory of the systemd unit, "no" for none @<:@pkg-config's
		with prefix /usr, else PREFIX/lib/systemd/system@:>@])],
	[], [with_systemdsystemunitdir=yes])
AS_CASE([$with_systemdsystemunitdir],
	[no], [systemdsystemunitdir=],
	[yes | ''], [
		systemdsystemunitdir=
		AS_IF([test "$prefix" = /usr], [systemdsystemunitdir=$(
			$PKG_CONFIG --variable=systemdsystemunitdir systemd \
				2>/dev/null)])
		AS_IF([test -z "$systemdsystemunitdir"],
			[systemdsystemunitdir='${prefix}/lib/systemd/system'])
	],
	[systemdsystemunitdir=$with_systemdsystemunitdir])
AC_SUBST([systemdsystemunitdir])
AM_CONDITIONAL([INSTALL_UNIT], [test -n "$systemdsystemunitdir"])
])

# ECHOD_ARG_WARNINGS
# WARN_CFLAGS: what the sources must be free of. -Wconversion and -Wcast-qual
# are absent on purpose: with iovecs and ports they ask for casts that hide
# more than they show.
AC_DEFUN([ECHOD_ARG_WARNINGS], [dnl
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [treat warnings as errors])],
	[], [enable_werror=no])
WARN_CFLAGS=
ECHOD_PROBE_FLAGS([WARN_CFLAGS], [-Wall -Wextra -Wshadow -Wundef -Wvla dnl
	-Wstrict-prototypes -Wmissing-prototypes -Wmissing-declarations dnl
	-Wold-style-definition -Wredundant-decls -Wnested-externs dnl
	-Wwrite-strings -Wpointer-arith -Wfloat-conversion dnl
	-Wformat=2 -Wformat-signedness -Wimplicit-fallthrough dnl
	-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wdate-time dnl
	-Walloca -Wtrampolines -Wbidi-chars=any dnl
	-Werror=implicit -Werror=incompatible-pointer-types dnl
	-Werror=int-conversion -Werror=return-type])
AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])
])

# ECHOD_ARG_SANITIZERS
AC_DEFUN([ECHOD_ARG_SANITIZERS], [dnl
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers=LIST],
		[build with compiler sanitizers: address,undefined (the default
		LIST) or thread])],
	[], [enable_sanitizers=no])
AS_CASE([$enable_sanitizers],
	[no], [sanitizers=none],
	[yes | ''], [sanitizers=address,undefined],
	[sanitizers=$enable_sanitizers])
SANITIZE_CFLAGS=
AS_IF([test "$sanitizers" != none], [
	ECHOD_PROBE_FLAGS([SANITIZE_CFLAGS], ["-fsanitize=$sanitizers"])
	AS_IF([test -z "$SANITIZE_CFLAGS"],
		[AC_MSG_ERROR([$CC cannot build with -fsanitize=$sanitizers (clang on Debian: apt-get install libclang-rt-dev)])])
	ECHOD_PROBE_FLAGS([SANITIZE_CFLAGS],
		[-fno-sanitize-recover=all -fno-omit-frame-pointer])
])
AC_SUBST([SANITIZE_CFLAGS])
])

# ECHOD_ARG_TLS
# HAVE_TLS, and what it takes.
AC_DEFUN([ECHOD_ARG_TLS], [dnl
AC_ARG_WITH([tls],
	[AS_HELP_STRING([--without-tls],
		[build without TLS, and without OpenSSL])],
	[], [with_tls=yes])
AS_IF([test "$with_tls" = no], [tls=no], [
	PKG_CHECK_MODULES([TLS], [libevent_openssl >= 2.1 openssl >= 3.0], [],
		[AC_MSG_ERROR([OpenSSL 3 or libevent for it is missing; on Debian: apt-get install libssl-dev libevent-dev; or configure --without-tls])])
	AC_DEFINE([HAVE_TLS], [1], [Whether listeners can speak TLS.])
	tls="OpenSSL $($PKG_CONFIG --modversion openssl)"
])
AM_CONDITIONAL([HAVE_TLS], [test "$tls" != no])
])

# ECHOD_ARG_STATIC
# STATIC_LDFLAGS, and a pkg-config that names the libraries of libraries. It
# must come before the libraries are looked for. -static-pie keeps the random
# addresses that -pie gives.
AC_DEFUN([ECHOD_ARG_STATIC], [dnl
AC_ARG_ENABLE([static],
	[AS_HELP_STRING([--enable-static],
		[link echod statically, to run it where there are no libraries])],
	[], [enable_static=no])
STATIC_LDFLAGS=
AS_IF([test "$enable_static" != no], [
	PKG_CONFIG="$PKG_CONFIG --static"
	ECHOD_PROBE_FLAGS([STATIC_LDFLAGS], [-static-pie])
	AS_IF([test -z "$STATIC_LDFLAGS"],
		[AC_MSG_ERROR([$CC cannot link static programs])])
])
AC_SUBST([STATIC_LDFLAGS])
])

# ECHOD_ARG_COVERAGE
# Our own few lines: AX_CODE_COVERAGE does not get past automake's -Werror.
AC_DEFUN([ECHOD_ARG_COVERAGE], [dnl
AC_ARG_ENABLE([coverage],
	[AS_HELP_STRING([--enable-coverage],
		[count the lines that run; "make coverage" reports (needs gcovr)])],
	[], [enable_coverage=no])
COVERAGE_CFLAGS=
AS_IF([test "$enable_coverage" = yes], [
	AS_IF([test -z "$GCOVR"],
		[AC_MSG_ERROR([gcovr is missing; on Debian: apt-get install gcovr])])
	ECHOD_PROBE_FLAGS([COVERAGE_CFLAGS],
		[--coverage -fprofile-update=atomic])
	AS_IF([test -z "$COVERAGE_CFLAGS"],
		[AC_MSG_ERROR([$CC does not know --coverage])])
	COVERAGE_CFLAGS="$COVERAGE_CFLAGS -DSUITE_COVERAGE"
])
AC_SUBST([COVERAGE_CFLAGS])
AM_CONDITIONAL([COVERAGE], [test "$enable_coverage" = yes])
])

# ECHOD_ARG_HARDENING
# The flags of the OpenSSF compiler guide, as far as the compiler knows them.
AC_DEFUN([ECHOD_ARG_HARDENING], [dnl
AC_REQUIRE([ECHOD_ARG_SANITIZERS])dnl
AC_ARG_ENABLE([hardening],
	[AS_HELP_STRING([--disable-hardening],
		[build without the compiler's and linker's defences])],
	[], [enable_hardening=yes])
hardening=$enable_hardening
HARDEN_CPPFLAGS= HARDEN_CFLAGS= HARDEN_LDFLAGS=
AS_IF([test "$enable_hardening" != no], [
	ECHOD_PROBE_FLAGS([HARDEN_CFLAGS], [-Werror=format-security dnl
		-fstack-protector-strong -fstack-clash-protection dnl
		-fcf-protection=full -mbranch-protection=standard dnl
		-fstrict-flex-arrays=3 -ftrivial-auto-var-init=zero dnl
		-fzero-init-padding-bits=all -fno-delete-null-pointer-checks dnl
		-fno-strict-overflow -fno-strict-aliasing -fexceptions -fPIE])
	ECHOD_PROBE_FLAGS([HARDEN_LDFLAGS], [-pie -Wl,-z,relro -Wl,-z,now dnl
		-Wl,-z,noexecstack -Wl,--as-needed dnl
		-Wl,--no-copy-dt-needed-entries])
	ECHOD_PROBE_FORTIFY
	AS_IF([test -n "$HARDEN_CPPFLAGS"],
		[hardening="yes, _FORTIFY_SOURCE=3"],
		[hardening="yes, _FORTIFY_SOURCE left alone: $fortify_reason"])
])
AC_SUBST([HARDEN_CPPFLAGS])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
])

# ECHOD_PROBE_FORTIFY
# The sanitizers do not see through the fortified functions, without
# optimization there are none, and the user's own choice stands.
AC_DEFUN([ECHOD_PROBE_FORTIFY], [dnl
fortify_reason=
AS_CASE(["$CPPFLAGS $CFLAGS"],
	[*_FORTIFY_SOURCE*], [fortify_reason="set by the user"])
AS_IF([test "$sanitizers" != none], [fortify_reason="sanitizers"])
AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#ifndef __OPTIMIZE__
#error not optimizing
#endif
int not_empty;]])], [], [fortify_reason="no optimization"])
AS_IF([test -z "$fortify_reason"],
	[HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"])
])

# ECHOD_SHOW_PATHS(VARIABLES)
# For each variable VAR with a path that refers to others, set shown_VAR to
# what it will be.
AC_DEFUN([ECHOD_SHOW_PATHS], [dnl
echod_saved_prefix=$prefix echod_saved_exec_prefix=$exec_prefix
test "$prefix" != NONE || prefix=$ac_default_prefix
test "$exec_prefix" != NONE || exec_prefix=$prefix
for echod_var in $1; do
	eval "echod_path=\$$echod_var"
	while :; do
		AS_CASE(["$echod_path"], [*'$'*], [], [break])
		eval "echod_path=\"$echod_path\""
	done
	eval "shown_$echod_var=\$echod_path"
done
prefix=$echod_saved_prefix exec_prefix=$echod_saved_exec_prefix
])
