/*
 * kinds-table.h - what the generated kinds-table.c shares with the loader.
 */
#pragma once

/* The builtin project configuration, YAML. */
extern const char project_defaults_yaml[];
/* Flags of every kind that only runs the build element's commands. */
#define KIND_BUILD_ELEMENT_FLAGS (KIND_RUNS_COMMANDS | KIND_DEP_CONFIG | KIND_BUILD_ELEMENT)
