# What makes something to install out of what was built.

UNITDIR ?= $(PREFIX)/lib/systemd/system
LOGDIR  ?= /var/log/nginx
NGINXDIR = $(PREFIX)/share/hallpass/nginx

# Sockets and services, for each program of cgi-bin and the worker.
install-units:
	packaging/systemd/make-units $(DESTDIR)$(UNITDIR) $(PREFIX)/bin $(PREFIX)/libexec/hallpass/cgi-bin \
		$(PREFIX)/share/doc/hallpass

# The rows of families that are not part of this version go.
ROWS_KEPT = \($(subst $() ,\|,$(basename $(notdir $(wildcard cgi-bin/*.c))))\);$$

install-site:
	install -d $(DESTDIR)$(NGINXDIR)
	for file in nginx/*.conf; do \
		sed -e '/^map $$uri /,/^}/{/^\t[~/]/{/ $(ROWS_KEPT)/!d}}' \
			-e 's|@SOCKETS@|/run/hallpass|; s|@LOGS@|$(LOGDIR)|; s|@NGINX@|$(NGINXDIR)|' \
			-e 's|@DOCS@|$(PREFIX)/share/hallpass/docs|' $$file \
			>$(DESTDIR)$(NGINXDIR)/$${file##*/} || exit 1; \
	done

# Alert rules for Prometheus and a dashboard for Grafana.
install-monitoring:
	install -d $(DESTDIR)$(PREFIX)/share/hallpass/monitoring
	install -m 644 packaging/monitoring/* $(DESTDIR)$(PREFIX)/share/hallpass/monitoring/

# A Debian package, in $(BUILD); with the reference of the API where there is npm to draw it.
deb:
	@scripts/deps package
	$(if $(shell command -v npm),$(SUBMAKE) docs)
	@packaging/make-deb $(BUILD)

# A folder to upload to a web host with Apache, in $(BUILD).
cgi-bundle: all
	@packaging/cgi/make-cgi-bundle $(BUILD)

.PHONY: install-units install-site install-monitoring deb cgi-bundle
