# A certificate and its key that root alone may read: systemd hands them on.

make_certificate()
{
	inside install -d -m 700 /etc/echod/tls &&
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 30 -subj "/CN=$1" -keyout "$work/key.pem" \
		-out "$work/certificate.pem" &&
	for name in certificate.pem key.pem; do
		inside install -m 600 /dev/stdin "/etc/echod/tls/$name" \
			<"$work/$name" || return
	done
}

# With the client of this machine, which is in the container's network only.
say_by_tls()
{
	client=OPENSSL:127.0.0.1:25000,cafile=$work/certificate.pem
	printf %s "$1" | nsenter --net --target "$container_init" timeout 30 \
		socat -t 20 - "$client,commonname=$2"
}

for tool in openssl socat; do
	command -v $tool >/dev/null || { tap_skip "needs $tool"; return; }
done
check "a certificate that root alone may read" make_certificate first
check "echod starts afresh" echod_reset
check "LoadCredential=" drop_in \
	"LoadCredential=certificate.pem:/etc/echod/tls/certificate.pem
LoadCredential=key.pem:/etc/echod/tls/key.pem"
check "its names stand in the file" echod_edit \
	's/#certificate = ""/certificate = "certificate.pem"/
	s/#key = ""/key = "key.pem"/'
check "systemctl restart echod" inside systemctl restart echod
expect "TLS is spoken with it" GOT:Hello say_by_tls Hello first
check "echod -t passes over them outside the unit" inside echod -t
check "echod -t with the credentials of the unit" inside \
	env CREDENTIALS_DIRECTORY=/run/credentials/echod.service echod -t
check "echod -t with the files" inside \
	env CREDENTIALS_DIRECTORY=/etc/echod/tls echod -t
check "systemctl reload echod" inside systemctl reload echod
check "echod could not have read it" fails inside \
	setpriv --reuid "$(inside ps -o uid= -p "$(property MainPID)")" \
	--clear-groups cat /etc/echod/tls/key.pem
check "another certificate" make_certificate second
check "systemctl restart echod" inside systemctl restart echod
expect "TLS is spoken with that" GOT:Hello say_by_tls Hello second
check "no LoadCredential=" drop_in ""
check "systemctl restart echod fails" fails inside systemctl restart echod
check "and the journal says why" eventually prints_line \
	"tls.certificate: .*certificate.pem" journal
check "rm -r /etc/echod" inside rm -r /etc/echod
check "echod starts afresh" echod_reset
