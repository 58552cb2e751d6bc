units = \
	systemd/echod.service \
	systemd/echod@.service
EXTRA_DIST += systemd/echod.service.in systemd/echod.socket
CLEANFILES += $(units)

if INSTALL_UNIT
systemdsystemunit_DATA = $(units) systemd/echod.socket
endif

# The tests read them, so they are made even where they are not installed.
noinst_DATA = $(units)

systemd/echod.service: systemd/echod.service.in Makefile
	$(substitute) $(srcdir)/systemd/echod.service.in >$@.tmp && mv $@.tmp $@

# An instance differs in what it is called, reads and writes, and that is all.
systemd/echod@.service: systemd/echod.service
	sed -e 's|^Description=.*|&, instance %i|' \
		-e 's|/echod\.conf|/echod/%i.conf|' \
		-e 's|^RuntimeDirectory=.*|&/%i|' \
		systemd/echod.service >$@.tmp && mv $@.tmp $@

# The build's own pkg-config would name a directory of the machine's.
AM_DISTCHECK_CONFIGURE_FLAGS = \
	--with-systemdsystemunitdir='$${prefix}/lib/systemd/system'
