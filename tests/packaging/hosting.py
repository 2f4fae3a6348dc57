"""What somebody who rents out web space sets up on a fresh Debian: Apache, ssh and a cron for a customer's account."""

from certificate_authority import make_certificate, trust

ACCOUNT = "customer"
HOME = f"/home/{ACCOUNT}"
WEB = "public_html"

SITE = """<VirtualHost *:443>
	ServerName {domain}
	SSLEngine on
	SSLCertificateFile /etc/apache2/certificate.pem
	SSLCertificateKeyFile /etc/apache2/key.pem
	DocumentRoot {home}/{web}
	{environment}
	<Directory {home}/{web}>
		AllowOverride FileInfo Indexes Options=ExecCGI,Indexes,MultiViews
		Require all granted
	</Directory>
</VirtualHost>
"""


def set_up(machine, directory, domain, settings):
    """`settings` are in the environment of all that the customer runs. root may log in to the account."""
    certificate = make_certificate(directory, domain)
    trust(machine, "site", certificate.read_bytes())
    machine.run("apt-get", "update")
    machine.run("apt-get", "install", "--yes", "--no-install-recommends", "apache2", "openssh-client", "openssh-server",
                "rsync")
    add_account(machine, settings)
    let_root_in(machine, domain)
    serve(machine, directory, domain, settings)


def add_account(machine, settings):
    machine.run("useradd", "--create-home", "--shell", "/bin/bash", ACCOUNT)
    machine.run("runuser", "-u", ACCOUNT, "--", "mkdir", "-p", f"{HOME}/{WEB}", f"{HOME}/.ssh")
    with open(machine.path("/etc/environment"), "a") as environment:
        environment.writelines(f"{name}={value}\n" for name, value in settings.items())


def let_root_in(machine, domain):
    """With a key, to a host that root has been to before."""
    machine.run("mkdir", "-p", "-m", "700", "/root/.ssh")
    machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519")
    machine.run("cp", "/root/.ssh/id_ed25519.pub", f"{HOME}/.ssh/authorized_keys")
    host_key = machine.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text()
    machine.path("/root/.ssh/known_hosts").write_text(f"{domain} {host_key}")


def serve(machine, directory, domain, settings):
    """Everything that Apache runs there runs as the customer."""
    for name in ("certificate.pem", "key.pem"):
        machine.path(f"/etc/apache2/{name}").write_bytes((directory / name).read_bytes())
    machine.path("/etc/apache2/sites-available/customer.conf").write_text(SITE.format(
        domain=domain, home=HOME, web=WEB, environment="\n\t".join(
            f"SetEnv {name} {value}" for name, value in settings.items())))
    machine.run("sed", "-i", f"s/APACHE_RUN_\\(USER\\|GROUP\\)=.*/APACHE_RUN_\\1={ACCOUNT}/", "/etc/apache2/envvars")
    machine.run("a2enmod", "--quiet", "cgid", "ssl")
    machine.run("a2dissite", "--quiet", "000-default")
    machine.run("a2ensite", "--quiet", "customer")
    machine.run("systemctl", "restart", "apache2")
