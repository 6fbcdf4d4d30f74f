/*
 * "Did you mean": the candidate with the smallest edit distance (case-insensitive, transpositions
 * count one), if it is near enough to be meant: distance <= 1 + strlen(word) / 4. NULL otherwise.
 * candidates is a NULL-terminated array; the result points into it.
 */
#pragma once

const char *nearest_find(const char *word, const char *const *candidates);
