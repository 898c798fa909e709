#include <cstdio>
#include <sluice-incident.h>

int main() { return printf("header %d\n", SLUICE_INCIDENT) < 0; }
