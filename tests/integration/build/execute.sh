#!/bin/bash
# Actions that a client in a sandbox wants executed: what they see, what comes back, what is kept, and for whom.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/integration/build/clients.sh
source "$here/clients.sh"

host_root "$work/root" sh cat mkdir ls touch cp rm id ln sleep head grep sed "$REAPI_CLIENT"
new_project
other_environment

client_prelude='echo secret >/tmp/secret
# action ROOT OUTPUTS… -- WORDS…
action() {
  root=$1; shift
  command=$(r make-command env=PATH=/usr/bin:/bin "$@" | put)
  r make-action $command $root $limits | put
}
limits=
input=$(echo input | put)
root=$(r make-directory files in.txt=$input | put)'

client run base.bst <<'END'
a=$(action $root out=sub/out.txt out=link out=dir -- sh -c 'cat in.txt >sub/out.txt; ln -s in.txt link; mkdir dir; echo a >dir/a; echo undeclared >left; echo said; echo warned >&2')
r execute $a >$out/first
r execute $a >$out/second
r execute $a skip-cache >$out/third
r lookup $a >$out/found
for word in stdout stderr; do r get $(sed -n "s/^$word //p" $out/first) >$out/$word; done
r get $(sed -n 's,^file sub/out.txt ,,p' $out/first) >$out/content
a=$(action $root file=old.txt directory=olddir -- sh -c 'echo old >old.txt; ls olddir')
r execute $a >$out/old
END
check "actions are executed" builds run.bst
check "the account counts them" contains "$work/output" "3 executed"
check "checkout" checkout run.bst --deps none
out=$work/out
check "it was executed" contains "$out/first" executed
check "with its status" contains "$out/first" "exit 0"
check "again it came from the cache" contains "$out/second" cached
check "unless the client wants otherwise" contains "$out/third" executed
check "a file in a directory made for it" contains "$out/first" "file sub/out.txt"
check "a link" contains "$out/first" "symlink link -> in.txt"
check "a directory" contains "$out/first" "directory dir"
check_not "nothing that was not declared" contains "$out/first" left
check "its standard output" contains "$out/stdout" said
check "its standard error" contains "$out/stderr" warned
check "what the file holds" contains "$out/content" input
check "a lookup finds it" contains "$out/found" sub/out.txt
check "outputs by the older fields" contains "$out/old" "file old.txt"
check "and their directories are made" contains "$out/old" "directory olddir"

client view base.bst <<'END'
a=$(action $root out=seen -- sh -c '{ ls -d /tmp/* %{build-root} %{install-root} /run/reapi /buildstream 2>/dev/null; ls; id -u; echo ${HOME-none}; } >seen; touch /usr/x 2>/dev/null && echo wrote >>seen; touch /tmp/y || exit 1; grep -c : /proc/net/dev >>seen; true')
r execute $a >$out/facts
r get $(sed -n 's,^file seen ,,p' $out/facts) >$out/seen
# an input that was not declared is not there
a=$(action e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0 out=copy -- cat in.txt)
r execute $a >$out/undeclared
END
check "an action's view" builds view.bst
check "checkout" checkout view.bst --deps none
printf 'in.txt\nseen\n0\nnone\n1\n' >"$work/expected"
check "its inputs, its uid, no home, loopback alone; nothing of the element" cmp "$work/expected" "$work/out/seen"
check "an undeclared input makes it fail" contains "$work/out/undeclared" "exit 1"

# A client that names a root has its inputs where they are in it, as BuildBox does: absolute names of them are good.
client over base.bst <<'END'
file=$(r make-directory files in.txt=$input | put)
over=$(r make-directory directories build=$file etc=$file lib=$file | put)
# over OUTPUTS… -- WORDS…: of the platform of the command, and of that of the action
over() { r make-action $(r make-command cwd=build env=PATH=/usr/bin:/bin property=chrootRootDigest=0 "$@" | put) $over | put; }
a=$(over out=made out=sub/made -- sh -c '{ pwd; ls /sluice /run/reapi %{build-root} 2>/dev/null; } >made; cat /etc/in.txt in.txt /build/in.txt /lib/in.txt /usr/lib/in.txt >sub/made; touch /etc/undeclared; true')
r execute $a >$out/facts
r get $(sed -n "s,^file made ,,p" $out/facts) >$out/where
r get $(sed -n "s,^file sub/made ,,p" $out/facts) >$out/content
a=$(r make-action $(r make-command out=seen -- /bin/cat /etc/in.txt | put) $over property=chrootRootDigest=$over | put)
r execute $a >$out/of-action
# the action's platform counts, and it says nothing of the kind
command=$(r make-command property=chrootRootDigest=$over -- /bin/cat /etc/in.txt | put)
r execute $(r make-action $command $over property=OSFamily=linux | put) >$out/of-neither || true
# what stands in the way of the environment, or of what is mounted
r execute $(r make-action $(r make-command property=chrootRootDigest=0 -- /bin/ls | put) $(r make-directory files usr=$input | put) | put) >$out/hostile 2>&1 || true
r execute $(r make-action $(r make-command property=chrootRootDigest=0 -- /bin/ls /dev /proc/self/fd | put) $(r make-directory files dev=$input proc=$input tmp=$input | put) | put) >$out/mounts 2>&1 || true
r execute $(r make-action $(r make-command out=bin/made cwd=lib property=chrootRootDigest=0 -- /bin/sh -c 'echo made >bin/made' | put) $over | put) >$out/linked
END
check "inputs over the root" builds over.bst
check "checkout" checkout over.bst --deps none
out=$work/out
check "it runs where it says, and nothing else is there" file_is "$out/where" /build
check "its inputs have their own names" file_is "$out/content" "$(printf 'input\ninput\ninput\ninput\ninput')"
check_not "nothing that was not declared" contains "$out/facts" undeclared
check "the action's own platform" contains "$out/of-action" "exit 0"
check "comes first" contains "$out/of-neither" "exit 1"
check "files where the environment has folders" contains "$out/hostile" "not found in the sandbox"
check "or what is mounted" contains "$out/mounts" "not a directory"
check "outputs in a folder that a link leads to" contains "$out/linked" "file bin/made"

# Links among the inputs that lead to where bubblewrap has the host while it mounts: nothing is made there, and nothing is left uncovered.
mkdir "$work/host"
sed "s,@HOST@,$work/host,g" >"$work/links" <<'END'
# nested DIGEST PATH: NAME=DIGEST of the folder at the top of that path
nested() {
  d=$1 p=$2
  while [ "${p#*/}" != "$p" ]; do
    d=$(r make-directory directories ${p##*/}=$d | put) p=${p%/*}
  done
  echo $p=$d
}
# attempt NAME DIRECTORIES LINK WORDS… of make-command
attempt() {
  name=$1 directories=$2 link=$3
  shift 3
  { r make-directory directories $directories; r make-directory links $link; } >$out/root
  r execute $(r make-action $(r make-command "$@" | put) $(put <$out/root) | put) >$out/$name 2>&1 || true
}
empty=$(put </dev/null)
host=$(nested $empty oldroot@HOST@)
over=property=chrootRootDigest=0
attempt proc "foo=$empty $(nested $empty newroot/foo)" proc=/newroot/foo out=seen $over env=PATH=/usr/bin:/bin -- sh -c 'grep -E " /newroot/foo(/sys)? " /newroot/foo/self/mountinfo >seen || true; echo seen >>seen'
r get $(sed -n "s,^file seen ,,p" $out/proc) >$out/mounts || true
attempt tmp $host tmp=/oldroot@HOST@ cwd=tmp/made/by/client $over -- /bin/ls
attempt cwd $host a=/oldroot@HOST@ cwd=a/made -- /bin/ls
magic=$(nested $empty proc/self/root/oldroot@HOST@/magic)
attempt magic $magic tmp=/proc/self/root/oldroot@HOST@/magic $over -- /bin/ls
attempt dev $host dev=/oldroot@HOST@ $over -- /bin/ls
END
client links base.bst <"$work/links"
check "links to where the host is" builds links.bst
check "checkout" checkout links.bst --deps none
check "the kernel's settings are covered where /proc really is" grep -qE " /newroot/foo/sys ro" "$work/out/mounts"
check "nothing is made on the host" test -z "$(ls -A "$work/host")"
check "a name that leads out of the inputs is no directory to start in" contains "$work/out/cwd" "could not be started"
check "a link at /tmp may not lead through /proc" contains "$work/out/magic" "where something is mounted"
check "a link at /tmp leads to a folder of the sandbox" contains "$work/out/tmp" "exit 0"

client failures base.bst <<'END'
a=$(action $root -- sh -c 'echo no >&2; exit 7')
r execute $a >$out/failed
r execute $a >$out/again
if r lookup $a; then exit 3; fi
a=$(action $root -- nothing-of-this-name)
r execute $a >$out/absent || true
limits=timeout=1
a=$(action $root -- sleep 60)
r execute $a >$out/slow || true
limits=no-cache
a=$(action $root out=x -- sh -c 'echo x >x')
r execute $a >$out/uncached
if r lookup $a; then exit 3; fi
limits=
a=$(r make-action $input $root | put)
r execute $a >$out/bad 2>&1 || true
missing=$(echo never stored >/tmp/never; r digest /tmp/never)
a=$(action $missing -- true)
r execute $a >$out/missing || true
END
check "actions that fail" builds failures.bst
check "checkout" checkout failures.bst --deps none
check "a status is told" contains "$work/out/failed" "exit 7"
check "and not kept" contains "$work/out/again" executed
check "no such program" contains "$work/out/absent" "not found in the sandbox"
check "a timeout" contains "$work/out/slow" DEADLINE_EXCEEDED
check "do_not_cache" contains "$work/out/uncached" executed
check "a command that is none" contains "$work/out/bad" INVALID_ARGUMENT
check "missing inputs" contains "$work/out/missing" "FAILED_PRECONDITION"
check "are named" contains "$work/out/missing" "with details"

# Actions that take more than they may: stopped, and the client is told why, whether it shows the answer's message or what was said.
cat >"$work/limits.conf" <<'END'
execution:
  limits:
    processes: 50
    memory: 200M
    disk: 10M
    files: 200
    output: 1M
    timeout: 30
END
client greedy base.bst <<'END'
greedy() { a=$(action $root out=made -- sh -c "$2"); r execute $a >$out/$1 || true; r get $(sed -n 's/^stderr //p' $out/$1) >$out/$1.said || true; }
greedy processes 'bomb() { bomb | bomb & }; bomb; sleep 60'
greedy disk 'i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero >part$i; done'
greedy files 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); : >f$i; done'
greedy output 'cat /dev/zero'
greedy memory 'i=0; while [ $i -lt 30 ]; do i=$((i+1)); head -c 9000000 /dev/zero >/tmp/$i; done; sleep 60'
greedy modest 'echo made >made'
limits=timeout=31
a=$(action $root -- true)
r execute $a >$out/patient 2>&1 || true
END
sluice --config "$work/limits.conf" build greedy.bst
check "greedy actions do not stop the build" test "$status" -eq 0
check "checkout" checkout greedy.bst --deps none
check "processes" contains "$work/out/processes" "message the action was stopped: more than 50 processes"
for name in processes disk files output memory; do
	check "$name: it failed" contains "$work/out/$name" "exit 137"
	check "$name: with a message" contains "$work/out/$name" "message the action was stopped: more than"
	check "$name: in its standard error, too" contains "$work/out/$name.said" "sluice: the action was stopped: more than"
	check_not "$name: without outputs" contains "$work/out/$name" "file "
done
check "who takes little is not stopped" contains "$work/out/modest" "file made"
check "who wants more time than there is" contains "$work/out/patient" "INVALID_ARGUMENT: the action wants a timeout of 31 seconds"

# The same action of another element: a hit on the same root, none on another.
same='a=$(action $root out=same -- sh -c "cat in.txt >same; echo same")
r execute $a >$out/same'
client first base.bst <<<"$same"
client second base.bst <<<"$same # again"
client third other.bst <<<"$same"
for name in first second third; do
	check "$name" builds $name.bst
	check "checkout" checkout $name.bst --deps none
	cp "$work/out/same" "$work/$name.same"
done
check "the first is executed" contains "$work/first.same" executed
check "the second is a hit" contains "$work/second.same" cached
check "another root is none" contains "$work/third.same" executed

client off base.bst off <<'END'
a=$(action $root out=off -- sh -c 'echo off >off')
r execute $a >$out/off
if r lookup $a; then exit 3; fi
END
check "cache-writes: off" builds off.bst

# Several at a time, never more than jobs.
client many base.bst <<'END'
for i in 1 2 3 4 5 6 7 8; do
  a=$(action $root out=n -- sh -c "echo $i >n; sleep 0.2")
  r execute $a >$out/$i &
done
wait
END
sluice --max-jobs 2 build many.bst
check "eight at once" test "$status" -eq 0
check "all were executed" contains "$work/output" "8 executed"

finish
