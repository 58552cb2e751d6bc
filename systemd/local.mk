units = \
	systemd/echod.service \
	systemd/echod@.service
EXTRA_DIST += systemd/echod.service.in systemd/echod.socket
CLEANFILES += $(units)

if INSTALL_UNIT
systemdsystemunit_DATA = $(units) systemd/echod.socket
endif

# The tests read the units, so they are made even if they are not installed.
noinst_DATA = $(units)

systemd/echod.service: systemd/echod.service.in Makefile
	$(substitute) $(srcdir)/systemd/echod.service.in >$@.tmp && mv $@.tmp $@

# An instance has its own description, configuration file and runtime directory.
# All else is as in echod.service.
systemd/echod@.service: systemd/echod.service
	sed -e 's|^Description=.*|&, instance %i|' \
		-e 's|/echod\.conf|/echod/%i.conf|' \
		-e 's|^RuntimeDirectory=.*|&/%i|' \
		systemd/echod.service >$@.tmp && mv $@.tmp $@

# Without this, "make distcheck" would install into the directory of the system
# that pkg-config names.
AM_DISTCHECK_CONFIGURE_FLAGS = \
	--with-systemdsystemunitdir='$${prefix}/lib/systemd/system'
