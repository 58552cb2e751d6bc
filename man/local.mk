man_MANS += man/echod.8 man/echod.conf.5
CLEANFILES += man/echod.8 man/echod.conf.5
EXTRA_DIST += man/echod.8.in man/echod.conf.5.in

man/echod.8: man/echod.8.in Makefile
	$(substitute) $(srcdir)/man/echod.8.in >$@.tmp && mv $@.tmp $@

man/echod.conf.5: man/echod.conf.5.in Makefile
	$(substitute) $(srcdir)/man/echod.conf.5.in >$@.tmp && mv $@.tmp $@
