// Sixteen bytes of text at a time: scanning the heads of messages. Vectors of the compiler, so that each
// processor gets its own instructions; Swift's SIMD types have nothing that makes a mask of a comparison.
#ifndef ENVOYD_CL_SCAN_H
#define ENVOYD_CL_SCAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t cl_bytes16 __attribute__((ext_vector_type(16)));
typedef bool cl_bools16 __attribute__((ext_vector_type(16)));
static inline cl_bytes16 cl_load16(const uint8_t *p) {
    cl_bytes16 v;
    memcpy(&v, p, 16);
    return v;
}
/// A bit for each byte that is not 0, the first one lowest.
#define CL_MASK16(comparison) cl_mask16(__builtin_convertvector((comparison), cl_bools16))
static inline uint32_t cl_mask16(cl_bools16 bools) {
    uint16_t bits;
    memcpy(&bits, &bools, 2);
    return bits;
}
/// Not allowed in a field value (RFC 9110 §5.5): controls. HTAB is, and is meant here all the same.
static inline uint32_t cl_controls16(cl_bytes16 v) {
    return CL_MASK16((v < (cl_bytes16)(0x20)) | (v == (cl_bytes16)(0x7F)));
}
/// Neither a letter nor `-`: what most field names consist of.
static inline uint32_t cl_unlettered16(cl_bytes16 v) {
    return CL_MASK16(((v | (cl_bytes16)(0x20)) - (cl_bytes16)('a') >= (cl_bytes16)(26)) & (v != (cl_bytes16)('-')));
}
/// Not visible US-ASCII: what ends a request target (RFC 9112 §3.2).
static inline uint32_t cl_invisible16(cl_bytes16 v) { return CL_MASK16(v - (cl_bytes16)(33) >= (cl_bytes16)(94)); }
/// `?` or `#`, where a path ends (RFC 3986 §3.3).
static inline uint32_t cl_path_end16(cl_bytes16 v) {
    return CL_MASK16((v == (cl_bytes16)('?')) | (v == (cl_bytes16)('#')));
}
/// Neither a letter nor a digit nor `-`, `.`, `:`: what most authorities consist of.
static inline uint32_t cl_unhosted16(cl_bytes16 v) {
    // The digits and their neighbours, but for the slash between them.
    return CL_MASK16(
        ((v | (cl_bytes16)(0x20)) - (cl_bytes16)('a') >= (cl_bytes16)(26)) &
        ((v - (cl_bytes16)('-') >= (cl_bytes16)(14)) | (v == (cl_bytes16)('/'))));
}
/// Fewer than sixteen bytes, and zeros behind them.
static __attribute__((noinline, cold, unused)) cl_bytes16 cl_load_few(const uint8_t *p, size_t count) {
    cl_bytes16 v = (cl_bytes16)(0);
    memcpy(&v, p, count < 16 ? count : 16);
    return v;
}
/// The first byte of `base[p..<end]` that the mask means, else `end` or a place behind it: whoever asks compares. Reads
/// nothing outside `base[0..<readable]`. With sixteen bytes behind `end` that may be read, whatever they are, there is one
/// way through it; without them the last bytes are looked at with those before them.
#define CL_SCANNER(name, mask)                                                                                    \
    static __attribute__((noinline, cold, unused)) size_t name##_tail(const uint8_t *base, size_t p, size_t end) { \
        if (p >= end) return p;                                                                                   \
        uint32_t found;                                                                                           \
        if (end >= 16) {                                                                                          \
            found = mask(cl_load16(base + end - 16)) >> (16 - (end - p));                                         \
        } else {                                                                                                  \
            found = mask(cl_load_few(base + p, end - p)) & ((1u << (end - p)) - 1);                               \
        }                                                                                                         \
        return found ? p + (size_t)__builtin_ctz(found) : end;                                                    \
    }                                                                                                             \
    static inline size_t name(const uint8_t *base, size_t p, size_t end, size_t readable) {                       \
        while (p + 16 <= readable) {                                                                              \
            uint32_t found = mask(cl_load16(base + p));                                                           \
            if (found) return p + (size_t)__builtin_ctz(found);                                                   \
            p += 16;                                                                                              \
            if (p >= end) return p;                                                                               \
        }                                                                                                         \
        return name##_tail(base, p, end);                                                                         \
    }
CL_SCANNER(cl_scan_controls, cl_controls16)
CL_SCANNER(cl_scan_unlettered, cl_unlettered16)
CL_SCANNER(cl_scan_invisible, cl_invisible16)
CL_SCANNER(cl_scan_path_end, cl_path_end16)
CL_SCANNER(cl_scan_unhosted, cl_unhosted16)
#undef CL_SCANNER
#endif
