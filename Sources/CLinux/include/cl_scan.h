// Sixteen bytes of text at a time: scanning and copying the heads of messages. Vectors of the compiler, so that each
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
/// The first byte of `base[p..<end]` that the mask means, else `end`. Reads nothing outside `base[0..<end]`: the last bytes
/// are looked at with those before them.
#define CL_SCANNER(name, mask)                                                                                    \
    static inline size_t name(const uint8_t *base, size_t p, size_t end) {                                        \
        for (; p + 16 <= end; p += 16) {                                                                          \
            uint32_t found = mask(cl_load16(base + p));                                                           \
            if (found) return p + (size_t)__builtin_ctz(found);                                                   \
        }                                                                                                         \
        if (p >= end) return end;                                                                                 \
        uint32_t found;                                                                                           \
        if (end >= 16) {                                                                                          \
            found = mask(cl_load16(base + end - 16)) >> (16 - (end - p));                                         \
        } else {                                                                                                  \
            found = mask(cl_load_few(base + p, end - p)) & ((1u << (end - p)) - 1);                               \
        }                                                                                                         \
        return found ? p + (size_t)__builtin_ctz(found) : end;                                                    \
    }
CL_SCANNER(cl_scan_controls, cl_controls16)
CL_SCANNER(cl_scan_unlettered, cl_unlettered16)
CL_SCANNER(cl_scan_invisible, cl_invisible16)
CL_SCANNER(cl_scan_path_end, cl_path_end16)
CL_SCANNER(cl_scan_unhosted, cl_unhosted16)
#undef CL_SCANNER
/// Copies `count` bytes, few as a rule: without a call up to 32. The places may not overlap.
static inline void cl_copy(uint8_t *to, const uint8_t *from, size_t count) {
    if (count >= 16) {
        if (count > 32) {
            memcpy(to, from, count);
            return;
        }
        memcpy(to, from, 16);
        memcpy(to + count - 16, from + count - 16, 16);
    } else if (count >= 8) {
        memcpy(to, from, 8);
        memcpy(to + count - 8, from + count - 8, 8);
    } else if (count >= 4) {
        memcpy(to, from, 4);
        memcpy(to + count - 4, from + count - 4, 4);
    } else if (count > 0) {
        to[0] = from[0];
        to[count - 1] = from[count - 1];
        to[count / 2] = from[count / 2];
    }
}
static inline cl_bytes16 cl_lowered16(cl_bytes16 v) {
    return v | (__builtin_bit_cast(cl_bytes16, v - (cl_bytes16)('A') < (cl_bytes16)(26)) & (cl_bytes16)(0x20));
}
/// Copies a name of `count` bytes, A–Z in lower case. The places may not overlap.
static inline void cl_copy_lower(uint8_t *to, const uint8_t *from, size_t count) {
    cl_bytes16 v = (cl_bytes16)(0);
    if (count < 16) {
        cl_copy((uint8_t *)&v, from, count);
        v = cl_lowered16(v);
        cl_copy(to, (const uint8_t *)&v, count);
        return;
    }
    size_t i = 0;
    for (; i + 16 < count; i += 16) {
        v = cl_lowered16(cl_load16(from + i));
        memcpy(to + i, &v, 16);
    }
    v = cl_lowered16(cl_load16(from + count - 16));
    memcpy(to + count - 16, &v, 16);
}
#endif
