# A real Prometheus scrapes it: this machine's, in the container's network.

if ! command -v prometheus >/dev/null; then
	tap_skip "needs prometheus (package prometheus)"
	return
fi

# monitoring COMMAND...: of this machine, where the container's network is
monitoring()
{
	nsenter --net --target "$container_init" "$@"
}

check "echod starts afresh" echod_reset
check "edit the file" echod_edit 's/#listen = "";/listen = "127.0.0.1:25080";/'
check "systemctl reload echod" inside systemctl reload echod
expect "a client gets its echo" GOT:Hello say Hello 127.0.0.1 25000

mkdir "$work/prometheus"
cat >"$work/prometheus/prometheus.yml" <<EOT
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: echod
    static_configs: [ { targets: [ "127.0.0.1:25080" ] } ]
EOT
monitoring setpriv --pdeathsig TERM prometheus \
	--config.file="$work/prometheus/prometheus.yml" \
	--storage.tsdb.path="$work/prometheus/data" \
	--web.listen-address=127.0.0.1:25090 \
	>"$work/prometheus/log" 2>&1 &
prometheus=$!

# value QUERY: what Prometheus knows of it, without labels and time
value()
{
	monitoring promtool query instant http://127.0.0.1:25090 "$1" |
		sed -n 's/.*=> \([^ ]*\) @.*/\1/p'
}
check "Prometheus finds echod up" eventually prints 1 value 'up{job="echod"}'
check "it knows of the client" \
	eventually prints 1 value 'echod_connections_total'
check "and why that left" eventually prints 1 \
	value 'echod_connections_closed_total{reason="eof"}'
expect "and of the reload" 1 value 'echod_config_reloads_total{result="ok"}'
kill "$prometheus" || :
wait "$prometheus" || :

check "echod starts afresh" echod_reset
