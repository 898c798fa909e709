/* What command lines say.  The names of outputs were checked against the compilers: tests/integration/bridge/test-compile-options. */
#include "compile-options.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *command, *result;
} Row;

/* Words are between single blanks.  The result is "!REASON", or "LANGUAGE > OUTPUTS ; DEPFILE : TARGETS" with what else is set. */
static const Row rows[] = {
    /* modes */
    {"gcc -c a.c", "c > a.o"},
    {"gcc -S a.c", "c > a.s"},
    {"gcc a.c", "!link"},
    {"gcc a.c -o prog", "!link"},
    {"gcc a.o b.o -o prog", "!link"},
    {"gcc -o prog a.o -lm -Wl,-z,now", "!link"},
    {"gcc -E a.c", "!preprocess-only"},
    {"gcc -E -c a.c", "!preprocess-only"},
    {"gcc -c -E a.c -unknown", "!preprocess-only"},
    {"gcc -M a.c", "!dependencies-only"},
    {"gcc -MM a.c -MF d", "!dependencies-only"},
    {"gcc -MG -M a.c", "!dependencies-only"},
    {"gcc -fsyntax-only a.c", "!syntax-only"},
    {"gcc -c -fsyntax-only a.c", "!syntax-only"},
    {"gcc -c -S a.c", "!combination"},
    {"gcc -S -c a.c", "!combination"},
    {"gcc -c -c a.c", "c > a.o"},
    {"gcc", "!no-source"},
    {"gcc -c", "!no-source"},
    {"gcc -c -O2", "!no-source"},
    {"gcc --version", "!information"},
    {"gcc -v", "!verbose"},
    {"gcc -v -c a.c", "!verbose"},
    {"gcc -### -c a.c", "!verbose"},
    {"gcc -dumpversion", "!information"},
    {"gcc -dumpmachine", "!information"},
    {"gcc -print-search-dirs", "!information"},
    {"gcc --print-file-name=crt1.o", "!information"},
    {"gcc --help", "!information"},
    {"gcc --target-help", "!information"},
    {"gcc -c -H a.c", "!verbose"},
    {"gcc -Q -c a.c", "!statistics"},
    {"gcc -c a.c b.c", "!several-sources"},
    {"gcc -c a.c a.c", "!several-sources"},
    {"gcc -c a.o", "!linker-input"},
    {"gcc -c a.c b.o", "!linker-input"},
    {"gcc -c -", "!stdin"},
    {"gcc -c -xc -", "!stdin"},
    {"gcc -c -x c /dev/null", "!device-source"},
    {"gcc -c -x c /dev/stdin", "!stdin"},
    {"gcc -c -x c /proc/self/fd/0", "!device-source"},
    /* languages */
    {"gcc -c d/a.c", "c > a.o"},
    {"gcc -c a.b.c", "c > a.b.o"},
    {"gcc -c a.cc", "c++ > a.o"},
    {"gcc -c a.cpp", "c++ > a.o"},
    {"gcc -c a.CPP", "c++ > a.o"},
    {"gcc -c a.cxx", "c++ > a.o"},
    {"gcc -c a.C", "c++ > a.o"},
    {"gcc -c a.c++", "c++ > a.o"},
    {"gcc -c a.cp", "c++ > a.o"},
    {"gcc -c a.m", "objective-c > a.o"},
    {"gcc -c a.mm", "objective-c++ > a.o"},
    {"gcc -c a.M", "objective-c++ > a.o"},
    {"gcc -c a.mi", "objective-c-cpp-output > a.o"},
    {"gcc -c a.mii", "objective-c++-cpp-output > a.o"},
    {"gcc -c a.i", "cpp-output > a.o"},
    {"gcc -c a.ii", "c++-cpp-output > a.o"},
    {"gcc -c a.s", "assembler > a.o"},
    {"gcc -c a.S", "assembler-with-cpp > a.o"},
    {"gcc -c a.sx", "assembler-with-cpp > a.o"},
    {"clang -c a.sx", "!linker-input"},
    {"clang -c a.CC", "c++ > a.o"},
    {"gcc -c a.CC", "!linker-input"},
    {"clang -c a.CXX", "c++ > a.o"},
    {"gcc -S a.S", "!combination"},
    {"gcc -c a.f90", "!linker-input"},
    {"gcc -c a.go", "!linker-input"},
    {"gcc -c a.adb", "!linker-input"},
    {"gcc -c a", "!linker-input"},
    {"gcc -c -x c a", "c > a.o"},
    {"gcc -c -xc++ a", "c++ > a.o"},
    {"gcc -c -x c++ a.c", "c++ > a.o"},
    {"gcc -c -x c -x none a.cc", "c++ > a.o"},
    {"gcc -c a.c -x c++", "c > a.o"},
    {"gcc -c -x assembler a.c", "assembler > a.o"},
    {"gcc -c -x assembler-with-cpp a", "assembler-with-cpp > a.o"},
    {"gcc -c -x objective-c a", "objective-c > a.o"},
    {"gcc -c -x objective-c++ a", "objective-c++ > a.o"},
    {"gcc -c -x cpp-output a", "cpp-output > a.o"},
    {"gcc -c -x c++-cpp-output a", "c++-cpp-output > a.o"},
    {"gcc -c -x f77 a", "!language"},
    {"gcc -c -x lto a.o", "!language"},
    {"clang -c -x cuda a.cu", "!language"},
    {"clang -c -x ir a.ll", "!language"},
    {"clang -c a.ll", "!linker-input"},
    {"gcc -c -x", "!no-source"},
    {"g++ -c a.c", "c++ > a.o"},
    {"g++ -c a.i", "!language"},
    {"g++ -c a.ii", "c++-cpp-output > a.o"},
    {"g++ -c -x c a.c", "c > a.o"},
    {"clang++ -c a.c", "c++ > a.o"},
    {"x86_64-linux-gnu-g++-12 -c a.c", "c++ > a.o"},
    {"/usr/bin/aarch64-linux-gnu-gcc -c a.c", "c > a.o"},
    {"clang-19 -c a.c", "c > a.o"},
    {"cc -c a.c", "!unknown-compiler"},
    {"c++ -c a.c", "!unknown-compiler"},
    {"icc -c a.c", "!unknown-compiler"},
    {"gcc -c a.cppm", "!modules"},
    {"clang++ -std=c++20 -c a.cppm", "!modules"},
    {"clang++ -c -x c++-module a.cc", "!modules"},
    {"gcc -c -x c++-system-header vector", "!modules"},
    /* outputs */
    {"gcc -c a.c -o x.o", "c > x.o"},
    {"gcc -c a.c -ox.o", "c > x.o"},
    {"gcc -c a.c -o d/x.o", "c > d/x.o"},
    {"gcc -c a.c -o d/x", "c > d/x"},
    {"gcc -c a.c -o ../x.o", "c > ../x.o"},
    {"gcc -c a.c -o /abs/x.o", "c > /abs/x.o"},
    {"gcc -c a.c -o x.o -o y.o", "!several-outputs"},
    {"gcc -c a.c -o", "!missing-argument"},
    {"gcc -c a.c -o -", "!output-to-stdout"},
    {"gcc -S a.c -o -", "!output-to-stdout"},
    {"gcc -S a.c -o /dev/stdout", "!output-to-stdout"},
    {"gcc -c a.c -o /dev/null", "!output-to-device"},
    {"gcc -c a.c -o /dev/fd/1", "!output-to-stdout"},
    {"gcc -c a.c -o /proc/self/fd/1", "!output-to-device"},
    {"gcc -c a.c -o d/", "!conflicting-outputs"},
    {"gcc -c a.c -o a.c", "!conflicting-outputs"},
    {"gcc -c d/a.c -o d/./a.c", "!conflicting-outputs"},
    {"gcc -c a.c -MD -o x.d", "!conflicting-outputs"},
    {"gcc -c a.c -MD -MF x.o -o x.o", "!conflicting-outputs"},
    {"gcc -S a.c -o d/x.s", "c > d/x.s"},
    /* debug information */
    {"gcc -c a.c -g", "c > a.o +cwd"},
    {"gcc -c a.c -g0", "c > a.o"},
    {"gcc -c a.c -ggdb3", "c > a.o +cwd"},
    {"gcc -c a.c -gdwarf-4", "c > a.o +cwd"},
    {"gcc -c a.c -gz", "c > a.o"},
    {"gcc -c a.c -gz=zlib", "c > a.o"},
    {"gcc -c a.c -g -gsplit-dwarf", "c > a.o a.dwo +cwd"},
    {"gcc -c a.c -gsplit-dwarf", "c > a.o a.dwo +cwd"},
    {"gcc -c a.c -gsplit-dwarf -o d/x.y.o", "c > d/x.y.o d/x.y.dwo +cwd"},
    {"gcc -c a.c -gsplit-dwarf -gno-split-dwarf", "c > a.o +cwd"},
    {"gcc -S a.c -g -gsplit-dwarf", "c > a.s +cwd"},
    {"gcc -c a.S -gsplit-dwarf", "assembler-with-cpp > a.o a.dwo +cwd"},
    {"gcc -c a.s -gsplit-dwarf", "assembler > a.o a.dwo +cwd"},
    {"clang -c a.c -g -gsplit-dwarf", "c > a.o a.dwo +cwd"},
    {"clang -c a.c -gsplit-dwarf", "c > a.o +cwd"},
    {"clang -c a.c -g0 -gsplit-dwarf", "c > a.o +cwd"},
    {"clang -c a.c -g1 -gsplit-dwarf", "!combination"},
    {"clang -c a.c -g -gsplit-dwarf=single", "c > a.o +cwd"},
    {"clang -c a.c -g -gsplit-dwarf=split -o d/x.o", "c > d/x.o d/x.dwo +cwd"},
    {"clang -c a.c -g -gsplit-dwarf -gsplit-dwarf=single", "!combination"},
    {"clang -c a.S -g -gsplit-dwarf", "!combination"},
    {"clang -S a.c -g -gsplit-dwarf", "!combination"},
    {"clang -c a.c -g -gsplit-dwarf -flto", "!combination"},
    {"gcc -c a.c -gsplit-dwarf=single", "c > a.o +cwd"},
    {"clang -c a.c -gen-reproducer", "!unsupported-option"},
    {"clang -c a.c -gmodules", "!modules"},
    {"gcc -c a.c -g -fdebug-prefix-map=/a=/b", "c > a.o +cwd"},
    {"gcc -c a.c -ffile-prefix-map=/a=/b", "c > a.o"},
    {"gcc -c a.c -frecord-gcc-switches", "c > a.o +switches"},
    {"clang -c a.c -grecord-command-line", "c > a.o +cwd +switches"},
    {"clang -c a.c -fembed-bitcode", "c > a.o +switches"},
    /* coverage and profiles */
    {"gcc -c a.c --coverage", "c > a.o a.gcno +cwd +varies"},
    {"gcc -c a.c -coverage -o d/x.o", "c > d/x.o d/x.gcno +cwd +varies"},
    {"gcc -c a.c -ftest-coverage", "c > a.o a.gcno +cwd +varies"},
    {"gcc -c a.c -ftest-coverage -fno-test-coverage", "c > a.o +cwd"},
    {"gcc -c a.c --coverage -fno-test-coverage", "c > a.o a.gcno +cwd +varies"},
    {"gcc -c a.c -fprofile-arcs", "c > a.o +cwd +varies"},
    {"gcc -c a.c -fprofile-generate", "c > a.o +cwd +varies"},
    {"gcc -c a.c -fprofile-generate=prof", "c > a.o +cwd +varies"},
    {"gcc -c a.s --coverage", "assembler > a.o +cwd +varies"},
    {"gcc -c a.S --coverage", "assembler-with-cpp > a.o +cwd +varies"},
    {"clang -c a.c --coverage -o d/.x", "c > d/.x d/.gcno +cwd +varies"},
    {"clang -c a.c -fprofile-instr-generate -fcoverage-mapping", "c > a.o +cwd"},
    {"gcc -c a.c -fprofile-use", "!profile-use"},
    {"gcc -c a.c -fprofile-use=x.gcda", "!profile-use"},
    {"clang -c a.c -fprofile-instr-use=x.profdata", "!profile-use"},
    {"clang -c a.c -fprofile-sample-use=x", "!profile-use"},
    {"gcc -c a.c -fauto-profile=x", "!profile-use"},
    {"gcc -c a.c -fbranch-probabilities", "!profile-use"},
    {"gcc -c a.c -fprofile-note=x", "!unsupported-option"},
    /* further files */
    {"gcc -c a.c -fstack-usage", "c > a.o a.su"},
    {"gcc -c a.c -fstack-usage -fno-stack-usage", "c > a.o"},
    {"gcc -c a.c -fstack-usage -o d/x.o", "c > d/x.o d/x.su"},
    {"clang -c a.c -fstack-usage -o d/x.o", "!unsupported-option"},
    {"gcc -c a.c -fcallgraph-info", "c > a.o a.ci"},
    {"gcc -c a.c -fcallgraph-info=su,da", "c > a.o a.ci"},
    {"clang -c a.c -fcallgraph-info", "c > a.o"},
    {"gcc -c a.c -fstack-usage -flto", "!combination"},
    {"gcc -c a.c -flto", "c > a.o +cwd +varies"},
    {"gcc -c a.c -flto=auto -fno-lto", "c > a.o +cwd"},
    {"clang -c a.c -fno-integrated-as -gsplit-dwarf", "!unsupported-option"},
    {"clang -c a.c -flto=thin", "c > a.o +cwd +varies"},
    {"gcc -c a.c -gsplit-dwarf --coverage -fstack-usage -fcallgraph-info -o d/x.o -MD",
     "c > d/x.o d/x.dwo d/x.gcno d/x.su d/x.ci ; d/x.d : d/x.o +cwd +varies"},
    {"gcc -c a.c -save-temps", "!save-temps"},
    {"gcc -c a.c -save-temps=obj", "!save-temps"},
    {"gcc -c a.c --save-temps", "!save-temps"},
    {"clang -c a.c -save-stats", "!save-temps"},
    {"gcc -c a.c -da", "!dump"},
    {"gcc -c a.c -dA", "!dump"},
    {"gcc -c a.c -dM", "!dump"},
    {"gcc -c a.c -fdump-tree-all", "!dump"},
    {"gcc -c a.c -fdump-rtl-expand=x", "!dump"},
    {"gcc -c a.c -fcompare-debug", "!dump"},
    {"gcc -c a.c -aux-info x", "!dump"},
    {"gcc -c a.c -fopt-info-vec=x", "!optimization-record"},
    {"gcc -c a.c -fsave-optimization-record", "!optimization-record"},
    {"clang -c a.c -foptimization-record-file=x", "!optimization-record"},
    {"clang -c a.c -ftime-trace", "!time-trace"},
    {"clang -c a.c -ftime-trace=x", "!time-trace"},
    {"gcc -c a.c -ftime-trace", "c > a.o"},
    {"gcc -c a.c -ftime-report", "!statistics"},
    {"gcc -c a.c -fmem-report", "!statistics"},
    {"gcc -c a.c -time=x", "!statistics"},
    {"clang -c a.c -MJ x", "!compilation-database"},
    {"clang -c a.c -serialize-diagnostics x", "!diagnostics-file"},
    {"gcc -c a.c -fdiagnostics-format=sarif-file", "!diagnostics-file"},
    {"gcc -c a.c -fdiagnostics-format=json", "c > a.o"},
    {"gcc -c a.c -fdiagnostics-add-output=sarif", "!diagnostics-file"},
    {"gcc -c a.c -fdiagnostics-color=always", "c > a.o"},
    {"clang -c a.c --analyze", "!analyzer"},
    {"gcc -c a.c -fanalyzer", "c > a.o"},
    {"clang -c a.c -emit-llvm", "!unsupported-option"},
    {"clang -c a.c -emit-ast", "!unsupported-option"},
    {"clang -c a.c -working-directory d", "!unsupported-option"},
    {"clang -c a.c --config=x", "!configuration-file"},
    /* dumpbase and dumpdir */
    {"gcc -c a.c -fstack-usage -dumpbase foo", "c > a.o foo.su"},
    {"gcc -c a.c -fstack-usage -dumpbase foo.c", "c > a.o foo.c.su"},
    {"gcc -c a.c -fstack-usage -dumpbase d/foo.c -MD", "c > a.o d/foo.c.su ; d/foo.c.d : a.o"},
    {"gcc -c a.b.c -fstack-usage -dumpbase  -o e/x.o", "c > e/x.o e/a.b.su"},
    {"gcc -c a.c -fstack-usage -dumpdir d/ -MD", "c > a.o d/a.su ; d/a.d : a.o"},
    {"gcc -c a.c -fstack-usage -dumpdir d/p- -o e/x.o -MD", "c > e/x.o d/p-x.su ; e/x.d : e/x.o"},
    {"gcc -c a.c -fstack-usage -dumpdir d/ -dumpbase q.c", "c > a.o d/q.c.su"},
    {"gcc -c a.c -fstack-usage -dumpbase z.b.c -dumpbase-ext .b.c -o e/x.o", "c > e/x.o e/z.su"},
    {"gcc -c a.c -fstack-usage -dumpbase .c -dumpbase-ext .c", "c > a.o .c.su"},
    {"gcc -c a.c -dumpbase-ext .c", "!combination"},
    {"gcc -c a.c -dumpbase a -dumpbase b", "!conflicting-outputs"},
    {"clang -c a.c -dumpdir x", "!dump"},
    /* depfiles */
    {"gcc -c a.c -MD", "c > a.o ; a.d : a.o"},
    {"gcc -c a.c -MMD", "c > a.o ; a.d : a.o (user)"},
    {"gcc -c d/a.b.c -MD", "c > a.b.o ; a.b.d : a.b.o"},
    {"gcc -c a.c -MD -o x.o", "c > x.o ; x.d : x.o"},
    {"gcc -c a.c -MD -o d/x.y.o", "c > d/x.y.o ; d/x.y.d : d/x.y.o"},
    {"gcc -c a.c -MD -o d/x", "c > d/x ; d/x.d : d/x"},
    {"gcc -c a.c -MD -o d/.x", "c > d/.x ; d/.d : d/.x"},
    {"clang -c a.c -MD -o d/.x", "c > d/.x ; d/.d : d/.x"},
    {"gcc -c a.c -MD -MF d/dep", "c > a.o ; d/dep : a.o"},
    {"gcc -c a.c -MD -MFd/dep", "c > a.o ; d/dep : a.o"},
    {"gcc -c a.c -MD -MF dep -MP", "c > a.o ; dep : a.o (phony)"},
    {"gcc -c a.c -MD -MT t", "c > a.o ; a.d : t"},
    {"gcc -c a.c -MD -MTt", "c > a.o ; a.d : t"},
    {"gcc -c a.c -MD -MQ t$t", "c > a.o ; a.d : t$$t"},
    {"gcc -c a.c -MD -MT t$t", "c > a.o ; a.d : t$t"},
    {"gcc -c a.c -MD -MQ q1 -MT t1 -MQ q2 -MT t2", "c > a.o ; a.d : t1 t2 q1 q2"},
    {"clang -c a.c -MD -MQ q1 -MT t1 -MQ q2 -MT t2", "c > a.o ; a.d : q1 t1 q2 t2"},
    {"gcc -c a.c -MD -o ./x.o", "c > ./x.o ; ./x.d : x.o"},
    {"clang -c a.c -MD -o ./x.o", "c > ./x.o ; ./x.d : ./x.o"},
    {"gcc -c a.c -MD -o a#b$c.o", "c > a#b$c.o ; a#b$c.d : a\\#b$$c.o"},
    {"gcc -c a.c -MD -MF -", "!output-to-stdout"},
    {"gcc -c a.c -MD -MF /dev/stdout", "!output-to-stdout"},
    {"gcc -c a.c -MD -MF a -MF b", "!conflicting-depfiles"},
    {"gcc -c a.c -MF x", "!conflicting-depfiles"},
    {"gcc -c a.c -MD -MMD", "!conflicting-depfiles"},
    {"gcc -c a.c -MD -MD", "c > a.o ; a.d : a.o"},
    {"gcc -S a.c -MD", "c > a.s ; a.d : a.o"},
    {"gcc -S a.c -MD -o x.s", "c > x.s ; x.d : x.s"},
    {"gcc -c a.s -MD", "assembler > a.o"},
    {"gcc -c a.S -MD", "assembler-with-cpp > a.o ; a.d : a.o"},
    {"gcc -c a.i -MD", "cpp-output > a.o"},
    {"gcc -c a.c -Wp,-MD,d/x", "c > a.o ; d/x : a.o"},
    {"gcc -c a.c -Wp,-MMD,d/x -o y.o", "c > y.o ; d/x : a.o (user)"},
    {"clang -c a.c -Wp,-MMD,d/x -o y.o", "c > y.o ; d/x : y.o (user)"},
    {"gcc -c a.c -Wp,-MD,d/x,-MT,t", "c > a.o ; d/x : t"},
    {"clang -c a.c -Wp,-MD,d/x,-MT,t", "!conflicting-depfiles"},
    {"gcc -c a.c -Xpreprocessor -MD -Xpreprocessor d/x", "c > a.o ; d/x : a.o"},
    {"clang -c a.c -Xpreprocessor -MD -Xpreprocessor d/x", "!conflicting-depfiles"},
    {"gcc -c a.c -Wp,-MD,x -MD", "!conflicting-depfiles"},
    {"gcc -c a.c -Wp,-MD,x -MT t", "!conflicting-depfiles"},
    {"gcc -c a.c -Wp,-MD", "!unknown-preprocessor-option"},
    {"gcc -c a.c -MG -MD", "!dependencies-only"},
    {"clang -c a.c -MV -MD", "!unsupported-option"},
    /* the preprocessor, the assembler, the front end */
    {"gcc -c a.c -Wp,-D_FORTIFY_SOURCE=2", "c > a.o"},
    {"gcc -c a.c -Wp,-DA,-UB,-I,d", "c > a.o"},
    {"gcc -c a.c -Wp,-dM", "!unknown-preprocessor-option"},
    {"gcc -c a.c -Wp,-o,x", "!unknown-preprocessor-option"},
    {"gcc -c a.c -Wp,@x", "!unknown-preprocessor-option"},
    {"gcc -c a.c -Xpreprocessor -fdump", "!unknown-preprocessor-option"},
    {"gcc -c a.c -Xpreprocessor", "!missing-argument"},
    {"gcc -c a.c -Wa,--noexecstack", "c > a.o"},
    {"gcc -c a.c -Wa,--defsym,x=1,-I,d", "c > a.o"},
    {"gcc -c a.c -Wa,-alh=x", "!unknown-assembler-option"},
    {"gcc -c a.c -Wa,-o,x", "!unknown-assembler-option"},
    {"gcc -c a.c -Wa,--MD,x", "!unknown-assembler-option"},
    {"gcc -c a.c -Wa,@x", "!unknown-assembler-option"},
    {"gcc -c a.c -Xassembler --listing-rhs-width=3", "!unknown-assembler-option"},
    {"gcc -c a.c -Wa,-g", "!combination"},
    {"gcc -c a.s -Wa,-g", "assembler > a.o +cwd"},
    {"clang -c a.c -Xclang -fno-pch-timestamp", "c > a.o"},
    {"clang -c a.c -Xclang -emit-pch", "!combination"},
    {"clang -c a.c -Xclang -load -Xclang x.so", "!unknown-frontend-option"},
    {"clang -c a.c -mllvm -stats", "!unsupported-option"},
    {"clang -c a.c -cc1", "!unsupported-option"},
    /* plugins, modules, offload */
    {"gcc -c a.c -fplugin=x.so", "!plugin"},
    {"gcc -c a.c -fplugin-arg-x-y=z", "!plugin"},
    {"clang -c a.c -fpass-plugin=x.so", "!plugin"},
    {"gcc -c a.cc -fmodules-ts", "!modules"},
    {"gcc -c a.cc -fmodule-header", "!modules"},
    {"gcc -c a.cc -fmodule-mapper=x", "!modules"},
    {"clang -c a.m -fmodules", "!modules"},
    {"clang -c a.m -fmodules -fmodules-cache-path=x", "!modules"},
    {"clang -c a.m -fno-modules", "objective-c > a.o"},
    {"clang -c a.cc -fmodule-file=x", "!modules"},
    {"clang -c a.cc -fprebuilt-module-path=x", "!modules"},
    {"gcc -c a.cc -fdeps-format=p1689r5", "!modules"},
    {"gcc -c a.cc -std=c++20", "c++ > a.o"},
    {"gcc -c a.c -foffload=nvptx-none", "!offload"},
    {"gcc -c a.c -foffload=disable", "c > a.o"},
    {"gcc -c a.c -fopenmp", "c > a.o"},
    {"clang -c a.c -fopenmp -fopenmp-targets=nvptx64", "!offload"},
    {"clang -c a.c --offload-arch=x", "!offload"},
    /* precompiled headers */
    {"gcc -c a.h", "c-header > a.h.gch +cwd +varies"},
    {"gcc -c a.h -o d/a.h.gch", "c-header > d/a.h.gch +cwd +varies"},
    {"gcc -c a.hpp -MD", "c++-header > a.hpp.gch ; a.d : a.o +cwd +varies"},
    {"g++ -c a.h -o a.h.gch -MD", "c++-header > a.h.gch ; a.h.d : a.h.gch +cwd +varies"},
    {"gcc -x c++-header -c all -o all.gch", "c++-header > all.gch +cwd +varies"},
    {"gcc -x c++-header -include all.h -c none.cc -o all.gch", "c++-header > all.gch +cwd +varies"},
    {"gcc a.h -o a.h.gch", "c-header > a.h.gch +cwd +varies"},
    {"gcc a.h -o a.h.gch -MD -MF d", "c-header > a.h.gch ; d : a.h.gch +cwd +varies"},
    {"gcc a.h -o a.h.gch -MD", "!precompiled-header"},
    {"gcc a.h", "!precompiled-header"},
    {"gcc -S a.h", "!precompiled-header"},
    {"gcc -c a.h -fstack-usage", "!combination"},
    {"clang -c a.h -o a.h.pch", "!precompiled-header"},
    {"clang -c a.h -o a.h.pch -Xclang -fno-pch-timestamp", "c-header > a.h.pch +cwd +varies"},
    {"clang a.h -o a.h.pch -Xclang -fno-pch-timestamp", "c-header > a.h.pch +cwd +varies"},
    {"clang -x c++-header -c a.cc -o a.pch -Xclang -emit-pch -Xclang -include -Xclang b.h -Xclang -fno-pch-timestamp",
     "c++-header > a.pch +cwd +varies"},
    {"clang -c a.h -o a.pch -Xclang -fno-pch-timestamp -include b.h", "!precompiled-header"},
    {"clang -c a.h -o a.pch -Xclang -fno-pch-timestamp -include-pch b.pch", "!precompiled-header"},
    {"clang -c a.h -o a.pch -Xclang -fno-pch-timestamp -Xclang -include-pch -Xclang b.pch", "!precompiled-header"},
    {"clang -c a.h -Xclang -fno-pch-timestamp", "!precompiled-header"},
    {"clang -c a.c -Xclang -include-pch -Xclang a.pch -Xclang -include -Xclang a.h", "c > a.o"},
    {"clang -c a.c -Xclang -include", "!unknown-frontend-option"},
    {"clang -c a.c -include-pch a.pch", "c > a.o"},
    /* machine */
    {"gcc -c a.c -march=native", "c > a.o +cpu"},
    {"gcc -c a.c -mtune=native", "c > a.o +cpu"},
    {"gcc -c a.c -mcpu=native+crc", "c > a.o +cpu"},
    {"gcc -c a.c -march=x86-64-v3", "c > a.o"},
    {"gcc -c a.c -m32", "c > a.o"},
    {"gcc -c a.c -mdump-tune-features", "!statistics"},
    {"gcc -c a.c -arch x86_64", "!several-architectures"},
    {"clang -c a.c -arch arm64 -arch x86_64", "!several-architectures"},
    {"clang -c a.c -target aarch64-linux-gnu", "c > a.o"},
    {"clang -c a.c --target=aarch64-linux-gnu", "c > a.o"},
    {"gcc -c a.c -target aarch64", "!unknown-option"},
    /* what is not known */
    {"gcc -c a.cc -fsearch-include-path=user", "!unsupported-option"},
    {"gcc -c a.c -fcondition-coverage", "c > a.o +cwd +varies"},
    {"clang -c a.c -fdriver-only", "!information"},
    {"gcc -c a.c -frob", "c > a.o"},
    {"gcc -c a.c -Wwhatever", "c > a.o"},
    {"gcc -c a.c -mwhatever=3", "c > a.o"},
    {"gcc -c a.c -Xfoo", "!unknown-option"},
    {"gcc -c a.c -Zfoo", "!unknown-option"},
    {"gcc -c a.c --frobnicate", "!unknown-option"},
    {"gcc -c a.c -qopt", "!unknown-option"},
    {"gcc -c a.c -jobs", "!unknown-option"},
    {"gcc -c a.c -wrapper time", "!unsupported-option"},
    {"gcc -c a.c -I-", "!unsupported-option"},
    {"gcc -c a.c -remap", "!unsupported-option"},
    {"gcc -c a.c -ivfsoverlay x", "!unknown-option"},
    {"clang -c a.c -ivfsoverlay x", "!unsupported-option"},
    {"clang -c a.c -fmodules-user-build-path x", "!modules"},
    {"clang -c a.c -fexperimental-openacc-macro-override x", "!unsupported-option"},
    {"clang -c a.c -gsplit-dwarf -fdebug-compilation-dir=x", "!combination"},
    {"clang -c a.c -fdebug-compilation-dir x", "c > a.o"},
    {"clang -c a.c -mthread-model single", "c > a.o"},
    {"clang -c a.c -meabi gnu", "!unsupported-option"},
    {"clang -c a.c -Xanalyzer x", "!analyzer"},
    {"clang -c a.c -index-store-path x", "!unsupported-option"},
    {"clang -c a.c -dependency-file x", "!unsupported-option"},
    {"clang -c a.c -module-dependency-dir x", "!modules"},
    {"clang -c a.c -filelist x", "!unsupported-option"},
    {"clang -c a.c -ccc-gcc-name x", "!unsupported-option"},
    {"clang -c a.c --driver-mode=g++", "!unsupported-option"},
    {"clang -c a.c -ObjC", "!unsupported-option"},
    {"clang -c a.c --", "!unknown-option"},
    {"gcc -c a.c -", "!stdin"},
    {"gcc -c a.c --param x=1", "c > a.o"},
    {"gcc -c a.c --param=x=1", "c > a.o"},
    {"gcc -c a.c --param", "!missing-argument"},
    {"gcc -c a.c -D", "!missing-argument"},
    {"gcc -c a.c -I", "!missing-argument"},
    {"gcc -c a.c -include", "!missing-argument"},
    {"gcc -c a.c -isysroot", "!missing-argument"},
    {"gcc -c a.c -std=gnu17 -ansi -pedantic -w -pipe -pthread -pg -P -C -undef -nostdinc", "c > a.o"},
    {"gcc -c a.c -shared -static -s -r -rdynamic -nostdlib -no-pie -L d -lx -Wl,x -Xlinker y -z now -T s -u v -e w",
     "c > a.o"},
};

/* What is in the key. */
static const Row key_rows[] = {
    {"gcc -c a.c", "-c a.c"},
    {"gcc -c a.c -o x.o", "-c a.c"},
    {"gcc -c a.c -ox.o -MD -MF d -MT t -MQ q -MP", "-c a.c -MD -MP"},
    {"gcc -c a.c -MMD -MFd", "-c a.c -MMD"},
    {"gcc -c a.c -pipe --pipe", "-c a.c"},
    {"gcc -S a.c -Id -I d -O2", "-S a.c -Id -I d -O2"},
    {"gcc -c a.c -g -o x.o", "-c a.c -g"},
    {"gcc -c a.c -gsplit-dwarf -o x.o", "-c a.c -gsplit-dwarf -o x.o"},
    {"gcc -c a.c --coverage -ox.o", "-c a.c --coverage -o x.o"},
    {"gcc -c a.c --coverage", "-c a.c --coverage"},
    {"gcc -c a.c -fprofile-generate -o x.o", "-c a.c -fprofile-generate -o x.o"},
    {"gcc -c a.c -frecord-gcc-switches -o x.o -pipe -MD -MF y", "-c a.c -frecord-gcc-switches -o x.o -pipe -MD -MF y"},
    {"gcc -c a.c -Wp,-MD,x", "-c a.c -Xpreprocessor -MD"},
    {"gcc -c a.c -Wp,-MMD,x,-MP,-MT,t,-DA,-I,d",
     "-c a.c -Xpreprocessor -MMD -Xpreprocessor -MP -Xpreprocessor -DA -Xpreprocessor -I -Xpreprocessor d"},
    {"gcc -c a.c -Xpreprocessor -DA", "-c a.c -Xpreprocessor -DA"},
    {"gcc -c a.c -Wa,--noexecstack", "-c a.c -Wa,--noexecstack"},
    {"gcc -c a.c -x c -dumpbase b", "-c a.c -x c -dumpbase b"},
    {"gcc -c a.c -Wl,x -lm", "-c a.c -Wl,x -lm"},
    {"clang -c a.c -Qunused-arguments", "-c a.c -Qunused-arguments"},
};

/* Where paths are in the key: the argument from there on. */
static const Row path_rows[] = {
    {"gcc -c d/a.c", "d/a.c"},
    {"gcc -c a.c -Id -I e -iquotef -isystem g -DH=i", "a.c d e f g"},
    {"gcc -c a.c --sysroot=r --sysroot=r", "a.c r r"},
    {"gcc -c a.c -include i.h -imacros m.h -specs=s -B b", "a.c i.h m.h s b"},
    {"gcc -c a.c -ffile-prefix-map=/a=/b", "a.c /a=/b"},
    {"gcc -c a.c -fprofile-generate=/p -o x", "a.c /p x"},
    {"gcc -c a.c -Wp,-I,d -Wp,-Ie", "a.c d e"},
    {"clang -c a.c -fsanitize-ignorelist=l -include-pch p -resource-dir q", "a.c l p q"},
};

/* Directories of headers; of tools; files. */
static const Row search_rows[] = {
    {"gcc -c a.c", ""},
    {"gcc -c a.c -I d -Ie -iquote f -isystem g -idirafter h", "d e f g h"},
    {"gcc -c a.c -Wp,-I,d -Xpreprocessor -Ie", "d e"},
    {"gcc -c a.s -Wa,-I,d", "d"},
    {"gcc -c a.c --embed-dir=e", "e"},
    {"gcc -c a.c -iprefix p/ -iwithprefix q -iwithprefixbefore r", "p/q p/r"},
    {"gcc -c a.c --sysroot=/s -I=/d -isystem $SYSROOT/e", "/s/d /s/e"},
    {"clang++ -c a.cc -cxx-isystem d -stdlib++-isystem e", "d e"},
};

static const Row input_rows[] = {
    {"gcc -c a.c", ""},
    {"gcc -c a.c -include a.h -includeb.h -imacros c.h -specs=d --specs=e", "a.h b.h c.h d e"},
    {"gcc -c a.c -Wp,-include,a.h", "a.h"},
    {"clang -c a.c -include-pch p -fsanitize-ignorelist=l -fxray-attr-list=x -fprofile-list=y", "p l x y"},
    {"clang -c a.c -Xclang -include-pch -Xclang p -Xclang -include -Xclang h", "p h"},
};

static const Row tool_rows[] = {
    {"gcc -c a.c", ""},
    {"gcc -c a.c -B b -Bc --sysroot s", "b c s"},
    {"clang -c a.c --gcc-toolchain=t -resource-dir r -isysroot s", "t r s"},
};

static CompileOptions *parse(const char *command)
{
    g_auto(GStrv) argv = g_strsplit(command, " ", -1);
    return compile_options_parse(argv, -1, -1, NULL);
}

static void append_list(GString *text, GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", (const char *)g_ptr_array_index(list, i));
}

static char *describe(const CompileOptions *options)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (options->reason != NULL)
        return g_strconcat("!", options->reason, NULL);
    g_string_append_printf(text, "%s > ", options->language);
    append_list(text, options->outputs);
    if (options->depfile != NULL)
        g_string_append_printf(text, " ; %s : %s", options->depfile, options->deptarget);
    g_string_append(text, options->depfile != NULL && !options->depfile_system ? " (user)" : "");
    g_string_append(text, options->depfile_phony ? " (phony)" : "");
    g_string_append(text, options->depends_on_cpu ? " +cpu" : "");
    g_string_append(text, options->depends_on_cwd ? " +cwd" : "");
    g_string_append(text, options->records_switches ? " +switches" : "");
    g_string_append(text, options->varies ? " +varies" : "");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean is_known_reason(const char *reason)
{
    return g_strv_contains(compile_options_reasons(), reason);
}

static void test_rows(void)
{
    g_assert_cmpuint(G_N_ELEMENTS(rows), >=, 250);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(CompileOptions) options = parse(rows[i].command);
        g_autofree char *text = describe(options);
        if (strcmp(text, rows[i].result) != 0)
            g_error("%s: %s, not %s", rows[i].command, text, rows[i].result);
        g_assert_true(options->reason == NULL || is_known_reason(options->reason));
        g_assert_cmpuint(options->key_arguments->len, ==, options->key_paths->len);
    }
}

typedef GPtrArray *(*Picker)(const CompileOptions *options);

static GPtrArray *pick_key(const CompileOptions *options)
{
    return options->key_arguments;
}

static GPtrArray *pick_search(const CompileOptions *options)
{
    return options->search_dirs;
}

static GPtrArray *pick_inputs(const CompileOptions *options)
{
    return options->input_files;
}

static GPtrArray *pick_tools(const CompileOptions *options)
{
    return options->tool_dirs;
}

static void check_lists(const Row *table, gsize count, Picker pick)
{
    for (gsize i = 0; i < count; i++) {
        g_autoptr(CompileOptions) options = parse(table[i].command);
        g_autoptr(GString) text = g_string_new(NULL);
        append_list(text, pick(options));
        if (strcmp(text->str, table[i].result) != 0)
            g_error("%s: %s, not %s", table[i].command, text->str, table[i].result);
    }
}

static void test_lists(void)
{
    check_lists(key_rows, G_N_ELEMENTS(key_rows), pick_key);
    check_lists(search_rows, G_N_ELEMENTS(search_rows), pick_search);
    check_lists(input_rows, G_N_ELEMENTS(input_rows), pick_inputs);
    check_lists(tool_rows, G_N_ELEMENTS(tool_rows), pick_tools);
}

static void test_paths(void)
{
    for (gsize row = 0; row < G_N_ELEMENTS(path_rows); row++) {
        g_autoptr(CompileOptions) options = parse(path_rows[row].command);
        g_autoptr(GString) text = g_string_new(NULL);
        for (guint i = 0; i < options->key_paths->len; i++) {
            int path = g_array_index(options->key_paths, gint, i);
            const char *argument = g_ptr_array_index(options->key_arguments, i);
            if (path >= 0)
                g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", argument + path);
        }
        g_assert_cmpstr(text->str, ==, path_rows[row].result);
    }
}

static void test_culprit(void)
{
    g_autoptr(CompileOptions) options = parse("gcc -c a.c -O2 --frobnicate -Zx");
    g_assert_cmpstr(options->reason, ==, "unknown-option");
    g_assert_cmpstr(options->culprit, ==, "--frobnicate");
    g_autoptr(CompileOptions) purpose = parse("gcc a.c --frobnicate");
    g_assert_cmpstr(purpose->reason, ==, "link");
    g_assert_null(purpose->culprit);
}

static void test_nothing(void)
{
    char *argv[] = {NULL};
    g_autoptr(GError) error = NULL;
    g_assert_null(compile_options_parse(argv, -1, -1, &error));
    g_assert_nonnull(error);
    g_autoptr(CompileOptions) options = compile_options_parse_as(argv, COMPILE_FAMILY_GCC, -1, -1);
    g_assert_cmpstr(options->reason, ==, "no-source");
}

static void test_families(void)
{
    char *argv[] = {(char *)"cc", (char *)"-c", (char *)"a.c", (char *)"-MD", (char *)"-o", (char *)"./x.o", NULL};
    g_assert_cmpint(compile_family_of("/usr/bin/x86_64-linux-gnu-gcc-12"), ==, COMPILE_FAMILY_GCC);
    g_assert_cmpint(compile_family_of("g++"), ==, COMPILE_FAMILY_GCC);
    g_assert_cmpint(compile_family_of("/gcc/clang++-14"), ==, COMPILE_FAMILY_CLANG);
    g_assert_cmpint(compile_family_of("/clang/cc"), ==, COMPILE_FAMILY_UNKNOWN);
    g_autoptr(CompileOptions) gcc = compile_options_parse_as(argv, COMPILE_FAMILY_GCC, -1, -1);
    g_autoptr(CompileOptions) clang = compile_options_parse_as(argv, COMPILE_FAMILY_CLANG, -1, -1);
    g_assert_cmpstr(gcc->deptarget, ==, "x.o");
    g_assert_cmpstr(clang->deptarget, ==, "./x.o");
}

static void test_environment(void)
{
    g_assert_cmpint(compile_options_environment("CPATH"), ==, COMPILE_VARIABLE_KEY);
    g_assert_cmpint(compile_options_environment("LC_MESSAGES"), ==, COMPILE_VARIABLE_KEY);
    g_assert_cmpint(compile_options_environment("DEPENDENCIES_OUTPUT"), ==, COMPILE_VARIABLE_REFUSED);
    g_assert_cmpint(compile_options_environment("CCC_OVERRIDE_OPTIONS"), ==, COMPILE_VARIABLE_REFUSED);
    g_assert_cmpint(compile_options_environment("CPATHS"), ==, COMPILE_VARIABLE_IRRELEVANT);
    g_assert_cmpint(compile_options_environment("HOME"), ==, COMPILE_VARIABLE_IRRELEVANT);
}

/* Response files: a directory of its own as "/", and one in it as the working directory. */

typedef struct {
    char *root;
    int root_fd, cwd_fd;
} Files;

static void put(Files *files, const char *name, const char *text, gssize length)
{
    g_autofree char *path = g_build_filename(files->root, name, NULL);
    g_assert_true(g_file_set_contents(path, text, length, NULL));
}

static void set_up(Files *files, gconstpointer data)
{
    files->root = g_dir_make_tmp("compile-options-XXXXXX", NULL);
    files->root_fd = open(files->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(mkdirat(files->root_fd, "w", 0755), ==, 0);
    files->cwd_fd = openat(files->root_fd, "w", O_PATH | O_DIRECTORY | O_CLOEXEC);
    put(files, "secret", "-DSECRET", -1);
}

static void tear_down(Files *files, gconstpointer data)
{
    const char *argv[] = {"rm", "-rf", files->root, NULL};
    close(files->cwd_fd);
    close(files->root_fd);
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    g_free(files->root);
}

static char *expand(Files *files, const char *command)
{
    g_auto(GStrv) argv = g_strsplit(command, " ", -1);
    g_autoptr(CompileOptions) options = compile_options_parse(argv, files->cwd_fd, files->root_fd, NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    if (g_strcmp0(options->reason, "response-file") == 0)
        return g_strconcat("!", options->culprit, NULL);
    for (guint i = 1; i < options->arguments->len; i++)
        g_string_append_printf(text, "[%s]", (const char *)g_ptr_array_index(options->arguments, i));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void check_expansion(Files *files, const char *command, const char *result)
{
    g_autofree char *text = expand(files, command);
    g_assert_cmpstr(text, ==, result);
}

static void test_response(Files *files, gconstpointer data)
{
    static const Row texts[] = {
        {"-c a.c", "[-c][a.c]"},
        {"  -c\n\ta.c\r\n\v\f", "[-c][a.c]"},
        {"", ""},
        {" \n", ""},
        {"'-DA=b c' \"-DB=d  e\"", "[-DA=b c][-DB=d  e]"},
        {"-DA='b c'd\"e f\"g", "[-DA=b cde fg]"},
        {"'' \"\"", "[][]"},
        {"-DA=\\\"x\\\" a\\ b \\'c \\\\", "[-DA=\"x\"][a b]['c][\\]"},
        {"'it\"s' \"it's\"", "[it\"s][it's]"},
        {"'a\\b'", "!@r"}, /* compilers disagree */
        {"\"a\\\"b\"", "!@r"},
        {"a\\\nb", "!@r"},
        {"a\\", "!@r"},
        {"'a", "!@r"},
        {"\"a", "!@r"},
        {"\xef\xbb\xbf-c", "!@r"},
        {"\xff\xfe-c", "!@r"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        put(files, "w/r", texts[i].command, -1);
        check_expansion(files, "gcc @r", texts[i].result);
    }
    put(files, "w/r", "-c\0a.c", 6);
    check_expansion(files, "gcc @r", "!@r");
}

static void test_response_nested(Files *files, gconstpointer data)
{
    put(files, "w/a", "-DA @b @/w/b -DZ", -1);
    put(files, "w/b", "'@c'", -1);
    put(files, "w/c", "-DC", -1);
    check_expansion(files, "gcc -c @a x.c -o @c", "[-c][-DA][-DC][-DC][-DZ][x.c][-o][-DC]");
    put(files, "w/c", "@a", -1);
    g_autofree char *endless = expand(files, "gcc @a");
    g_assert_true(g_str_has_prefix(endless, "!@"));
    put(files, "w/c", "@nowhere", -1);
    check_expansion(files, "gcc @a", "!@nowhere");
}

static void test_response_wide(Files *files, gconstpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    put(files, "w/one", "x", -1);
    for (int i = 0; i < COMPILE_RESPONSE_FILES_MAX + 1; i++)
        g_string_append(text, "@one ");
    put(files, "w/r", text->str, -1);
    check_expansion(files, "gcc @r", "!@one");
    g_autofree char *large = g_malloc(COMPILE_RESPONSE_SIZE_MAX + 1);
    memset(large, ' ', COMPILE_RESPONSE_SIZE_MAX + 1);
    put(files, "w/r", large, COMPILE_RESPONSE_SIZE_MAX + 1);
    check_expansion(files, "gcc @r", "!@r");
    put(files, "w/r", large, COMPILE_RESPONSE_SIZE_MAX / 2 + 1);
    check_expansion(files, "gcc @r", "");
    check_expansion(files, "gcc @r @r", "!@r"); /* too much together */
    for (int i = 0; i < 2 * (COMPILE_RESPONSE_ARGUMENTS_MAX + 1); i += 2)
        large[i] = 'x';
    put(files, "w/r", large, 2 * (COMPILE_RESPONSE_ARGUMENTS_MAX + 1));
    check_expansion(files, "gcc @r", "!@r");
}

static void test_response_hostile(Files *files, gconstpointer data)
{
    check_expansion(files, "gcc @../secret", "!@../secret");
    check_expansion(files, "gcc @/secret", "[-DSECRET]");
    check_expansion(files, "gcc @/../../secret", "[-DSECRET]"); /* its "/" has nothing above */
    g_assert_cmpint(symlinkat("../secret", files->cwd_fd, "out"), ==, 0);
    g_assert_cmpint(symlinkat("/secret", files->cwd_fd, "top"), ==, 0);
    g_assert_cmpint(mkdirat(files->cwd_fd, "d", 0755), ==, 0);
    g_assert_cmpint(mkfifoat(files->root_fd, "w/pipe", 0644), ==, 0);
    check_expansion(files, "gcc @out", "!@out");
    check_expansion(files, "gcc @top", "!@top");
    check_expansion(files, "gcc @/w/top", "[-DSECRET]");
    check_expansion(files, "gcc @d", "!@d");
    check_expansion(files, "gcc @pipe", "!@pipe");
    check_expansion(files, "gcc @", "!@");
    check_expansion(files, "gcc @/proc/self/environ", "!@/proc/self/environ");
}

static void test_response_nowhere(void)
{
    g_autoptr(CompileOptions) options = parse("gcc -c @x");
    g_assert_cmpstr(options->reason, ==, "response-file");
    g_assert_cmpstr(options->culprit, ==, "@x");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compile-options/rows", test_rows);
    g_test_add_func("/compile-options/lists", test_lists);
    g_test_add_func("/compile-options/paths", test_paths);
    g_test_add_func("/compile-options/culprit", test_culprit);
    g_test_add_func("/compile-options/nothing", test_nothing);
    g_test_add_func("/compile-options/families", test_families);
    g_test_add_func("/compile-options/environment", test_environment);
    g_test_add_func("/compile-options/response/nowhere", test_response_nowhere);
    g_test_add("/compile-options/response/text", Files, NULL, set_up, test_response, tear_down);
    g_test_add("/compile-options/response/nested", Files, NULL, set_up, test_response_nested, tear_down);
    g_test_add("/compile-options/response/wide", Files, NULL, set_up, test_response_wide, tear_down);
    g_test_add("/compile-options/response/hostile", Files, NULL, set_up, test_response_hostile, tear_down);
    return g_test_run();
}
