#!/bin/bash
# `build --audit-hits`: hits that are executed again.  A forged result, one that is right, one of an action that is not deterministic, one that cannot
# be executed; what is said of each, and what becomes of it.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/integration/build/clients.sh
source "$here/clients.sh"

host_root "$work/root" sh cat mkdir ls touch cp rm id sed sleep chmod "$REAPI_CLIENT"
new_project

client_prelude='root=$(r make-directory files in.txt=$(echo input | put) | put)
# action OUTPUTS… -- WORDS…
action() { r make-action $(r make-command env=PATH=/usr/bin:/bin "$@" | put) $root | put; }
# forge ACTION KEY=VALUE…
forge() { a=$1; shift; r make-result "$@" >/tmp/result; r update $a /tmp/result >/dev/null; }
copy=$(action out=made -- cp in.txt made)
echo $copy >$out/copy'
# explain ELEMENT-FILE: of the action that the last checkout names there
explain() { sluice cache explain "$(cat "$work/out/$1")"; }

# ---- A wrong result -------------------------------------------------------------------------------------------------------------

client forger base.bst trusted <<'END'
export REAPI_TOOL='forger 6.6.6' REAPI_TARGET=//evil:target
forge $copy made=$(echo forged | put)
END
look='export REAPI_TOOL="bazel 7.4.1" REAPI_TARGET=//my:lib REAPI_MNEMONIC=CppCompile
r lookup $copy >$out/found'
client victim base.bst <<<"$look"
client later base.bst <<<"$look # later"
check "a trusted client forges a result" builds forger.bst
sluice build --audit-hits 0 victim.bst
check "nothing is audited" test "$status" -eq 0
check_not "and nothing is said of it" contains "$work/output" "Audit"
sluice build --audit-hits 100 victim.bst
check "cached elements get no hits" test "$status" -eq 0
check_not "so nothing is audited" contains "$work/output" "Audit"
client victim2 base.bst <<<"$look # second"
sluice build --audit-hits 100 victim2.bst
cp "$work/output" "$work/audited"
check "the build goes on" test "$status" -eq 0
for line in "WARNING [audit-wrong]: the cached result" "(//my:lib) is wrong" "Differs:     made: cached file" "executed file" "Mnemonic:    CppCompile" \
	"Asked by:    bazel 7.4.1" "Made by:     a client that may store results" "element:   forger.bst (project test)" "tool:      forger 6.6.6" \
	"Audit Summary" "Wrong:             1" "The same:          0"; do
	check "told: $line" contains "$work/audited" "$line"
done
forged=$(echo forged | "$REAPI_CLIENT" x digest -)
true=$(echo input | "$REAPI_CLIENT" x digest -)
check "both digests" contains "$work/audited" "made: cached file $forged, executed file $true"
sluice artifact log victim2.bst
check "the element's log has it" contains "$work/output" "audit-wrong"
check "and the count" contains "$work/output" "Audit: 1 hits to be executed again: 0 the same, 1 wrong"
check "checkout" checkout victim2.bst --deps none
explain copy
check "it is known" contains "$work/output" "Audited:       differs: what was cached before was wrong"
check "with what it was" contains "$work/output" "made: cached file $forged, executed file $true"
check "and who had made it" contains "$work/output" "of element forger.bst, with forger 6.6.6"
check "ours took its place" contains "$work/output" "Made by:       sluice: it executed the action"
sluice build --audit-hits 100 later.bst
check "it is not served again" contains "$work/output" "1 the same, 0 wrong"
check "checkout" checkout later.bst --deps none
check "but ours" grep -q "${true%/*}" "$work/out/found"
client again base.bst trusted <<'END'
forge $copy made=$(echo forged | put)
r lookup $copy >$out/found
END
check "it is stored again" builds again.bst
check "and refused" contains "$work/output" "1 results were refused"
check "checkout" checkout again.bst --deps none
check "ours stays" grep -q "${true%/*}" "$work/out/found"
client other base.bst trusted <<'END'
forge $copy made=$(echo another | put)
r lookup $copy >$out/found
END
check "another wrong one is taken" builds other.bst
explain copy
check "what is known of the first stays" contains "$work/output" "made: cached file $forged"
client fourth base.bst <<<"$look # fourth"
sluice build --audit-hits 100 fourth.bst
check "until it is audited" contains "$work/output" "1 wrong"

# ---- Fatal ------------------------------------------------------------------------------------------------------------------------

cp "$work/project/project.conf" "$work/project.conf"
echo "fatal-warnings: [audit-wrong]" >>"$work/project/project.conf"
client other2 base.bst trusted <<'END'
forge $copy made=$(echo a third | put)
END
client strict base.bst <<<"$look # strict"
check "a third" builds other2.bst
sluice build --audit-hits 100 strict.bst
check "where it is fatal, the build fails" test "$status" -eq 255
check "with its reason" error_is PLUGIN audit-wrong
check "which is told" contains "$work/output" "(//my:lib) is wrong"
check_not "ours takes its place" contains "$work/output" "It was removed"
explain copy
check "it is there" contains "$work/output" "Made by:       sluice: it executed the action"
sluice build --audit-hits 100 strict.bst
check "it is not remembered: with the right result, it builds" test "$status" -eq 0
cp "$work/project.conf" "$work/project/project.conf"

# ---- Other verdicts -----------------------------------------------------------------------------------------------------------------

client right base.bst <<'END'
r execute $copy >/dev/null
a=$(action out=one -- sh -c 'cp in.txt one; chmod 755 one; echo said')
r execute $a >/dev/null
r execute $a >/dev/null
r execute $a >/dev/null
END
sluice build --audit-hits 100 right.bst
check "right results" contains "$work/output" "2 the same, 0 wrong"
check_not "no warning" contains "$work/output" "WARNING"
client unstable base.bst <<'END'
a=$(action out=id out=same -- sh -c 'cat /proc/sys/kernel/random/uuid >id; echo same >same')
r execute $a >/dev/null
r execute $a >/dev/null
echo $a >$out/unstable
a=$(action out=same -- sh -c 'cat /proc/sys/kernel/random/uuid; echo same >same')
r execute $a >/dev/null
r lookup $a >/dev/null
echo $a >$out/messages
END
sluice build --audit-hits 100 unstable.bst
check "an action that is not deterministic" contains "$work/output" "[audit-unstable]: the cached result"
check "its output" contains "$work/output" "id: cached file"
check_not "not the other one" contains "$work/output" "same: cached file"
check "other messages" contains "$work/output" "[audit-messages]: the cached result"
check "which stream" contains "$work/output" "standard output: cached"
check "both are counted" contains "$work/output" "0 the same, 0 wrong, 1 not deterministic, 1 with other messages"
check "checkout" checkout unstable.bst --deps none
explain unstable
check "it stays" contains "$work/output" "Audited:       differs: the action is not deterministic"
explain messages
check "and the other" contains "$work/output" "Audited:       the same outputs, but other messages"

# Directories, links and modes; an output that is not there, one that is too many; and a result of an action that fails.
client shapes base.bst trusted <<'END'
a=$(action out=dir out=link out=plain -- sh -c 'mkdir -p dir/sub; echo deep >dir/sub/file; ln -s in.txt link; echo plain >plain')
sub=$(r make-directory files file=$(echo deep | put) | put)
forged=$(r make-directory files file=$(echo deeper | put) | put)
forge $a plain=$(echo plain | put) extra=$(echo extra | put) root:dir=$(r make-directory directories sub=$forged | put)
r lookup $a >/dev/null
b=$(action out=x -- sh -c 'exit 3')
forge $b x=$(echo x | put)
r lookup $b >/dev/null
echo $b >$out/failing
END
host_root "$work/root" ln
cp -a "$work/root/." "$work/project/files/base/"
sluice build --audit-hits 100 shapes.bst
check "two wrong ones" contains "$work/output" "0 the same, 2 wrong"
for line in "dir/sub/file: cached file" "link: cached nothing, executed a link to in.txt" "extra: cached file" "executed nothing" "exit code: cached 0, executed 3" \
	"It was removed from this machine's action cache"; do
	check "told: $line" contains "$work/output" "$line"
done
check_not "what is right is not" contains "$work/output" "plain: cached"
check "checkout" checkout shapes.bst --deps none
explain failing
check "what was removed is known" contains "$work/output" "there is no result, only what is known of the one that was there"
client gone base.bst <<END
if r lookup $(cat "$work/out/failing") >/dev/null 2>&1; then exit 3; fi
END
check "and not found" builds gone.bst
client restored base.bst trusted <<END
forge $(cat "$work/out/failing") x=\$(echo x | put)
r lookup $(cat "$work/out/failing") >/dev/null
END
check "who makes it later, where nothing lacks, is not refused" builds restored.bst
check_not "nothing is said of a refusal" contains "$work/output" "refused"

# An entry that is another one when its audit ends; one that has the same outputs, in other bytes; and one in an element that writes nothing.
# audited NAME POLICY: of an action that runs long enough, and of what comes on standard input while its first hit is audited
audited() {
	client "$1" base.bst "$2" <<-END
		a=\$(action out=made -- sh -c 'sleep 1.5; cp in.txt made; : $1')
		$(cat)
		echo \$a >\$out/$1
	END
}
audited changing trusted <<'END'
forge $a made=$(echo forged | put)
r lookup $a >/dev/null
forge $a made=$(echo another | put)
END
sluice build --audit-hits 100 changing.bst
check "the first one was wrong" contains "$work/output" "1 wrong"
check "but it is not there any more" contains "$work/output" "another result has taken its place meanwhile"
audited repeating trusted <<'END'
forge $a made=$(echo forged | put)
r lookup $a >/dev/null
forge $a made=$(echo forged | put) stdout=$(echo again | put)
END
sluice build --audit-hits 100 repeating.bst
check "wrong in other bytes" contains "$work/output" "1 wrong"
check_not "is as wrong" contains "$work/output" "has taken its place meanwhile"
audited preparing trusted <<'END'
forge $a made=$(echo forged | put)
END
check "one that is wrong" builds preparing.bst
for name in changing repeating preparing; do
	check "checkout" checkout $name.bst --deps none
	cp "$work/out/$name" "$work/$name"
done
client withheld base.bst off <<END
r lookup $(cat "$work/preparing") >/dev/null
END
sluice build --audit-hits 100 withheld.bst
check "where nothing is written, it is told" contains "$work/output" "[audit-wrong]: the cached result"
check "and that it stays" contains "$work/output" "cache-writes is off: the entry stays"
client found base.bst <<END
r lookup $(cat "$work/changing") >\$out/changing
r lookup $(cat "$work/repeating") >\$out/repeating
r lookup $(cat "$work/preparing") >\$out/preparing
END
check "what became of them" builds found.bst
checkout found.bst --deps none
another=$(echo another | "$REAPI_CLIENT" x digest -)
check "the other one is not overwritten" grep -q "${another%/*}" "$work/out/changing"
check "the same one is" grep -q "${true%/*}" "$work/out/repeating"
check "the last one stayed" grep -q "${forged%/*}" "$work/out/preparing"

# Clients that only use the cache upload no inputs.
client cacheonly base.bst trusted <<'END'
echo "no action" >/tmp/action
a=$(r digest /tmp/action)
forge $a made=$(echo made | put)
r lookup $a >/dev/null
b=$(r make-action $(r make-command out=made -- cp in.txt made | put) $(echo absent >/tmp/absent; r digest /tmp/absent) | put)
forge $b made=$(echo made | put)
r lookup $b >/dev/null
END
sluice build --audit-hits 100 cacheonly.bst
check "what cannot be executed is counted" contains "$work/output" "0 the same, 0 wrong, 2 could not be"
check "with a reason" contains "$work/output" "is not in the cache"
check_not "it is no warning" contains "$work/output" "WARNING"

# ---- Which ones -------------------------------------------------------------------------------------------------------------------

many='for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  a=$(action out=n -- sh -c "echo $i >n")
  r execute $a >/dev/null
  r lookup $a >/dev/null
done'
for i in 1 2; do
	client many$i base.bst <<<"$many # $i"
	sluice build --audit-hits 50 many$i.bst
	check "some of the hits are audited" test "$status" -eq 0
	chosen[i]=$(sed -n 's/.*Audit: \([0-9]*\) hits.*/\1/p' "$work/output")
	check "and each of them once" contains "$work/output" ": ${chosen[i]} the same, 0 wrong"
done
check "a share of them: ${chosen[1]}" test "${chosen[1]}" -gt 2 -a "${chosen[1]}" -lt 18
check "always the same: ${chosen[2]}" test "${chosen[1]}" -eq "${chosen[2]}"
echo 'execution: {audit-hits: 100}' >"$work/audit.conf"
client configured base.bst <<<"$many # configured"
sluice --config "$work/audit.conf" build configured.bst
check "as the user's configuration says" contains "$work/output" "Audit: 20 hits"
client overridden base.bst <<<"$many # overridden"
sluice --config "$work/audit.conf" build --audit-hits 0 overridden.bst
check_not "the command line wins" contains "$work/output" "Audit: "
for bad in 101 -1 x 5.5 ""; do
	sluice build "--audit-hits=$bad" many1.bst
	check "'$bad' is no percentage" test "$status" -eq 2
	check "and says so" contains "$work/output" "Invalid value for '--audit-hits'"
done

# ---- Killed in the middle ---------------------------------------------------------------------------------------------------------

client slow base.bst <<'END'
a=$(action out=made -- sh -c 'sleep 4; cp in.txt made')
r execute $a >/dev/null
r execute $a >/dev/null
echo $a >$out/slow
END
(cd "$work/project" && exec "$SLUICE" --no-colors build --audit-hits 100 slow.bst >"$work/output" 2>&1) &
pid=$!
for _ in $(seq 200); do
	# its commands have ended, its audit has not
	if [ -z "${seen-}" ] && sluice_results=$("$SLUICE" cache info --json) && [ "$(sed 's/.*"results":\([0-9]*\).*/\1/' <<<"$sluice_results")" != "${before-}" ]; then
		[ -n "${before-}" ] && seen=yes && sleep 1 && break
		before=$(sed 's/.*"results":\([0-9]*\).*/\1/' <<<"$sluice_results")
	fi
	sleep 0.1
done
check "the audit began" test -n "${seen-}"
# shellcheck disable=SC2046
kill -9 $pid $(pgrep -P $pid)
wait $pid 2>/dev/null || true
sleep 1
sluice cache fsck --no-repair
check "the cache is sound" test "$status" -eq 0
sluice build --audit-hits 100 slow.bst
check "the next build audits it" contains "$work/output" "1 the same, 0 wrong"

finish
