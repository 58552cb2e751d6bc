units = \
	systemd/echod.service \
	systemd/echod@.service \
	systemd/echod@.socket
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
	$(AM_V_GEN)$(SED) -e 's|^Description=.*|&, instance %i|' \
		-e 's|/echod\.conf|/echod/%i.conf|' \
		-e 's|^RuntimeDirectory=.*|&/%i|' \
		systemd/echod.service >$@.tmp && mv $@.tmp $@

# The sockets of an instance have no address yet: a drop-in adds it.
systemd/echod@.socket: systemd/echod.socket Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) \
		-e 's|^Description=.*|&, instance %i|' \
		-e '/^#/s|echod\.s|echod@NAME.s|g' \
		-e '/^#/s|echod\.conf, which has|echod/NAME.conf, for example|' \
		-e '/^#/s|echod\.conf|echod/NAME.conf|' \
		-e 's|^ListenStream=|#&|' \
		-e 's|^\[Socket\]|&\n# Without an address the unit does not start.  Add one with\n#	systemctl edit echod@NAME.socket|' \
		$(srcdir)/systemd/echod.socket >$@.tmp && mv $@.tmp $@

# Without this, "make distcheck" would install into the directory of the system
# that pkg-config names.
AM_DISTCHECK_CONFIGURE_FLAGS = \
	--with-systemdsystemunitdir='$${prefix}/lib/systemd/system'
