// A C face of RE2 (https://github.com/google/re2), the regular expression engine that Envoy uses:
// linear time, no back-tracking, so a pattern from a request cannot stall the process.
#ifndef ENVOYD_CRE2_H
#define ENVOYD_CRE2_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_pattern cre2_pattern;

/// Compiles `pattern`. Returns NULL and writes RE2's message (cut to `error_size`, zero terminated) when it is not valid.
cre2_pattern *cre2_compile(const char *pattern, size_t length, char *error, size_t error_size);
/// Whether `text` contains a match anywhere (partial match).
int cre2_matches_part(const cre2_pattern *pattern, const char *text, size_t length);
/// Where the first match in `text` has its groups: up to `capacity` pairs of positions, from the first byte to the one behind the last, at
/// `spans`. A group that has no part in the match is empty, at 0. Returns how many groups were written; 0: no match, or no groups.
int cre2_match_groups(const cre2_pattern *pattern, const char *text, size_t length, size_t *spans, int capacity);
/// Whether the whole `text` matches.
int cre2_matches_all(const cre2_pattern *pattern, const char *text, size_t length);
/// Whether `substitution` names only groups that the pattern has; writes what is wrong otherwise, as `cre2_compile` does.
int cre2_check_substitution(
    const cre2_pattern *pattern, const char *substitution, size_t length, char *error, size_t error_size);
/// `text` with every match replaced (`\1` is the first group), at `out` if it fits into `capacity`. Returns its length.
size_t cre2_replace_all(
    const cre2_pattern *pattern, const char *text, size_t length, const char *substitution, size_t substitution_length,
    char *out, size_t capacity);
void cre2_free(cre2_pattern *pattern);

#ifdef __cplusplus
}
#endif
#endif
