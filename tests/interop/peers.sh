# Sourced by the tests that run programs of others: gets one by its recipe in peers/, or skips the test.
#
#   peers BUILD_ROOT RECIPE…    sets $peer_bin

peers() {
	local build=$1 recipe status
	shift
	mkdir -p "$build/peers"
	for recipe in "$@"; do
		status=0
		flock "$build/peers/lock" bash "$(dirname "${BASH_SOURCE[0]}")/peers/$recipe.sh" "$build/peers" >"$build/peers/$recipe.log" 2>&1 || status=$?
		if [ "$status" = 77 ]; then
			echo "SKIP: $(tail -n 1 "$build/peers/$recipe.log")"
			exit 77
		elif [ "$status" != 0 ]; then
			tail -n 20 "$build/peers/$recipe.log"
			exit 1
		fi
	done
	peer_bin=$build/peers/bin
}

# A TCP port that nobody has.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
