#include <cstdio>
#include <gnu/libc-version.h>

int main() { return printf("libc %s\n", gnu_get_libc_version()) < 0; }
