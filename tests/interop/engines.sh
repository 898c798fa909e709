# Sourced by the tests that need an engine behind the action-proxies, after tests/integration/build/lib.sh and peers.sh: starts it by its name, below $work,
# and configures machines that use it.
#
#   engine NAME SOURCE_ROOT BUILD_ROOT      gets it, or skips the test
#
#   local          none: there is only the store
#   bazel-remote   a cache
#   buildbarn      executes; the operator says that the workers have the environment
#   buildbarn-chroot   its runner chroots into the input root
#   buildgrid      BuildGrid with buildbox-worker, which merges the chrootRootDigest
#
# Sets $engine, $port, $engine_environment (how the environment gets there) and $engine_executes.

# shellcheck source=tests/integration/build/clients.sh
source "$source_root/tests/integration/build/clients.sh"

engine=
engine_pid=0
engine() {
	engine=$1
	engine_scripts=$2/tests/interop/peers
	engine_executes=false
	engine_environment=none
	port=$(free_port)
	case $engine in
	local) ;;
	bazel-remote) peers "$3" bazel-remote ;;
	buildbarn) engine_executes=true engine_environment=image ;;
	buildbarn-chroot) engine_executes=true engine_environment=input-root ;;
	buildgrid) engine_executes=true engine_environment=chroot-root-digest ;;
	*) exit 2 ;;
	esac
	if [ "$engine_environment" != none ] && [ "$engine_environment" != image ] && [ "$(id -u)" != 0 ]; then
		echo "SKIP: $engine needs root on the worker"
		exit 77
	fi
	case $engine in
	buildbarn*) peers "$3" buildbarn ;;
	buildgrid) peers "$3" buildgrid buildgrid-sql buildbox-debian ;;
	esac
	chmod 755 "$work"
	trap 'status=$?; engine_stop; rm -rf "$work"; exit $status' EXIT
}

# engine_launch [OPTIONS…]: of the program, where it takes some
engine_launch() {
	case $engine in
	local) ;;
	bazel-remote)
		rm -f "$work/http.sock"
		"$peer_bin/bazel-remote" --dir "$work/store" --max_size 1 --storage_mode uncompressed --grpc_address "127.0.0.1:$port" \
			--http_address "unix://$work/http.sock" "$@" >"$work/start.log" 2>&1 &
		engine_pid=$!
		for _ in $(seq 100); do
			(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
			sleep 0.05
		done
		return 1
		;;
	buildbarn*)
		BB_PORT=$port BB_CHROOT=$([ "$engine" = buildbarn ] && echo 0 || echo 1) bash "$engine_scripts/buildbarn/start.sh" \
			"$peer_bin" "$work/cluster" >"$work/start.log" 2>&1
		;;
	buildgrid) BGD_PORT=$port bash "$engine_scripts/buildgrid/start.sh" "$peer_bin" "$work/cluster" >"$work/start.log" 2>&1 ;;
	esac
}

engine_start() {
	local status=0
	engine_launch "$@" || status=$?
	[ "$status" != 77 ] || {
		echo "SKIP: $(tail -n 1 "$work/start.log")"
		exit 77
	}
	[ "$status" = 0 ] || {
		cat "$work/start.log"
		fail "$engine starts"
		exit 1
	}
}

engine_stop() {
	case $engine in
	bazel-remote)
		[ "$engine_pid" = 0 ] || { kill "$engine_pid" && wait "$engine_pid" || true; } 2>/dev/null
		engine_pid=0
		;;
	buildbarn*) bash "$engine_scripts/buildbarn/start.sh" --stop "$work/cluster" ;;
	buildgrid) bash "$engine_scripts/buildgrid/start.sh" --stop "$work/cluster" ;;
	esac
}

# engine_kill: without a chance to say good-bye (Buildbarn only)
engine_kill() {
	local name
	for name in worker runner scheduler storage; do kill -9 "$(<"$work/cluster/$name.pid")" 2>/dev/null || true; done
}

# configure [LINE OF sluice: remote:]: the machines use it
configure() {
	mkdir -p "$work/config"
	: >"$work/config/sluice.conf"
	[ "$engine" != local ] || return 0
	{
		cat <<-END
			remote-execution:
			  storage-service:
			    url: grpc://127.0.0.1:$port
			  action-cache-service:
			    url: grpc://127.0.0.1:$port
			    push: true
		END
		! $engine_executes || printf '  execution-service:\n    url: grpc://127.0.0.1:%s\n' "$port"
		printf 'sluice:\n  remote:\n    environment: %s\n    %s\n' "$engine_environment" "${1-}"
	} >"$work/config/sluice.conf"
}

# machine NAME: another store from now on
machine() {
	export SLUICE_CACHE=$work/machine-$1
}

lacks() {
	! contains "$@"
}

# compiler_root MARK: $work/root gets a C compiler with a header and with settings of its own that say MARK, and a client of the proxy
compiler_root() {
	local cc1 libexec
	command -v gcc >/dev/null || {
		echo "SKIP: no gcc here"
		exit 77
	}
	cc1=$(gcc -print-prog-name=cc1)
	libexec=$(dirname "$cc1")
	host_root "$work/root" sh cat mkdir ls touch cp rm id sleep env grep sed gcc as "$cc1" "${REAPI_CLIENT:?}" "${REAPI_HOSTILE:?}"
	mkdir -p "$work/root$libexec" "$work/root/usr/include" "$work/root/tmp" "$work/root/dev" "$work/root/proc"
	mv "$work/root/usr/bin/cc1" "$work/root$libexec/cc1"
	compiler_settings=$libexec/specs
	environment_says "$work/root" header "$1"
	environment_says "$work/root" compiler "$1"
}

# environment_says ROOT header|compiler MARK
environment_says() {
	case $2 in
	header) mkdir -p "$1/usr/include" && echo "#define HEADER \"header-$3\"" >"$1/usr/include/environment.h" ;;
	compiler) mkdir -p "$1$(dirname "$compiler_settings")" && printf '*cc1:\n+ -DCOMPILER=compiler_%s\n\n' "$3" >"$1$compiler_settings" ;;
	esac
}

client_prelude='# action ROOT OUTPUTS… -- WORDS…
action() {
  root=$1; shift
  command=$(r make-command env=PATH=/usr/bin:/bin env=TMPDIR=. "$@" | put)
  r make-action $command $root $limits | put
}
limits='
