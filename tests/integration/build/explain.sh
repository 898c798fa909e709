#!/bin/bash
# `cache explain`: who made a result, for whom, and for which environment; what hostile clients say of themselves; and its end with the result.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/integration/build/clients.sh
source "$here/clients.sh"

host_root "$work/root" sh cat mkdir ls touch cp rm id head "$REAPI_CLIENT"
new_project


client writer base.bst trusted <<'END'
export REAPI_TOOL='bazel 7.4.1' REAPI_TARGET=//some:target REAPI_MNEMONIC=CppCompile REAPI_INVOCATION=1234-5678
action=$(echo the action | put)
r make-result bin/out=$(echo output | put) >/tmp/result
r update $action /tmp/result >/dev/null
r lookup $action >/dev/null
echo $action >$out/action
END
check "a trusted client stores a result" builds writer.bst
check "checkout" checkout writer.bst --deps none
action=$(cat "$work/out/action")

sluice cache explain "$action"
check "it is explained by its client's digest" test "$status" -eq 0
for line in "Made by:       a client that may store results" "Element:       writer.bst (project test)" "Tool:          bazel 7.4.1" \
	"Target:        //some:target" "Mnemonic:      CppCompile" "Invocation:    1234-5678" "Action:        $action" "bin/out " \
	"System:        linux, x86-64" "User:          0:0" "Scope:         full"; do
	check "explained: $line" contains "$work/output" "$line"
done
key=$(sed -n 's/^  Key: *//p' "$work/output")
environment=$(sed -n 's/^  Environment: *//p' "$work/output")
check "the key is another" test "$key" != "$action"
cp "$work/output" "$work/by-action"
sluice cache explain "$key"
check "by its key, the same" cmp "$work/output" "$work/by-action"
sluice cache explain "${key:0:10}"
check "by the beginning of its key" cmp "$work/output" "$work/by-action"
sluice cache explain "${action:0:10}"
check "by the beginning of the action" cmp "$work/output" "$work/by-action"
sluice cache explain --json "$key"
check "as JSON" python3 - "$work/output" "$key" "$action" "$environment" <<'END'
import json, sys
text = open(sys.argv[1]).read()
result, = json.loads(text[text.index("{"):])["results"]
assert result["key"] == sys.argv[2] and result["action"] == sys.argv[3] and result["environment"] == sys.argv[4], result
assert result["made-by"] == "client" and result["element"] == "writer.bst (project test)", result
assert result["environment-contents"]["scope"] == "full" and result["outputs"][0].startswith("bin/out "), result
END
sluice cache explain writer.bst
check "by element" test "$status" -eq 0
for line in "Hits:          1" "Lookups:       1" "Environment:   $environment" "Stored by it:  1" "${key:0:16}" "CppCompile  //some:target"; do
	check "the element: $line" contains "$work/output" "$line"
done

# The same action executed by sluice in another environment: the action has two results.
client executor base.bst <<'END'
export REAPI_TOOL=tool REAPI_MNEMONIC=Genrule
root=$(r make-directory files in.txt=$(echo input | put) | put)
action=$(r make-action $(r make-command env=PATH=/usr/bin:/bin out=made -- cp in.txt made | put) $root | put)
r execute $action >/dev/null
r execute $action >/dev/null
echo $action >$out/action
END
other_environment
sed 's/base\.bst/other.bst/' "$work/project/elements/executor.bst" >"$work/project/elements/executor2.bst"
check "sluice executes" builds executor.bst executor2.bst
check "checkout" checkout executor.bst --deps none
action=$(cat "$work/out/action")
sluice cache explain "$action"
check "both results of the action" test "$(grep -c '^Result' "$work/output")" -eq 2
check "who made it" contains "$work/output" "Made by:       sluice: it executed the action"
check "for the first" contains "$work/output" "Element:       executor.bst (project test)"
check "and the second" contains "$work/output" "Element:       executor2.bst (project test)"
check "what it ran" contains "$work/output" "Command:       cp in.txt made"
check "two environments" test "$(sed -n 's/^  Environment: *//p' "$work/output" | sort -u | wc -l)" -eq 2

# What is not known, not clear, or no key at all.
sluice cache explain "$(printf '%064d' 0)"
check_not "a key that there is not" test "$status" -eq 0
check "and what to do" contains "$work/output" "sluice cache explain ELEMENT"
sluice cache explain "${environment:0:64}/${environment#*/}"
check "a blob is none" contains "$work/output" "which is a blob of the cache"
sluice cache explain "$key-no"
check_not "no digest" test "$status" -eq 0
sluice cache explain none.bst
check "no element" contains "$work/output" "none.bst"
sluice cache explain base.bst
check "an element without action-proxy" contains "$work/output" "had no action-proxy"
sluice cache explain
check "nothing" contains "$work/output" 'Missing argument "KEY|ELEMENT"'
sluice cache explain "${key%/*}/1"
check_not "another size" test "$status" -eq 0
client unbuilt base.bst <<<true
sluice cache explain unbuilt.bst
check "what is not built" contains "$work/output" "sluice build"

# Clients that lie in wait for the terminal, and for memory.
client hostile base.bst trusted <<'END'
big=$(head -c 20000 /dev/zero | sed 's/\x00/x/g')
export REAPI_TOOL='evil\033[2J\r\nElement: fake.bst' REAPI_TARGET="$big" REAPI_MNEMONIC='\302\233A\342\200\256B\033]0;title\007'
action=$(echo a hostile action | put)
r make-result 'bin/\033[31m=$(echo output | put)' >/dev/null 2>&1 || true
r make-result "$(printf 'bin/\033[31mred\nKey: no')=$(echo output | put)" >/tmp/result
r update $action /tmp/result >/dev/null
echo $action >$out/action
# 100 KB of metadata are refused with the call
REAPI_MNEMONIC=$(head -c 100000 /dev/zero | sed 's/\x00/y/g')
if r lookup $action >/dev/null 2>$out/refused; then exit 3; fi
END
host_root "$work/root" sed
new=$work/project/files/base
cp -a "$work/root/." "$new/"
check "a hostile client" builds hostile.bst
check "checkout" checkout hostile.bst --deps none
sluice cache explain "$(cat "$work/out/action")"
check "explained" test "$status" -eq 0
check_not "no escapes" grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' "$work/output"
check_not "no lines of its own" grep -q '^Element:\|^ *Key: no' "$work/output"
check "a name is short" test "$(sed -n 's/^  Target: *//p' "$work/output" | tee "$work/target" | wc -c)" -le 300 -a -s "$work/target"
check "enough is left to see" contains "$work/output" "evil"

# It goes with its result.
check "gc" sluice cache gc --all
sluice cache explain "$key"
check_not "what was evicted is not known any more" test "$status" -eq 0

finish
