#include <cstdio>
#include "uid.h"

int main() { return printf("uid %d\n", BUILD_UID) < 0; }
