#include <cstdio>

#ifndef COMPILER_PATCH
#define COMPILER_PATCH 1
#endif

int main() { return printf("compiler %d\n", COMPILER_PATCH) < 0; }
