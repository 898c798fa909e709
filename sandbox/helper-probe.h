/* helper-probe.h - tries what a sandbox needs, in this process. */
#pragma once

/* Sends "probe" with "USER OVERLAY FUSE BWRAP\nREASON" (0 or 1 each).  The exit status of the process. */
int helper_probe(const char *bwrap);
