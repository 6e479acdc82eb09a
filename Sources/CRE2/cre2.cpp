#include "cre2.h"

#include <re2/re2.h>

#include <cstdio>
#include <cstring>
#include <new>
#include <string>

struct cre2_pattern {
    re2::RE2 re;
    cre2_pattern(re2::StringPiece text, const re2::RE2::Options &options) : re(text, options) {}
};

cre2_pattern *cre2_compile(const char *pattern, size_t length, char *error, size_t error_size) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto *compiled = new (std::nothrow) cre2_pattern(re2::StringPiece(pattern, length), options);
    if (compiled == nullptr) {
        if (error_size > 0) std::snprintf(error, error_size, "out of memory");
        return nullptr;
    }
    if (!compiled->re.ok()) {
        if (error_size > 0) std::snprintf(error, error_size, "%s", compiled->re.error().c_str());
        delete compiled;
        return nullptr;
    }
    return compiled;
}

int cre2_matches_part(const cre2_pattern *pattern, const char *text, size_t length) {
    return re2::RE2::PartialMatch(re2::StringPiece(text, length), pattern->re);
}

int cre2_match_groups(const cre2_pattern *pattern, const char *text, size_t length, size_t *spans, int capacity) {
    enum { most = 8 };
    re2::StringPiece found[most + 1];
    int groups = pattern->re.NumberOfCapturingGroups();
    if (groups > capacity) groups = capacity;
    if (groups > most) groups = most;
    if (groups < 1) return 0;
    re2::StringPiece piece(text, length);
    if (!pattern->re.Match(piece, 0, length, re2::RE2::UNANCHORED, found, groups + 1)) return 0;
    for (int i = 0; i < groups; i++) {
        const re2::StringPiece &group = found[i + 1];
        bool is_part = group.data() != nullptr;
        spans[2 * i] = is_part ? static_cast<size_t>(group.data() - text) : 0;
        spans[2 * i + 1] = is_part ? spans[2 * i] + group.size() : 0;
    }
    return groups;
}

int cre2_matches_all(const cre2_pattern *pattern, const char *text, size_t length) {
    return re2::RE2::FullMatch(re2::StringPiece(text, length), pattern->re);
}

int cre2_check_substitution(
    const cre2_pattern *pattern, const char *substitution, size_t length, char *error, size_t error_size) {
    std::string problem;
    if (pattern->re.CheckRewriteString(re2::StringPiece(substitution, length), &problem)) return 1;
    if (error_size > 0) std::snprintf(error, error_size, "%s", problem.c_str());
    return 0;
}

size_t cre2_replace_all(
    const cre2_pattern *pattern, const char *text, size_t length, const char *substitution, size_t substitution_length,
    char *out, size_t capacity) {
    std::string replaced(text, length);
    re2::RE2::GlobalReplace(&replaced, pattern->re, re2::StringPiece(substitution, substitution_length));
    if (replaced.size() <= capacity) std::memcpy(out, replaced.data(), replaced.size());
    return replaced.size();
}

void cre2_free(cre2_pattern *pattern) { delete pattern; }
