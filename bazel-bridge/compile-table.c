/*
 * What is not here is unknown, and not cached.  What gcc and clang accept beyond it is mostly -f…, -W…, -m…, -O… and -g… without a value of its own,
 * which a rule of prefixes covers; so those of them that take the next argument, or read or write files, must be here.  Checked against the compilers' own
 * lists by tests/integration/bridge/test-compile-options.
 *
 * Sorted by name for those who read it; the longest name that fits wins.
 */
#include "compile-table.h"

#include <string.h>

#define EXACT    SHAPE_EXACT
#define JOINED   SHAPE_JOINED
#define SEPARATE SHAPE_SEPARATE
#define EITHER   (SHAPE_JOINED | SHAPE_SEPARATE)
#define PREFIX   SHAPE_PREFIX

#define REFUSE(name, shape, family, reason)                                                                            \
    {                                                                                                                  \
        name, shape, family, 0, reason, 0, 0, 0                                                                        \
    }
#define PLAIN(name, shape, family)                                                                                     \
    {                                                                                                                  \
        name, shape, family, 0, NULL, 0, 0, 0                                                                          \
    }
#define WITH(name, shape, family, properties)                                                                          \
    {                                                                                                                  \
        name, shape, family, properties, NULL, 0, 0, 0                                                                 \
    }
#define VALUE(name, shape, family, properties, value)                                                                  \
    {                                                                                                                  \
        name, shape, family, properties, NULL, value, 0, 0                                                             \
    }
#define SETS(name, shape, family, properties, flag, setting)                                                           \
    {                                                                                                                  \
        name, shape, family, (properties) | PROP_FLAG, NULL, 0, flag, setting                                          \
    }

static const CompileOption driver_options[] = {
    REFUSE("-###", EXACT, FOR_BOTH, "verbose"),
    PLAIN("--all-warnings", EXACT, FOR_BOTH),
    REFUSE("--analyze", PREFIX, FOR_BOTH, "analyzer"),
    PLAIN("--ansi", EXACT, FOR_BOTH),
    REFUSE("--config", PREFIX, FOR_CLANG, "configuration-file"),
    SETS("--coverage", EXACT, FOR_BOTH, PROP_CWD | PROP_NAMES, FLAG_COVERAGE, 1),
    REFUSE("--dependencies", EXACT, FOR_BOTH, "dependencies-only"),
    REFUSE("--driver-mode=", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("--dump", PREFIX, FOR_BOTH, "dump"),
    WITH("--embed-dir=", JOINED, FOR_BOTH, PROP_SEARCH),
    PLAIN("--end-no-unused-arguments", EXACT, FOR_CLANG),
    PLAIN("--extra-warnings", EXACT, FOR_BOTH),
    WITH("--gcc-install-dir=", JOINED, FOR_CLANG, PROP_TOOLS),
    WITH("--gcc-toolchain=", JOINED, FOR_CLANG, PROP_TOOLS),
    REFUSE("--help", PREFIX, FOR_BOTH, "information"),
    WITH("--ld-path=", JOINED, FOR_CLANG, PROP_PATH),
    PLAIN("--no-default-config", EXACT, FOR_CLANG),
    REFUSE("--offload", PREFIX, FOR_CLANG, "offload"),
    PLAIN("--param", SEPARATE, FOR_BOTH),
    PLAIN("--param=", JOINED, FOR_BOTH),
    PLAIN("--pedantic", EXACT, FOR_BOTH),
    PLAIN("--pedantic-errors", EXACT, FOR_BOTH),
    WITH("--pipe", EXACT, FOR_BOTH, PROP_UNKEYED),
    REFUSE("--precompile", EXACT, FOR_CLANG, "modules"),
    REFUSE("--preprocess", EXACT, FOR_BOTH, "preprocess-only"),
    REFUSE("--print-", PREFIX, FOR_BOTH, "information"),
    PLAIN("--rtlib=", JOINED, FOR_CLANG),
    REFUSE("--save-temps", PREFIX, FOR_BOTH, "save-temps"),
    REFUSE("--serialize-diagnostics", PREFIX, FOR_CLANG, "diagnostics-file"),
    WITH("--specs=", JOINED, FOR_BOTH, PROP_INPUT),
    PLAIN("--start-no-unused-arguments", EXACT, FOR_CLANG),
    PLAIN("--std=", JOINED, FOR_BOTH),
    PLAIN("--stdlib=", JOINED, FOR_CLANG),
    VALUE("--sysroot", SEPARATE, FOR_BOTH, PROP_TOOLS, VALUE_SYSROOT),
    VALUE("--sysroot=", JOINED, FOR_BOTH, PROP_TOOLS, VALUE_SYSROOT),
    PLAIN("--target=", JOINED, FOR_CLANG),
    REFUSE("--target-help", EXACT, FOR_BOTH, "information"),
    PLAIN("--unwindlib=", JOINED, FOR_CLANG),
    REFUSE("--user-dependencies", EXACT, FOR_BOTH, "dependencies-only"),
    REFUSE("--verbose", EXACT, FOR_BOTH, "verbose"),
    REFUSE("--version", EXACT, FOR_BOTH, "information"),
    PLAIN("-A", EITHER, FOR_BOTH),
    WITH("-B", EITHER, FOR_BOTH, PROP_TOOLS),
    PLAIN("-C", EXACT, FOR_BOTH),
    PLAIN("-CC", EXACT, FOR_BOTH),
    PLAIN("-D", EITHER, FOR_BOTH),
    REFUSE("-E", EXACT, FOR_BOTH, "preprocess-only"),
    REFUSE("-H", EXACT, FOR_BOTH, "verbose"),
    WITH("-I", EITHER, FOR_BOTH, PROP_SEARCH),
    REFUSE("-I-", EXACT, FOR_BOTH, "unsupported-option"),
    WITH("-L", EITHER, FOR_BOTH, PROP_PATH),
    REFUSE("-M", EXACT, FOR_BOTH, "dependencies-only"),
    SETS("-MD", EXACT, FOR_BOTH, 0, FLAG_DEPENDENCIES, DEPENDENCIES_ALL),
    VALUE("-MF", EITHER, FOR_BOTH, PROP_UNKEYED, VALUE_DEPFILE),
    REFUSE("-MG", EXACT, FOR_BOTH, "dependencies-only"),
    REFUSE("-MJ", EITHER, FOR_CLANG, "compilation-database"),
    REFUSE("-MM", EXACT, FOR_BOTH, "dependencies-only"),
    SETS("-MMD", EXACT, FOR_BOTH, 0, FLAG_DEPENDENCIES, DEPENDENCIES_USER),
    SETS("-MP", EXACT, FOR_BOTH, 0, FLAG_PHONY, 1),
    VALUE("-MQ", EITHER, FOR_BOTH, PROP_UNKEYED, VALUE_QUOTED_TARGET),
    VALUE("-MT", EITHER, FOR_BOTH, PROP_UNKEYED, VALUE_TARGET),
    REFUSE("-MV", EXACT, FOR_CLANG, "unsupported-option"),
    PLAIN("-O", PREFIX, FOR_BOTH),
    REFUSE("-ObjC", PREFIX, FOR_BOTH, "unsupported-option"),
    PLAIN("-P", EXACT, FOR_BOTH),
    REFUSE("-Q", EXACT, FOR_BOTH, "statistics"),
    PLAIN("-Qn", EXACT, FOR_BOTH),
    PLAIN("-Qunused-arguments", EXACT, FOR_CLANG),
    PLAIN("-Qy", EXACT, FOR_BOTH),
    PLAIN("-Rno-pass", PREFIX, FOR_CLANG),
    PLAIN("-Rpass", PREFIX, FOR_CLANG),
    SETS("-S", EXACT, FOR_BOTH, 0, FLAG_MODE, MODE_COMPILE),
    WITH("-T", EITHER, FOR_BOTH, PROP_PATH),
    PLAIN("-U", EITHER, FOR_BOTH),
    PLAIN("-W", PREFIX, FOR_BOTH),
    VALUE("-Wa,", JOINED, FOR_BOTH, 0, VALUE_ASSEMBLERS),
    PLAIN("-Wl,", JOINED, FOR_BOTH),
    VALUE("-Wp,", JOINED, FOR_BOTH, PROP_UNKEYED, VALUE_PREPROCESSORS),
    REFUSE("-Xanalyzer", SEPARATE, FOR_CLANG, "analyzer"),
    REFUSE("-Xarch_", PREFIX, FOR_CLANG, "unsupported-option"),
    VALUE("-Xassembler", SEPARATE, FOR_BOTH, 0, VALUE_ASSEMBLER),
    VALUE("-Xclang", SEPARATE, FOR_CLANG, 0, VALUE_FRONTEND),
    PLAIN("-Xlinker", SEPARATE, FOR_BOTH),
    VALUE("-Xpreprocessor", SEPARATE, FOR_BOTH, PROP_UNKEYED, VALUE_PREPROCESSOR),
    PLAIN("-ansi", EXACT, FOR_BOTH),
    REFUSE("-arch", PREFIX, FOR_BOTH, "several-architectures"),
    REFUSE("-aux-info", PREFIX, FOR_GCC, "dump"),
    SETS("-c", EXACT, FOR_BOTH, 0, FLAG_MODE, MODE_ASSEMBLE),
    REFUSE("-cc1", PREFIX, FOR_BOTH, "unsupported-option"),
    REFUSE("-ccc-", PREFIX, FOR_CLANG, "unsupported-option"),
    SETS("-coverage", EXACT, FOR_BOTH, PROP_CWD | PROP_NAMES, FLAG_COVERAGE, 1),
    WITH("-cxx-isystem", EITHER, FOR_CLANG, PROP_SEARCH),
    REFUSE("-d", PREFIX, FOR_BOTH, "dump"),
    REFUSE("-dependency-dot", EITHER, FOR_CLANG, "dump"),
    REFUSE("-dependency-file", EITHER, FOR_CLANG, "unsupported-option"),
    VALUE("-dumpbase", SEPARATE, FOR_GCC, PROP_PATH, VALUE_DUMPBASE),
    VALUE("-dumpbase-ext", SEPARATE, FOR_GCC, 0, VALUE_DUMPBASE_EXT),
    VALUE("-dumpdir", SEPARATE, FOR_GCC, PROP_PATH, VALUE_DUMPDIR),
    REFUSE("-dumpfullversion", EXACT, FOR_BOTH, "information"),
    REFUSE("-dumpmachine", EXACT, FOR_BOTH, "information"),
    REFUSE("-dumpspecs", EXACT, FOR_BOTH, "information"),
    REFUSE("-dumpversion", EXACT, FOR_BOTH, "information"),
    PLAIN("-e", EITHER, FOR_BOTH),
    REFUSE("-emit-", PREFIX, FOR_BOTH, "unsupported-option"),
    REFUSE("-extract-api", PREFIX, FOR_CLANG, "unsupported-option"),
    PLAIN("-f", PREFIX, FOR_BOTH),
    REFUSE("-fada-", PREFIX, FOR_BOTH, "dump"),
    REFUSE("-fapinotes", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-fauto-profile", PREFIX, FOR_BOTH, "profile-use"),
    REFUSE("-fbasic-block-sections=list=", PREFIX, FOR_CLANG, "profile-use"),
    REFUSE("-fbranch-probabilities", EXACT, FOR_BOTH, "profile-use"),
    REFUSE("-fbuild-session", PREFIX, FOR_CLANG, "modules"),
    REFUSE("-fbuiltin-module-map", EXACT, FOR_CLANG, "modules"),
    SETS("-fcallgraph-info", PREFIX, FOR_GCC, 0, FLAG_CALLGRAPH, 1),
    REFUSE("-fcompare-debug", PREFIX, FOR_BOTH, "dump"),
    SETS("-fcondition-coverage", EXACT, FOR_GCC, PROP_CWD | PROP_NAMES, FLAG_STAMPS, 1),
    WITH("-fcoverage-", PREFIX, FOR_CLANG, PROP_CWD),
    WITH("-fcoverage-compilation-dir=", JOINED, FOR_CLANG, PROP_PATH | PROP_CWD),
    WITH("-fcoverage-prefix-map=", JOINED, FOR_CLANG, PROP_PATH),
    REFUSE("-fcrash-diagnostics", PREFIX, FOR_CLANG, "unsupported-option"),
    WITH("-fcreate-profile", EXACT, FOR_BOTH, PROP_CWD | PROP_NAMES),
    WITH("-fcs-profile-generate", PREFIX, FOR_CLANG, PROP_CWD | PROP_NAMES),
    REFUSE("-fcxx-modules", EXACT, FOR_CLANG, "modules"),
    SETS("-fdebug-compilation-dir", SEPARATE, FOR_CLANG, PROP_PATH, FLAG_DIRECTORY, 1),
    SETS("-fdebug-compilation-dir=", JOINED, FOR_CLANG, PROP_PATH, FLAG_DIRECTORY, 1),
    WITH("-fdebug-prefix-map=", JOINED, FOR_BOTH, PROP_PATH),
    REFUSE("-fdepfile-entry=", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-fdeps-", PREFIX, FOR_BOTH, "modules"),
    REFUSE("-fdiagnostics-add-output", PREFIX, FOR_BOTH, "diagnostics-file"),
    REFUSE("-fdiagnostics-format=json-file", EXACT, FOR_BOTH, "diagnostics-file"),
    REFUSE("-fdiagnostics-format=sarif-file", EXACT, FOR_BOTH, "diagnostics-file"),
    REFUSE("-fdiagnostics-set-output", PREFIX, FOR_BOTH, "diagnostics-file"),
    REFUSE("-fdirectives-only", EXACT, FOR_BOTH, "unsupported-option"),
    REFUSE("-fdriver-only", EXACT, FOR_CLANG, "information"),
    REFUSE("-fdump", PREFIX, FOR_BOTH, "dump"),
    WITH("-fembed-bitcode", PREFIX, FOR_CLANG, PROP_SWITCHES),
    REFUSE("-fembed-offload-object=", PREFIX, FOR_CLANG, "offload"),
    REFUSE("-fexperimental-modules", PREFIX, FOR_CLANG, "modules"),
    REFUSE("-fexperimental-openacc-macro-override", PREFIX, FOR_CLANG, "unsupported-option"),
    WITH("-fexperimental-sanitize-metadata-ignorelist=", JOINED, FOR_CLANG, PROP_INPUT),
    SETS("-ffile-compilation-dir=", JOINED, FOR_CLANG, PROP_PATH, FLAG_DIRECTORY, 1),
    WITH("-ffile-prefix-map=", JOINED, FOR_BOTH, PROP_PATH),
    REFUSE("-fforce-check-cxx20-modules", PREFIX, FOR_CLANG, "modules"),
    REFUSE("-fhelp", PREFIX, FOR_BOTH, "information"),
    REFUSE("-filelist", PREFIX, FOR_BOTH, "unsupported-option"),
    REFUSE("-fimplicit-module", PREFIX, FOR_CLANG, "modules"),
    REFUSE("-fintrinsic-modules-path", PREFIX, FOR_BOTH, "unsupported-option"),
    REFUSE("-flang-info-", PREFIX, FOR_BOTH, "modules"),
    SETS("-flto", PREFIX, FOR_BOTH, PROP_CWD, FLAG_LTO, 1),
    REFUSE("-fltrans", PREFIX, FOR_BOTH, "unsupported-option"),
    WITH("-fmacro-prefix-map=", JOINED, FOR_BOTH, PROP_PATH),
    REFUSE("-fmem-report", PREFIX, FOR_BOTH, "statistics"),
    REFUSE("-fmemory-profile-use", PREFIX, FOR_CLANG, "profile-use"),
    REFUSE("-fmodule-", PREFIX, FOR_BOTH, "modules"),
    REFUSE("-fmodules", PREFIX, FOR_BOTH, "modules"),
    SETS("-fno-callgraph-info", EXACT, FOR_GCC, 0, FLAG_CALLGRAPH, 0),
    REFUSE("-fno-integrated-as", EXACT, FOR_CLANG, "unsupported-option"), /* .dwo files without debug information */
    SETS("-fno-lto", EXACT, FOR_BOTH, 0, FLAG_LTO, 0),
    SETS("-fno-stack-usage", EXACT, FOR_BOTH, 0, FLAG_STACK, 0),
    SETS("-fno-test-coverage", EXACT, FOR_BOTH, 0, FLAG_NOTES, 0),
    REFUSE("-fno-syntax-only", EXACT, FOR_BOTH, "unsupported-option"),
    REFUSE("-fno-working-directory", EXACT, FOR_CLANG, "unsupported-option"),
    PLAIN("-foffload=disable", EXACT, FOR_GCC),
    REFUSE("-foffload", PREFIX, FOR_BOTH, "offload"),
    REFUSE("-fopenmp-targets=", PREFIX, FOR_CLANG, "offload"),
    REFUSE("-fopt-info", PREFIX, FOR_BOTH, "optimization-record"),
    REFUSE("-foptimization-record", PREFIX, FOR_CLANG, "optimization-record"),
    REFUSE("-fpass-plugin", PREFIX, FOR_CLANG, "plugin"),
    SETS("-fpath-coverage", EXACT, FOR_GCC, PROP_CWD | PROP_NAMES, FLAG_STAMPS, 1),
    REFUSE("-fplugin", PREFIX, FOR_BOTH, "plugin"),
    REFUSE("-fpost-ipa-mem-report", EXACT, FOR_BOTH, "statistics"),
    REFUSE("-fpre-include=", PREFIX, FOR_BOTH, "unsupported-option"),
    REFUSE("-fpre-ipa-mem-report", EXACT, FOR_BOTH, "statistics"),
    REFUSE("-fprebuilt-", PREFIX, FOR_CLANG, "modules"),
    REFUSE("-fpreprocessed", EXACT, FOR_BOTH, "unsupported-option"),
    REFUSE("-fproc-stat-report", PREFIX, FOR_CLANG, "statistics"),
    SETS("-fprofile", EXACT, FOR_BOTH, PROP_CWD | PROP_NAMES, FLAG_STAMPS, 1),
    SETS("-fprofile-arcs", EXACT, FOR_BOTH, PROP_CWD | PROP_NAMES, FLAG_STAMPS, 1),
    WITH("-fprofile-dir=", JOINED, FOR_BOTH, PROP_PATH | PROP_CWD | PROP_NAMES),
    SETS("-fprofile-generate", PREFIX, FOR_BOTH, PROP_CWD | PROP_NAMES, FLAG_STAMPS, 1),
    SETS("-fprofile-generate=", JOINED, FOR_BOTH, PROP_PATH | PROP_CWD | PROP_NAMES, FLAG_STAMPS, 1),
    WITH("-fprofile-instr-generate", PREFIX, FOR_CLANG, PROP_CWD | PROP_NAMES),
    REFUSE("-fprofile-instr-use", PREFIX, FOR_BOTH, "profile-use"),
    WITH("-fprofile-list=", JOINED, FOR_CLANG, PROP_INPUT),
    REFUSE("-fprofile-note", PREFIX, FOR_BOTH, "unsupported-option"),
    WITH("-fprofile-prefix-map=", JOINED, FOR_BOTH, PROP_PATH),
    WITH("-fprofile-prefix-path=", JOINED, FOR_BOTH, PROP_PATH),
    WITH("-fprofile-remapping-file=", JOINED, FOR_CLANG, PROP_INPUT),
    REFUSE("-fprofile-report", EXACT, FOR_BOTH, "statistics"),
    REFUSE("-fprofile-sample-use", PREFIX, FOR_BOTH, "profile-use"),
    REFUSE("-fprofile-use", PREFIX, FOR_BOTH, "profile-use"),
    WITH("-frandomize-layout-seed-file=", JOINED, FOR_CLANG, PROP_INPUT),
    REFUSE("-framework", PREFIX, FOR_BOTH, "unsupported-option"),
    WITH("-frecord-command-line", EXACT, FOR_CLANG, PROP_SWITCHES),
    WITH("-frecord-gcc-switches", EXACT, FOR_BOTH, PROP_SWITCHES),
    REFUSE("-frepo", EXACT, FOR_BOTH, "unsupported-option"),
    REFUSE("-freport-bug", EXACT, FOR_BOTH, "unsupported-option"),
    REFUSE("-fresolution=", PREFIX, FOR_BOTH, "unsupported-option"),
    REFUSE("-frewrite-map-file", PREFIX, FOR_CLANG, "unsupported-option"),
    WITH("-fsanitize-blacklist=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fsanitize-coverage-allowlist=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fsanitize-coverage-blacklist=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fsanitize-coverage-ignorelist=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fsanitize-coverage-whitelist=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fsanitize-ignorelist=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fsanitize-system-blacklist=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fsanitize-system-ignorelist=", JOINED, FOR_CLANG, PROP_INPUT),
    REFUSE("-fsave-optimization-record", PREFIX, FOR_BOTH, "optimization-record"),
    REFUSE("-fsearch-include-path", PREFIX, FOR_GCC, "unsupported-option"), /* the source is none of a file then */
    REFUSE("-fself-test", PREFIX, FOR_BOTH, "unsupported-option"),
    SETS("-fstack-usage", EXACT, FOR_GCC, 0, FLAG_STACK, 1),
    REFUSE("-fstack-usage", EXACT, FOR_CLANG, "unsupported-option"), /* a file only if there are functions */
    REFUSE("-fstats", EXACT, FOR_BOTH, "statistics"),
    REFUSE("-fsyntax-only", EXACT, FOR_BOTH, "syntax-only"),
    REFUSE("-fsystem-module", EXACT, FOR_CLANG, "modules"),
    REFUSE("-ftarget-help", EXACT, FOR_BOTH, "information"),
    SETS("-ftest-coverage", EXACT, FOR_BOTH, PROP_CWD | PROP_NAMES, FLAG_NOTES, 1),
    REFUSE("-fthin-link-bitcode=", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-fthinlto-index=", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-ftime-report", PREFIX, FOR_BOTH, "statistics"),
    REFUSE("-ftime-trace", PREFIX, FOR_CLANG, "time-trace"),
    REFUSE("-fversion", EXACT, FOR_BOTH, "information"),
    REFUSE("-fwpa", PREFIX, FOR_BOTH, "unsupported-option"),
    WITH("-fxray-always-instrument=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fxray-attr-list=", JOINED, FOR_CLANG, PROP_INPUT),
    WITH("-fxray-never-instrument=", JOINED, FOR_CLANG, PROP_INPUT),
    SETS("-g", PREFIX, FOR_BOTH, PROP_CWD, FLAG_VAGUE, 1),
    SETS("-g", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    SETS("-g0", EXACT, FOR_BOTH, 0, FLAG_DEBUG, 0),
    SETS("-g2", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    SETS("-g3", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    WITH("-gcc-toolchain", SEPARATE, FOR_CLANG, PROP_TOOLS),
    WITH("-gcodeview-command-line", EXACT, FOR_CLANG, PROP_SWITCHES),
    SETS("-gdwarf", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    SETS("-gdwarf-4", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    SETS("-gdwarf-5", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    REFUSE("-gen-", PREFIX, FOR_BOTH, "unsupported-option"),
    SETS("-ggdb", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    SETS("-ggdb0", EXACT, FOR_BOTH, 0, FLAG_DEBUG, 0),
    SETS("-ggdb2", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    SETS("-ggdb3", EXACT, FOR_BOTH, PROP_CWD, FLAG_DEBUG, 1),
    REFUSE("-gmodules", EXACT, FOR_CLANG, "modules"),
    PLAIN("-gno-", PREFIX, FOR_BOTH),
    SETS("-gno-split-dwarf", EXACT, FOR_BOTH, 0, FLAG_SPLIT, 0),
    WITH("-grecord-command-line", EXACT, FOR_CLANG, PROP_SWITCHES | PROP_CWD),
    WITH("-grecord-gcc-switches", EXACT, FOR_BOTH, PROP_SWITCHES | PROP_CWD),
    SETS("-gsplit-dwarf", EXACT, FOR_BOTH, PROP_CWD | PROP_NAMES, FLAG_SPLIT, 1),
    SETS("-gsplit-dwarf=single", EXACT, FOR_CLANG, PROP_CWD | PROP_NAMES, FLAG_SPLIT, SPLIT_SINGLE),
    SETS("-gsplit-dwarf=split", EXACT, FOR_CLANG, PROP_CWD | PROP_NAMES, FLAG_SPLIT, 1),
    PLAIN("-gz", EXACT, FOR_BOTH),
    PLAIN("-gz=", JOINED, FOR_BOTH),
    WITH("-idirafter", EITHER, FOR_BOTH, PROP_SEARCH),
    WITH("-imacros", EITHER, FOR_BOTH, PROP_INPUT),
    WITH("-include", EITHER, FOR_BOTH, PROP_INPUT),
    WITH("-include-pch", SEPARATE, FOR_CLANG, PROP_INPUT),
    REFUSE("-index-", PREFIX, FOR_CLANG, "unsupported-option"),
    PLAIN("-integrated-as", EXACT, FOR_CLANG),
    REFUSE("-integrated-", PREFIX, FOR_CLANG, "unsupported-option"),
    VALUE("-iprefix", EITHER, FOR_BOTH, PROP_PATH, VALUE_PREFIX),
    WITH("-iquote", EITHER, FOR_BOTH, PROP_SEARCH),
    VALUE("-isysroot", EITHER, FOR_BOTH, PROP_TOOLS, VALUE_SYSROOT),
    WITH("-isystem", EITHER, FOR_BOTH, PROP_SEARCH),
    REFUSE("-isystem-after", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-ivfs", PREFIX, FOR_CLANG, "unsupported-option"),
    VALUE("-iwithprefix", EITHER, FOR_BOTH, 0, VALUE_WITH_PREFIX),
    VALUE("-iwithprefixbefore", EITHER, FOR_BOTH, 0, VALUE_WITH_PREFIX),
    PLAIN("-l", EITHER, FOR_BOTH),
    PLAIN("-m", PREFIX, FOR_BOTH),
    WITH("-march=native", PREFIX, FOR_BOTH, PROP_CPU),
    WITH("-mcpu=native", PREFIX, FOR_BOTH, PROP_CPU),
    REFUSE("-mdump", PREFIX, FOR_BOTH, "statistics"),
    REFUSE("-meabi", EXACT, FOR_CLANG, "unsupported-option"),
    REFUSE("-mllvm", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-mmlir", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-module-", PREFIX, FOR_BOTH, "modules"),
    REFUSE("-mprint", PREFIX, FOR_BOTH, "statistics"),
    PLAIN("-mthread-model", SEPARATE, FOR_CLANG),
    WITH("-mtune=native", PREFIX, FOR_BOTH, PROP_CPU),
    PLAIN("-no-canonical-prefixes", EXACT, FOR_BOTH),
    PLAIN("-no-pedantic", EXACT, FOR_CLANG),
    PLAIN("-no-pie", EXACT, FOR_BOTH),
    PLAIN("-no-pthread", EXACT, FOR_CLANG),
    PLAIN("-nobuiltininc", EXACT, FOR_CLANG),
    PLAIN("-nodefaultlibs", EXACT, FOR_BOTH),
    PLAIN("-nolibc", EXACT, FOR_BOTH),
    PLAIN("-nopie", EXACT, FOR_CLANG),
    PLAIN("-nostartfiles", EXACT, FOR_BOTH),
    PLAIN("-nostdinc", EXACT, FOR_BOTH),
    PLAIN("-nostdinc++", EXACT, FOR_BOTH),
    PLAIN("-nostdlib", EXACT, FOR_BOTH),
    PLAIN("-nostdlib++", EXACT, FOR_BOTH),
    PLAIN("-nostdlibinc", EXACT, FOR_CLANG),
    VALUE("-o", EITHER, FOR_BOTH, PROP_UNKEYED, VALUE_OUTPUT),
    PLAIN("-p", EXACT, FOR_BOTH),
    WITH("-pass-exit-codes", EXACT, FOR_GCC, 0),
    PLAIN("-pedantic", EXACT, FOR_BOTH),
    PLAIN("-pedantic-errors", EXACT, FOR_BOTH),
    PLAIN("-pg", EXACT, FOR_BOTH),
    PLAIN("-pie", EXACT, FOR_BOTH),
    WITH("-pipe", EXACT, FOR_BOTH, PROP_UNKEYED),
    REFUSE("-print-", PREFIX, FOR_BOTH, "information"),
    PLAIN("-pthread", EXACT, FOR_BOTH),
    PLAIN("-pthreads", EXACT, FOR_BOTH),
    PLAIN("-r", EXACT, FOR_BOTH),
    PLAIN("-rdynamic", EXACT, FOR_BOTH),
    REFUSE("-relocatable-pch", EXACT, FOR_CLANG, "precompiled-header"),
    REFUSE("-remap", EXACT, FOR_BOTH, "unsupported-option"),
    WITH("-resource-dir", SEPARATE, FOR_CLANG, PROP_TOOLS),
    WITH("-resource-dir=", JOINED, FOR_CLANG, PROP_TOOLS),
    REFUSE("-rewrite-", PREFIX, FOR_CLANG, "unsupported-option"),
    PLAIN("-rtlib=", JOINED, FOR_CLANG),
    PLAIN("-s", EXACT, FOR_BOTH),
    REFUSE("-save-", PREFIX, FOR_BOTH, "save-temps"),
    REFUSE("-serialize-diagnostics", PREFIX, FOR_CLANG, "diagnostics-file"),
    PLAIN("-shared", EXACT, FOR_BOTH),
    PLAIN("-shared-libgcc", EXACT, FOR_BOTH),
    PLAIN("-shared-libsan", EXACT, FOR_CLANG),
    WITH("-specs=", JOINED, FOR_BOTH, PROP_INPUT),
    PLAIN("-static", EXACT, FOR_BOTH),
    PLAIN("-static-libasan", EXACT, FOR_GCC),
    PLAIN("-static-libgcc", EXACT, FOR_BOTH),
    PLAIN("-static-libsan", EXACT, FOR_CLANG),
    PLAIN("-static-libstdc++", EXACT, FOR_BOTH),
    PLAIN("-static-pie", EXACT, FOR_BOTH),
    PLAIN("-std=", JOINED, FOR_BOTH),
    PLAIN("-stdlib=", JOINED, FOR_CLANG),
    WITH("-stdlib++-isystem", EITHER, FOR_CLANG, PROP_SEARCH),
    PLAIN("-target", SEPARATE, FOR_CLANG),
    REFUSE("-time", PREFIX, FOR_BOTH, "statistics"),
    PLAIN("-traditional", EXACT, FOR_BOTH),
    PLAIN("-traditional-cpp", EXACT, FOR_BOTH),
    PLAIN("-trigraphs", EXACT, FOR_BOTH),
    PLAIN("-u", EITHER, FOR_BOTH),
    PLAIN("-undef", EXACT, FOR_BOTH),
    PLAIN("-unwindlib=", JOINED, FOR_CLANG),
    REFUSE("-v", EXACT, FOR_BOTH, "verbose"),
    REFUSE("-vfsoverlay", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-via-file-asm", EXACT, FOR_CLANG, "unsupported-option"),
    PLAIN("-w", EXACT, FOR_BOTH),
    REFUSE("-working-directory", PREFIX, FOR_CLANG, "unsupported-option"),
    REFUSE("-wrapper", PREFIX, FOR_GCC, "unsupported-option"),
    VALUE("-x", EITHER, FOR_BOTH, 0, VALUE_LANGUAGE),
    PLAIN("-z", EITHER, FOR_BOTH),
};

/* Of gcc's preprocessor; the values of -MD and -MMD are files here. */
static const CompileOption preprocessor_options[] = {
    PLAIN("-A", EITHER, FOR_BOTH),
    PLAIN("-C", EXACT, FOR_BOTH),
    PLAIN("-D", EITHER, FOR_BOTH),
    WITH("-I", EITHER, FOR_BOTH, PROP_SEARCH),
    SETS("-MD", SEPARATE, FOR_BOTH, 0, FLAG_DEPENDENCIES, DEPENDENCIES_ALL),
    SETS("-MMD", SEPARATE, FOR_BOTH, 0, FLAG_DEPENDENCIES, DEPENDENCIES_USER),
    SETS("-MP", EXACT, FOR_BOTH, 0, FLAG_PHONY, 1),
    VALUE("-MQ", EITHER, FOR_BOTH, PROP_UNKEYED, VALUE_QUOTED_TARGET),
    VALUE("-MT", EITHER, FOR_BOTH, PROP_UNKEYED, VALUE_TARGET),
    PLAIN("-P", EXACT, FOR_BOTH),
    PLAIN("-U", EITHER, FOR_BOTH),
    PLAIN("-Wno-", JOINED, FOR_BOTH),
    WITH("-idirafter", EITHER, FOR_BOTH, PROP_SEARCH),
    WITH("-imacros", EITHER, FOR_BOTH, PROP_INPUT),
    WITH("-include", EITHER, FOR_BOTH, PROP_INPUT),
    WITH("-iquote", EITHER, FOR_BOTH, PROP_SEARCH),
    WITH("-isystem", EITHER, FOR_BOTH, PROP_SEARCH),
    PLAIN("-undef", EXACT, FOR_BOTH),
    PLAIN("-w", EXACT, FOR_BOTH),
};

/* Of GNU as, and of clang's own assembler, which takes most of them. */
static const CompileOption assembler_options[] = {
    PLAIN("--32", EXACT, FOR_BOTH),
    PLAIN("--64", EXACT, FOR_BOTH),
    PLAIN("--compress-debug-sections", EXACT, FOR_BOTH),
    PLAIN("--compress-debug-sections=", JOINED, FOR_BOTH),
    PLAIN("--defsym", SEPARATE, FOR_BOTH),
    PLAIN("--divide", EXACT, FOR_BOTH),
    PLAIN("--execstack", EXACT, FOR_BOTH),
    PLAIN("--fatal-warnings", EXACT, FOR_BOTH),
    SETS("--gdwarf-", JOINED, FOR_BOTH, PROP_CWD, FLAG_TEMPORARY, 1),
    SETS("--gen-debug", EXACT, FOR_BOTH, PROP_CWD, FLAG_TEMPORARY, 1),
    PLAIN("--keep-locals", EXACT, FOR_BOTH),
    PLAIN("--no-warn", EXACT, FOR_BOTH),
    PLAIN("--noexecstack", EXACT, FOR_BOTH),
    PLAIN("--nocompress-debug-sections", EXACT, FOR_BOTH),
    PLAIN("--warn", EXACT, FOR_BOTH),
    PLAIN("--x32", EXACT, FOR_BOTH),
    WITH("-I", EITHER, FOR_BOTH, PROP_SEARCH),
    PLAIN("-L", EXACT, FOR_BOTH),
    PLAIN("-W", EXACT, FOR_BOTH),
    SETS("-g", EXACT, FOR_BOTH, PROP_CWD, FLAG_TEMPORARY, 1),
    PLAIN("-march=", JOINED, FOR_BOTH),
    PLAIN("-mbranches-within-32B-boundaries", EXACT, FOR_BOTH),
    PLAIN("-mimplicit-it=", JOINED, FOR_BOTH),
    PLAIN("-mrelax-relocations=", JOINED, FOR_BOTH),
    PLAIN("-mx86-used-note=", JOINED, FOR_BOTH),
};

static const CompileOption frontend_options[] = {
    SETS("-emit-pch", EXACT, FOR_CLANG, 0, FLAG_HEADER, 1),
    SETS("-fno-pch-timestamp", EXACT, FOR_CLANG, 0, FLAG_TIMELESS, 1),
    WITH("-include", SEPARATE, FOR_CLANG, PROP_INPUT),
    SETS("-include-pch", SEPARATE, FOR_CLANG, PROP_INPUT, FLAG_CHAINED, 1),
};

static const struct {
    const CompileOption *options;
    gsize count;
} tables[] = {
    [TABLE_DRIVER] = {driver_options, G_N_ELEMENTS(driver_options)},
    [TABLE_PREPROCESSOR] = {preprocessor_options, G_N_ELEMENTS(preprocessor_options)},
    [TABLE_ASSEMBLER] = {assembler_options, G_N_ELEMENTS(assembler_options)},
    [TABLE_FRONTEND] = {frontend_options, G_N_ELEMENTS(frontend_options)},
};

/* Where the options with the same second character begin, and how many of the table come before the next. */
static guint16 first_of[G_N_ELEMENTS(tables)][257];

/* The rows are in the order of strcmp but for those of the same beginning: it is enough that the second characters ascend. */
static void index_tables(void)
{
    for (gsize table = 0; table < G_N_ELEMENTS(tables); table++) {
        gsize row = 0;
        for (guint c = 0; c <= 256; c++) {
            while (row < tables[table].count && (guint)(guchar)tables[table].options[row].name[1] < c)
                row++;
            first_of[table][c] = (guint16)row;
        }
        g_assert(row == tables[table].count);
    }
}

/* 0: it is not this one. */
static gsize fits(const CompileOption *option, guint family, const char *argument)
{
    gsize length = 0;
    while (option->name[length] != '\0' && option->name[length] == argument[length])
        length++;
    if (option->name[length] != '\0' || (option->family != FOR_BOTH && option->family != family))
        return 0;
    if (argument[length] == '\0')
        return option->shape & (SHAPE_EXACT | SHAPE_SEPARATE | SHAPE_PREFIX) ? length : 0;
    return option->shape & (SHAPE_JOINED | SHAPE_PREFIX) ? length : 0;
}

const CompileOption *compile_table_find(CompileTable table, guint family, const char *argument, const char **value,
                                        gboolean *separate)
{
    static gsize indexed;
    const CompileOption *found = NULL;
    gsize longest = 0;
    if (g_once_init_enter(&indexed)) {
        index_tables();
        g_once_init_leave(&indexed, 1);
    }
    if (argument[0] != '-')
        return NULL;
    guint c = (guchar)argument[1];
    for (guint row = first_of[table][c]; row < first_of[table][c + 1]; row++) {
        gsize length = fits(&tables[table].options[row], family, argument);
        gboolean exact =
            length == longest && (tables[table].options[row].shape & SHAPE_EXACT) && argument[length] == '\0';
        if (length > longest || (length > 0 && exact)) {
            longest = length;
            found = &tables[table].options[row];
        }
    }
    if (found == NULL)
        return NULL;
    *value = argument[longest] != '\0' ? argument + longest : NULL;
    *separate = *value == NULL && (found->shape & SHAPE_SEPARATE) != 0;
    return found;
}
