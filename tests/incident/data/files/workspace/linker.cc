#include <cstdio>

// Only the changed linker defines it, as an absolute address.
extern "C" char linker_patch __attribute__((weak));

int main() { return printf("linker %d\n", &linker_patch ? 2 : 1) < 0; }
