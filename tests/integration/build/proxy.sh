#!/bin/bash
# The action-proxy in a sandbox: who sees whose results, over both ways in, and what is counted.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/integration/build/clients.sh
source "$here/clients.sh"

host_root "$work/root" sh cat mkdir ls touch cp rm id "$REAPI_CLIENT"
new_project
other_environment

client_prelude='echo the action >/tmp/action
action=$(r digest /tmp/action)'

client writer base.bst trusted <<'END'
reapi-client $server capabilities
if reapi-client $server lookup $action >/tmp/found; then exit 3; fi
echo output >/tmp/output
output=$(reapi-client $server put /tmp/output)
reapi-client $server make-result bin/out=$output >/tmp/result
reapi-client $server update $action /tmp/result
reapi-client $server lookup $action >$out/found
END
check "a trusted client writes" builds writer.bst
check "its calls are counted" contains "$work/output" "2 lookups, 1 hits, 1 misses"
check "its log has the account" sluice artifact log writer.bst
check "its log has the account of writes" contains "$work/output" "1 stored"

client reader base.bst <<'END'
reapi-client $server lookup $action >$out/found
# the same over TCP
reapi-client 127.0.0.1:8980 lookup $action >$out/tcp
END
check "another element on the same root reads it" builds reader.bst
check "checkout" checkout reader.bst --deps none
check "the result is the writer's" grep -q bin/out "$work/out/found"
check "TCP gives the same" cmp "$work/out/found" "$work/out/tcp"

missing='if reapi-client $server lookup $action >$out/found; then exit 3; fi; test ! -s $out/found'
client other-root other.bst <<<"$missing"
check "one more file in the root: nothing is found" builds other-root.bst
client other-uid base.bst '' 1000 <<<"$missing"
check "another uid: nothing is found" builds other-uid.bst

client untrusted base.bst <<'END'
echo other >/tmp/other
other=$(reapi-client $server put /tmp/other)
reapi-client $server make-result bin/out=$other >/tmp/result
if reapi-client $server update $action /tmp/result; then exit 3; fi
reapi-client $server lookup $action >$out/found
END
check "an untrusted client cannot write" builds untrusted.bst
check "it is told" contains "$work/output" "results were refused"

client bad base.bst sometimes <<<"true"
sluice build bad.bst
check_not "a wrong policy is refused" test "$status" -eq 0
check "a wrong policy is named" contains "$work/output" "cache-writes must be one of"

element none.bst <<'END'
kind: manual
build-depends:
- base.bst
config:
  build-commands:
  - test ! -e /run/reapi
  - if reapi-client 127.0.0.1:8980 capabilities; then exit 3; fi
END
check "no socket unless asked for" builds none.bst

sluice shell --build reader.bst -- sh -c 'echo the action >/tmp/action; reapi-client unix:/run/reapi/socket lookup $(reapi-client x digest /tmp/action)'
check "a shell has the socket too" test "$status" -eq 0

finish
