pages = man/echod.8 man/echod.conf.5 man/echoprobe.1
man_MANS += $(pages)
CLEANFILES += $(pages)
EXTRA_DIST += man/echod.8.in man/echod.conf.5.in man/echoprobe.1.in

man/echod.8: man/echod.8.in Makefile
	$(substitute) $(srcdir)/man/echod.8.in >$@.tmp && mv $@.tmp $@

man/echod.conf.5: man/echod.conf.5.in Makefile
	$(substitute) $(srcdir)/man/echod.conf.5.in >$@.tmp && mv $@.tmp $@

man/echoprobe.1: man/echoprobe.1.in Makefile
	$(substitute) $(srcdir)/man/echoprobe.1.in >$@.tmp && mv $@.tmp $@
