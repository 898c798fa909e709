# Sourced by tests with several machines that share a cluster, which is `sluice serve`.

server=0
stop_server() {
	[ "$server" = 0 ] || { kill "$server" && wait "$server" || true; }
	server=0
}
trap 'status=$?; stop_server; rm -rf "$work"; exit $status' EXIT

# serve STORE [OPTIONS…]: the cluster
serve() {
	local store=$1
	shift
	SLUICE_CACHE=$work/$store XDG_CONFIG_HOME=$work/none "$SLUICE" "$@" serve --listen "unix:$work/cluster.sock" >"$work/serve.out" 2>"$work/serve.err" &
	server=$!
	for _ in $(seq 100); do
		grep -q Listening "$work/serve.out" && return
		sleep 0.05
	done
	fail "the cluster starts"
	cat "$work/serve.err"
	exit 1
}
lacks() {
	! contains "$@"
}
# configure TEXT: of the machines
configure() {
	mkdir -p "$work/config"
	cat >"$work/config/sluice.conf"
}
machine() {
	export SLUICE_CACHE=$work/machine-$1
}
