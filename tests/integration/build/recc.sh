#!/bin/bash
# Compile caching in sandboxes: make, with a real gcc, cold, warm, after edits, and in other elements and environments.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/integration/build/machines.sh
source "$here/machines.sh"
# shellcheck source=tests/integration/build/compilers.sh
source "$here/compilers.sh"
echo '#define STAMP __TIME__' >"$work/root/usr/include/stamped.h"
new_project
other_environment

# a small project: four sources, a generated header, a folder on the search path that is absent
make_sources() {
	local folder=$work/project/files/$1
	rm -rf "$folder"
	mkdir -p "$folder/inc1" "$folder/inc2"
	printf '#define NOBODY 1\n' >"$folder/inc1/nobody.h"
	printf '#define ANSWER 42\n' >"$folder/inc2/answer.h"
	printf '#include "answer.h"\nint answer(void);\n' >"$folder/inc2/api.h"
	printf '#include <stdio.h>\n#include "api.h"\nint main(void) { printf("%%d\\n", answer()); return 0; }\n' >"$folder/main.c"
	printf '#include "api.h"\nint answer(void) { return ANSWER; }\n' >"$folder/answer.c"
	printf '#include "generated.h"\nint generated(void) { return GENERATED; }\n' >"$folder/generated.c"
	printf '#include <stdlib.h>\nint alone(void) { return EXIT_FAILURE; }\nstatic int unused;\n' >"$folder/alone.c"
	cat >"$folder/Makefile" <<-'END'
		.RECIPEPREFIX = >
		objects = main.o answer.o generated.o alone.o
		CFLAGS = -O2 -Wall -Iabsent -Iinc1 -Iinc2 -I. -MD
		program: $(objects)
		>gcc -o $@ $(objects)
		generated.o: generated.h
		generated.h:
		>echo '#define GENERATED 7' >$@
		>sleep 0.05
		%.o: %.c
		>gcc $(CFLAGS) -c $<
		install:
		>mkdir -p $(DESTDIR)/out
		>cp program *.o *.d $(DESTDIR)/out
	END
}

# compiles NAME BASE SOURCES [VARIABLES…]
compiles() {
	{
		cat <<-END
			kind: make
			build-depends:
			- $2
			variables:
			  strip-binaries: ''
		END
		[ -z "${4-}" ] || printf '  %s\n' "$4"
		cat <<-END
			sources:
			- kind: local
			  path: files/$3
		END
	} | element "$1.bst"
}

same_files() {
	checkout plain.bst --deps none && cp -a "$work/out" "$work/plain" && checkout "$1.bst" --deps none &&
		diff -r "$work/plain" "$work/out"
	local result=$?
	rm -rf "$work/plain"
	return $result
}

make_sources one
compiles plain base.bst one
compiles cold base.bst one 'recc: true'
check "without a launcher" builds plain.bst
check "cold" builds cold.bst
check "four were learned" counts cold "0 hits, 4 misses, 4 learned, 1 others (link 1)"
check "objects, dependency files and program are the same" same_files cold
compiles warm base.bst one 'recc: true'
check "warm, another element" builds warm.bst
check "four hits" counts warm "4 hits, 0 misses, 0 learned, 1 others (link 1)"
check "and the same files" same_files warm
sluice artifact log warm.bst
check "warnings are there, too" contains "$work/output" "unused"

sluice recc-stats cold.bst warm.bst
check "counters of two elements are added up" grep -qx 'hits  *4' "$work/output"
check "with reasons" grep -qx 'link  *2' "$work/output"
sluice recc-stats plain.bst
check_not "there are none of an element without" test "$status" -eq 0

make_sources two
printf '#define ANSWER 43\n' >"$work/project/files/two/inc2/answer.h"
compiles edited base.bst two 'recc: true'
check "a header edited" builds edited.bst
check "two include it" counts edited "2 hits, 2 misses, 2 learned"
make_sources three
printf '#define ANSWER 44\n' >"$work/project/files/three/inc1/answer.h"
compiles shadowed base.bst three 'recc: true'
check "a header that shadows another" builds shadowed.bst
# from its own folder a header finds the one beside it
check "is not found from a header beside the other" counts shadowed "4 hits, 0 misses"
make_sources four
printf '#include "answer.h"\nint answer(void);\nint more(void);\n' >"$work/project/files/four/inc1/api.h"
compiles shadows base.bst four 'recc: true'
check "one that two sources find" builds shadows.bst
check "two misses" counts shadows "2 hits, 2 misses, 2 learned"
make_sources five
sed -i 's/-O2/-O1/' "$work/project/files/five/Makefile"
compiles flags base.bst five 'recc: true'
check "other flags" builds flags.bst
check "all miss" counts flags "0 hits, 4 misses, 4 learned"
compiles environment other.bst one 'recc: true'
check "another environment" builds environment.bst
check "all miss there" counts environment "0 hits, 4 misses, 4 learned"

compiles off base.bst one 'recc: false'
sluice show --deps none -f '%{full-key}' plain.bst
key=$(tail -n 1 "$work/output")
compiles plain base.bst one 'recc: false'
sluice show --deps none -f '%{full-key}' plain.bst
check "off, the key is what it was" test "$(tail -n 1 "$work/output")" = "$key"
compiles plain base.bst one 'recc: true'
sluice show --deps none -f '%{full-key}' plain.bst
check_not "on, it is another" test "$(tail -n 1 "$work/output")" = "$key"
compiles wrong base.bst one 'recc: perhaps'
sluice show wrong.bst
check_not "another value is refused" test "$status" -eq 0
check "with its place" contains "$work/output" "recc"
rm "$work/project/elements/wrong.bst"

# for all elements, in a project with a junction: what builds nothing is none of them
cp "$work/project/project.conf" "$work/project.conf"
printf 'variables:\n  recc: true\n' >>"$work/project/project.conf"
mkdir -p "$work/project/files/sub"
printf 'name: sub\nmin-version: 2.0\n' >"$work/project/files/sub/project.conf"
printf 'kind: stack\n' >"$work/project/files/sub/all.bst"
printf 'kind: junction\nsources:\n- kind: local\n  path: files/sub\n' | element sub.bst
printf 'kind: stack\ndepends:\n- sub.bst:all.bst\n' | element through.bst
check "a project with a junction" builds through.bst
mv "$work/project.conf" "$work/project/project.conf"

# within one build: what commands do between two compiles
element inside.bst <<'END'
kind: manual
build-depends:
- base.bst
variables:
  recc: true
sources:
- kind: local
  path: files/one
config:
  build-commands:
  - |
    gcc -Iinc2 -c answer.c
    cp answer.o first.o
    gcc -Iinc2 -c answer.c
    cmp answer.o first.o
    touch answer.c inc2/answer.h
    gcc -Iinc2 -c answer.c
    sleep 0.05
    echo '#define ANSWER 5' >inc2/answer.h
    sleep 0.05
    gcc -Iinc2 -c answer.c
    if cmp answer.o first.o; then exit 3; fi
    rm inc2/answer.h
    if gcc -Iinc2 -c answer.c; then exit 4; fi
    command -v gcc
    if command -v clang; then exit 5; fi
    env -i /run/sluice-recc/bin/gcc --version
    if touch /run/sluice-recc/bin/gcc; then exit 6; fi
  install-commands:
  - mkdir -p %{install-root}/out
END
check "edits within a build" builds inside.bst
check "miss where they must" counts inside "2 hits, 3 misses, 2 learned"

# a source is gone as soon as the compiler has ended, as those of configure are
element removed.bst <<'END'
kind: manual
build-depends:
- base.bst
variables:
  recc: true
config:
  build-commands:
  - |
    for i in $(seq 30); do
      echo "int removed$i;" >removed.c
      gcc -c removed.c
      rm removed.c
    done
END
check "sources that are removed at once" builds removed.bst
check "are all learned" counts removed "0 hits, 30 misses, 30 learned, 0 others"

# what must not be kept in a sandbox, where the environment is not looked at, and other places are mounted
element doubts.bst <<'END'
kind: manual
build-depends:
- base.bst
variables:
  recc: true
config:
  build-commands:
  - |
    printf '#include <stamped.h>\nconst char stamp[] = STAMP;\n' >stamp.c
    env -u SOURCE_DATE_EPOCH gcc -c stamp.c
    cp stamp.o first.o
    sleep 1.1
    env -u SOURCE_DATE_EPOCH gcc -c stamp.c
    if cmp stamp.o first.o; then exit 3; fi
  - |
    gcc -c stamp.c
    cp stamp.o first.o
    sleep 0.1
    gcc -c stamp.c
    cmp stamp.o first.o
  - |
    mkdir /dev/shm/inc
    ln -s /dev/shm/inc inc
    printf '#include "value.h"\nint value = VALUE;\n' >value.c
    for place in /dev/shm/inc /proc/self/cwd/inc inc; do
      echo '#define VALUE 1' >/dev/shm/inc/value.h
      sleep 0.1
      gcc -I$place -c value.c
      cp value.o first.o
      sleep 0.1
      echo '#define VALUE 2' >/dev/shm/inc/value.h
      sleep 0.1
      gcc -I$place -c value.c
      if cmp value.o first.o; then exit 4; fi
    done
END
check "times, devices and links to them" builds doubts.bst
check "are not kept, or looked at" counts doubts "1 hits, 9 misses, 3 learned, 0 others (device-input 4, time-macro 2)"

export SLUICE_STAGING=checkout
compiles checkout base.bst one 'recc: true'
sed -i 's/recc: true/recc: true\n  other: variable/' "$work/project/elements/checkout.bst"
check "over a checkout" builds checkout.bst
check "four hits over it" counts checkout "4 hits, 0 misses"
unset SLUICE_STAGING

# ---- machines that share a cluster
configure <<END
cache:
  storage-service:
    url: unix:$work/cluster.sock
    push: true
END
serve store
machine one
check "one machine" builds base.bst cold.bst
check "learns" counts cold "0 hits, 4 misses, 4 learned"
stop_server
serve store
machine two
check "another one" builds base.bst warm.bst
check "has hits" counts warm "4 hits, 0 misses"
check "and says of whom" contains "$work/output" "the cluster had 8 of"
compiles plain base.bst one
check "without a launcher" builds plain.bst
check "the same files" same_files warm
sluice cache explain warm.bst
check "they can be explained" grep -q "recc" "$work/output"
machine three
check "another environment" builds other.bst environment.bst
check "has none" counts environment "0 hits, 4 misses, 4 learned"
stop_server
machine four
check "the cluster is down" builds base.bst cold.bst
check "compiles go on" counts cold "0 hits, 4 misses, 4 learned"
finish
