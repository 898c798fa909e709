/*
 * project-fixture.h - small projects for tests, written as one text: "--- PATH" starts a file.
 */
#pragma once

#include "element.h"
#include "project.h"

/* A new directory with the files; remove with fixture_remove. */
char *fixture_unpack(const char *text);
void fixture_remove(char *directory);
/* Loads targets (NULL-terminated, may be empty: default ones) of a project; NULL with error.  `options`: pairs or NULL. */
GPtrArray *fixture_load(const char *directory, const char *const *options, const char *const *targets,
                        Session **session, GError **error);
/* The element of that name among all that the session loaded. */
Element *fixture_element(Session *session, const char *full_name);
