#!/bin/bash
# A cluster behind the action-proxies, made of `sluice serve`: two machines share results through it, another environment never gets them, and what is
# wrong with the cluster or its configuration is said once, with its place.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/integration/build/clients.sh
source "$here/clients.sh"
# shellcheck source=tests/integration/build/machines.sh
source "$here/machines.sh"
host_root "$work/root" sh cat mkdir ls touch cp rm id sleep "$REAPI_CLIENT"
new_project
other_environment
client_prelude='echo the action >/tmp/action
action=$(r digest /tmp/action)'
client writer base.bst trusted <<'END2'
echo output >/tmp/output
output=$(reapi-client $server put /tmp/output)
reapi-client $server make-result bin/out=$output >/tmp/result
reapi-client $server update $action /tmp/result
touch $out/done
END2
client reader base.bst trusted <<'END2'
reapi-client $server lookup $action >$out/found
reapi-client $server get $(echo output >/tmp/o; reapi-client $server digest /tmp/o) >$out/contents
END2
missing='if reapi-client $server lookup $action >$out/found; then exit 3; fi; test ! -s $out/found'
client other-root other.bst trusted <<<"$missing"

# ---- shared
configure <<END2
cache:
  storage-service:
    url: unix:$work/cluster.sock
    push: true
END2
serve store
machine one
check "the first machine builds" builds writer.bst
check "it gives its results at the end, at the latest" contains "$work/output" "results"
machine two
check "the second machine builds" builds reader.bst
check "it had a hit of the cluster" contains "$work/output" "Cluster: 1 lookups, 1 hits"
check "checkout" checkout reader.bst --deps none
check "the result is the writer's" grep -q bin/out "$work/out/found"
check "with its contents" grep -qx output "$work/out/contents"
check "another environment finds nothing" builds other-root.bst
check "and was told so by the cluster" contains "$work/output" "Cluster: 1 lookups, 0 hits"
check "no warning" lacks "$work/output" WARNING

# ---- not pushed
stop_server
serve store2
configure <<END2
cache:
  storage-service:
    url: unix:$work/cluster.sock
END2
machine three
check "without push" builds writer.bst
machine four
check "nothing is given" bash -c "! (cd '$work/project' && '$SLUICE' --no-colors build reader.bst)"

# ---- BuildStream's other way to say it
configure <<END2
remote-execution:
  storage-service:
    url: unix:$work/cluster.sock
  action-cache-service:
    url: unix:$work/cluster.sock
    push: true
END2
machine five
check "remote-execution without an execution-service" builds writer.bst
machine six
check "shares as well" builds reader.bst

# ---- down
stop_server
client many base.bst trusted <<'END2'
for i in 1 2 3 4 5 6 7 8; do
	echo $i >/tmp/action
	if reapi-client $server lookup $(reapi-client $server digest /tmp/action) >/tmp/found 2>&1; then exit 3; fi
	reapi-client $server make-result >/tmp/result
	reapi-client $server update $(reapi-client $server digest /tmp/action) /tmp/result
done
touch $out/done
END2
machine one
check "the cluster is down: work goes on" builds many.bst
check "one warning" test "$(grep -c WARNING "$work/output")" = 1
check "with the place" grep -q "WARNING.*sluice.conf \[line 3 column 9\]: storage-service unix:$work/cluster.sock: it does not answer" "$work/output"
check "results wait" contains "$work/output" "8 results wait"
serve store3
check "the next build" builds reader.bst many.bst
check "has no warning" lacks "$work/output" WARNING
check "and gives what waited" contains "$work/output" "8 more results"

# ---- down in the middle of a build
client middle base.bst trusted <<'END2'
echo before >/tmp/action
if reapi-client $server lookup $(reapi-client $server digest /tmp/action) >/tmp/found 2>&1; then exit 3; fi
echo stop >%{build-root}/stop
sleep 3
for i in 1 2 3 4 5 6; do
	echo $i.middle >/tmp/action
	if reapi-client $server lookup $(reapi-client $server digest /tmp/action) >/tmp/found 2>&1; then exit 3; fi
done
touch $out/done
END2
machine one
(sleep 2; kill -9 "$server") &
check "the cluster dies in the middle of a build" builds middle.bst
wait "$server" 2>/dev/null || true
server=0
check "one warning then" test "$(grep -c WARNING "$work/output")" = 1
check "that it fails" contains "$work/output" "it fails; work goes on without it"

# ---- full
if unshare -rm true 2>/dev/null; then
	mkdir -p "$work/small"
	unshare -rm bash -c "mount -t tmpfs -o size=4m none '$work/small' && SLUICE_CACHE='$work/small/cache' XDG_CONFIG_HOME='$work/none' exec '$SLUICE' serve --listen 'unix:$work/cluster.sock'" \
		>"$work/serve.out" 2>"$work/serve.err" &
	server=$!
	for _ in $(seq 100); do
		grep -q Listening "$work/serve.out" && break
		sleep 0.05
	done
	client filler base.bst trusted <<'END2'
cat /usr/bin/reapi-client /usr/bin/reapi-client /usr/bin/reapi-client /usr/bin/reapi-client >/tmp/part
for i in 1 2 3 4 5 6 7 8; do
	{ echo $i; cat /tmp/part; } >/tmp/big
	echo $i.filler >/tmp/action
	reapi-client $server make-result big=$(reapi-client $server put /tmp/big) >/tmp/result
	reapi-client $server update $(reapi-client $server digest /tmp/action) /tmp/result
done
touch $out/done
END2
	machine eight
	check "the cluster is full: work goes on" builds filler.bst
	check "one warning for that" test "$(grep -c WARNING "$work/output")" = 1
	check "that says it" contains "$work/output" "it takes nothing more; results stay here until it does"
	check "results wait for it" contains "$work/output" "results wait"
	stop_server
else
	echo "SKIP: no user namespaces here, so no small disk can be made"
fi

# ---- demanded
configure <<END2
cache:
  storage-service:
    url: unix:$work/cluster.sock
sluice:
  remote:
    required: true
END2
machine seven
check_not "a cluster that is down and was demanded fails the build" builds writer.bst
check "with the place" contains "$work/output" "sluice.conf [line 3 column 9]: storage-service unix:$work/cluster.sock: it does not answer"
check "at its start" lacks "$work/output" "Running commands"

# ---- mistakes: refused at the start
# mistake TEXT: what the error says; the configuration comes on standard input
mistake() {
	configure
	check_not "refused: $1" builds writer.bst
	check "says: $1" contains "$work/output" "$1"
}
mistake "sluice.conf [line 3 column 9]: storage-service: \"ftp://there\" is no address of a server" <<<$'cache:\n  storage-service:\n    url: ftp://there'
mistake "sluice.conf [line 5 column 19]: storage-service: cannot read $work/absent" <<<$'cache:\n  storage-service:\n    url: https://there\n    auth:\n      server-cert: '"$work/absent"
mistake "'client-key' was specified without 'client-cert'" <<<$'cache:\n  storage-service:\n    url: https://there\n    auth:\n      client-key: k'
mistake "access-token would be sent in the clear" <<<$'cache:\n  storage-service:\n    url: http://there\n    auth:\n      access-token: '"$work/config/sluice.conf"
mistake "Remote execution requires 'storage-service'" <<<$'remote-execution:\n  action-cache-service:\n    url: http://there'
mistake "At least one of" <<<$'remote-execution:\n  storage-service:\n    url: http://there'
mistake "Unexpected key: push" <<<$'remote-execution:\n  storage-service:\n    url: http://there\n    push: true'
mistake "Unexpected key: requird" <<<$'sluice:\n  remote:\n    requird: true'
finish
