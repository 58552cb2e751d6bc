# The administrator's file is never replaced, and removed only if it is still
# the one that was installed.

EXTRA_DIST += etc/echod.conf
installed_config = $(DESTDIR)$(sysconfdir)/echod.conf

install-data-local:
	@$(MKDIR_P) '$(DESTDIR)$(sysconfdir)'
	@if test -e '$(installed_config)'; then \
		echo ' keeping $(installed_config)'; \
	else \
		echo ' $(INSTALL_DATA) etc/echod.conf $(installed_config)'; \
		$(INSTALL_DATA) $(srcdir)/etc/echod.conf '$(installed_config)'; \
	fi

uninstall-local:
	@if cmp -s $(srcdir)/etc/echod.conf '$(installed_config)'; then \
		echo " rm -f $(installed_config)"; \
		rm -f '$(installed_config)'; \
	elif test -e '$(installed_config)'; then \
		echo ' keeping $(installed_config), which was changed'; \
	fi

examples = \
	etc/examples/alerts.yml \
	etc/examples/bad-server.conf \
	etc/examples/grafana-dashboard.json \
	etc/examples/haproxy.cfg \
	etc/examples/load-balancer.conf \
	etc/examples/nftables.nft \
	etc/examples/nginx.conf \
	etc/examples/packets.conf \
	etc/examples/rfc862.conf \
	etc/examples/tls.conf \
	etc/examples/which-backend.conf
examplesdir = $(docdir)/examples
dist_examples_DATA = $(examples)

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = \
	etc/bash-completion/echod \
	etc/bash-completion/echoprobe
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_fishcompletion_DATA = \
	etc/fish-completion/echod.fish \
	etc/fish-completion/echoprobe.fish
# Debian's zsh looks into /usr/share/zsh/vendor-completions: see debian/rules.
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = \
	etc/zsh-completion/_echod \
	etc/zsh-completion/_echoprobe

# The installed daemon finds its own file, and likes it.
installcheck-local:
	test -n '$(DESTDIR)' || '$(sbindir)/echod' -t
	test -n '$(DESTDIR)' || '$(bindir)/echoprobe' -V
