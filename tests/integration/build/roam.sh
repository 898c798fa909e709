#!/bin/bash
# Compile caching between build folders: build systems that write absolute paths, in elements of other names.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/integration/build/compilers.sh
source "$here/compilers.sh"
new_project

# all paths are absolute, as cmake writes them
folder=$work/project/files/app
mkdir -p "$folder/include"
printf '#define ANSWER 42\n' >"$folder/include/answer.h"
printf '#include "answer.h"\n#define WHERE __FILE__\n' >"$folder/include/where.h"
printf '#include <stdio.h>\n#include "answer.h"\nint main(void) { return ANSWER; }\n' >"$folder/plain.c"
printf '#include "answer.h"\n.globl text\ntext: .long ANSWER\n' >"$folder/text.S"
printf '#include <assert.h>\nint asserts(int i) { assert(i); return i; }\n' >"$folder/asserts.c"
printf '#include "where.h"\nint unused(void) { return ANSWER; }\n' >"$folder/mentions.c"
printf '#include "where.h"\nint size(void) { return sizeof WHERE; }\n' >"$folder/size.c"
printf '#include "where.h"\n#include <wchar.h>\n#define W2(x) L##x\n#define W(x) W2(x)\nconst wchar_t *wide(void) { return W(__FILE__); }\n' >"$folder/wide.c"
printf 'static int nobody;\nint warns(void) { return 1; }\n' >"$folder/warns.c"
printf '#include "generated.h"\nint generated(void) { return 1; }\n' >"$folder/generated.c"
printf 'int debug(void) { return 2; }\n' >"$folder/debug.c"
printf '#include "answer.h"\nint defined(void) { return sizeof PLACE; }\n' >"$folder/defined.c"
printf '#include <assert.h>\nint mapped(int i) { assert(i); return i; }\n' >"$folder/mapped.c"
printf 'int excluded(void) { return 3; }\n' >"$folder/excluded.c"
printf '#include "answer.h"\nstatic int forgotten;\nint relative(void) { return ANSWER; }\n' >"$folder/relative.c"
printf '#include "where.h"\nint own(void) { return sizeof WHERE; }\nconst char *name(void) { return WHERE; }\n' >"$folder/own.c"
cp "$folder/own.c" "$folder/half.c"
cat >"$folder/Makefile" <<-'END'
	.RECIPEPREFIX = >
	names = plain text asserts mentions size wide warns generated debug defined mapped excluded relative own half
	objects = $(names:%=$(CURDIR)/%.o)
	all: $(objects)
	debug_FLAGS = -g
	defined_FLAGS = -DPLACE='"$(CURDIR)"'
	mapped_FLAGS = -ffile-prefix-map=/buildstream=X
	excluded_FLAGS = -finstrument-functions -finstrument-functions-exclude-file-list=another
	$(objects): $(CURDIR)/generated.h
	$(CURDIR)/generated.h:
	>echo '/* made in $(CURDIR) */' >$@
	>sleep 0.05
	$(CURDIR)/relative.o: relative.c
	>gcc -O2 -Wall -I$(CURDIR)/absent -I$(CURDIR)/include -MD -MT $@ -MF $@.d -MP -o $@ -c $<
	$(CURDIR)/own.o: own.c
	>gcc -O2 -Wall -Iabsent -Iinclude -MD -MF own.o.d -o own.o -c $<
	$(CURDIR)/half.o: half.c
	>gcc -O2 -Wall -Iabsent -I$(CURDIR)/include -MD -MF half.o.d -o half.o -c $<
	$(CURDIR)/%.o: $(CURDIR)/%.c
	>gcc -O2 -Wall -I$(CURDIR)/absent -I$(CURDIR)/include $($*_FLAGS) -MD -MT $@ -MF $@.d -MP -o $@ -c $<
	$(CURDIR)/%.o: $(CURDIR)/%.S
	>gcc -I$(CURDIR)/include -MD -MT $@ -MF $@.d -o $@ -c $<
	install:
	>mkdir -p $(DESTDIR)/out
	>cp *.o *.d $(DESTDIR)/out
END

# app NAME on|off
app() {
	local on=false
	[ "$2" = off ] || on=true
	element "$1.bst" <<-END
		kind: make
		build-depends:
		- base.bst
		variables:
		  strip-binaries: ''
		  recc: $on
		sources:
		- kind: local
		  path: files/app
	END
}

# same NAME: what the compilers alone make in that folder
same() {
	checkout "$1.bst" --deps none && rm -rf "$work/cached" && mv "$work/out" "$work/cached"
	app "$1" off
	builds "$1.bst" && checkout "$1.bst" --deps none && diff -r "$work/out" "$work/cached"
	local result=$?
	rm -rf "$work/out"
	app "$1" on
	return $result
}

app one on
check "cold" builds one.bst
check "all were learned" counts one "0 hits, 15 misses, 15 learned"
check "the same files" same one
for name in another two a-third-one; do
	app $name on
	check "in another folder, $name" builds $name.bst
	# the others show the folder, may depend on its name, or have options that do
	check "plain, text, relative, and what names only files with relative names hit" counts $name "4 hits, 11 misses, 11 learned"
	check "the files are those of this folder" same $name
done
app again on
check "in one more" builds again.bst
check "four hit" counts again "4 hits, 11 misses, 11 learned"
check "the message of one of them is there" contains "$work/output" "relative.c:2:12: warning: 'forgotten' defined"
sluice artifact delete again.bst
check "in the same folder" builds again.bst
check "all hit" counts again "15 hits, 0 misses"
check "with all messages" contains "$work/output" "/again.bst/warns.c:1"

sed -i 's/42/43/' "$folder/include/answer.h"
app fourth on
check "a header edited" builds fourth.bst
check "misses where it is read" counts fourth "0 hits, 15 misses, 15 learned"
check "the files are right" same fourth
app fourth-too on
check "in another folder" builds fourth-too.bst
check "hits" counts fourth-too "4 hits, 11 misses"
mkdir "$folder/absent"
printf '#define ANSWER 44\n' >"$folder/absent/answer.h"
app fifth on
check "a header that shadows it" builds fifth.bst
check "misses where it is searched for" counts fifth "1 hits, 14 misses, 14 learned"
check "the files are right" same fifth
finish
