# Sourced by tests with clients of the action-proxies, behind lib.sh: elements whose scripts are clients.
[ -x "${REAPI_CLIENT:?}" ] || {
	echo "SKIP: no test client"
	exit 77
}

# What the scripts of a test know beside `client`'s own: set by the test.
client_prelude=

# client NAME BASE [cache-writes] [build-uid]: an element with a client that runs the script on the standard input.  It has $server, $out (the artifact),
# r (the client, with its server), put (a message on its standard input, into the store).
client() {
	{
		cat <<-END
			kind: manual
			build-depends:
			- $2
			sandbox:
			  remote-apis-socket:
			    path: /run/reapi/socket
		END
		[ -z "${4-}" ] || printf '  build-uid: %s\n  build-gid: %s\n' "$4" "$4"
		[ -z "${3-}" ] || printf 'public:\n  sluice:\n    cache-writes: %s\n' "$3"
		printf 'config:\n  install-commands:\n  - |\n    out=%%{install-root}\n'
		{
			cat <<-'END'
				server=unix:/run/reapi/socket
				export HOME=/tmp
				r() { reapi-client $server "$@"; }
				put() { r put -; }
			END
			printf '%s\n' "$client_prelude"
			cat
		} | sed 's/^/    /'
	} | element "$1.bst"
}
