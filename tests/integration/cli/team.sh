# Sourced by the tests of `serve` for teams, after lib.sh: certificates, tokens, servers and clients.
# shellcheck shell=bash disable=SC2154

CLIENT=$(realpath "$2")
project=$work
unset REAPI_CA REAPI_CERT REAPI_KEY REAPI_TOKEN

# certificate NAME SUBJECT [AUTHORITY]: NAME.crt and NAME.key, signed by ca.
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -out "$work/$1.csr" \
		-subj "$2" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:$1.example" 2>/dev/null
	openssl x509 -req -in "$work/$1.csr" -CA "$work/${3:-ca}.crt" -CAkey "$work/${3:-ca}.key" -CAcreateserial -days 30 \
		-copy_extensions copy -out "$work/$1.crt" 2>/dev/null
	chmod 600 "$work/$1.key"
}
# authority NAME
authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -out "$work/$1.crt" \
		-subj "/CN=$1" -days 30 2>/dev/null
}
write_token=writes-0123456789abcdef
read_token=reads-0123456789abcdef
make_tokens() {
	printf '# who may what\nci read-write %s\n\ndev read sha256:%s # of a laptop\n' "$write_token" \
		"$(printf %s "$read_token" | sha256sum | cut -d' ' -f1)" >"$work/tokens"
	chmod 600 "$work/tokens"
}

# start_server OPTIONS…: leaves $server, $address (of the first TCP listener) and $metrics.
start_server() {
	last="serve $*"
	: >"$work/server-out"
	"$SLUICE" --cache "$work/cache" serve "$@" >"$work/server-out" 2>"$work/server-err" </dev/null &
	server=$!
	pids+=("$server")
	wait_for 20 grep -q '^Listening on' "$work/server-out" || {
		cat "$work/server-err"
		fail "the server does not start"
	}
	address=$(sed -n 's/^Listening on \(127.*\)/\1/p' "$work/server-out" | head -n 1)
	wait_for 5 test ! -s "$work/wants-metrics" -o -n "$(sed -n 's/^Metrics on//p' "$work/server-out")"
	metrics=$(sed -n 's,^Metrics on http://\(.*\)/metrics,\1,p' "$work/server-out")
}
stop_server() {
	kill -TERM "$server"
	wait "$server"
	status=$?
}

# call STATUS [NAME=VALUE…] -- ARGUMENTS of reapi-client behind the address.
call() {
	local expected=$1
	local -a variables=()
	shift
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	shift
	last="${variables[*]} reapi-client $*"
	env "${variables[@]}" "$CLIENT" "$address" "$@" >"$work/out" 2>"$work/err"
	status=$?
	checks=$((checks + 1))
	if [ "$expected" = OK ]; then
		[ $status -eq 0 ] || fail "$last: status $status"
	else
		grep -q "^$expected: " "$work/err" || fail "$last: not $expected"
	fi
}
