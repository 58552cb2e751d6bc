EXTRA_DIST += systemd/echod.service.in
CLEANFILES += systemd/echod.service

if INSTALL_UNIT
systemdsystemunit_DATA = systemd/echod.service
endif

# The tests read it, so it is made even where it is not installed.
noinst_DATA = systemd/echod.service

systemd/echod.service: systemd/echod.service.in Makefile
	$(substitute) $(srcdir)/systemd/echod.service.in >$@.tmp && mv $@.tmp $@

# The build's own pkg-config would name a directory of the machine's.
AM_DISTCHECK_CONFIGURE_FLAGS = \
	--with-systemdsystemunitdir='$${prefix}/lib/systemd/system'
