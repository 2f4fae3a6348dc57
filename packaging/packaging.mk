# What makes something to install out of what was built.

UNITDIR ?= $(PREFIX)/lib/systemd/system

# Sockets and services, for each program of cgi-bin and the worker.
install-units:
	packaging/systemd/make-units $(DESTDIR)$(UNITDIR) $(PREFIX)/bin $(PREFIX)/libexec/hallpass/cgi-bin \
		$(PREFIX)/share/doc/hallpass

.PHONY: install-units
