// Latencies of tools/bench: buckets whose width is 1/128 of what they hold, from 1 ns to hours.
#ifndef ENVOYD_BENCH_HISTOGRAM_H
#define ENVOYD_BENCH_HISTOGRAM_H
#include <stdint.h>

enum { kSubBits = 7, kBuckets = (64 - kSubBits) << kSubBits };

struct histogram {
    uint64_t buckets[kBuckets];
    uint64_t count, max;
};

static inline void record(struct histogram *h, uint64_t ns) {
    int shift = ns >> kSubBits ? 63 - __builtin_clzll(ns) - kSubBits : 0;
    h->buckets[((uint64_t)shift << kSubBits) + (ns >> shift)]++;
    h->count++;
    if (ns > h->max) h->max = ns;
}

/// The upper end of the bucket that holds the quantile.
static inline uint64_t quantile(const struct histogram *h, double q) {
    uint64_t rank = (uint64_t)(q * (double)h->count), seen = 0;
    if (rank >= h->count && h->count) rank = h->count - 1;
    for (uint64_t i = 0; i < kBuckets; i++) {
        seen += h->buckets[i];
        if (seen <= rank) continue;
        // Index (shift << 7) + (value >> shift): the leading bit of the value is in the second part.
        uint64_t shift = i >> kSubBits ? (i >> kSubBits) - 1 : 0;
        uint64_t top = i - (shift << kSubBits);
        uint64_t upper = ((top + 1) << shift) - 1;
        return upper < h->max ? upper : h->max;
    }
    return h->max;
}
#endif
