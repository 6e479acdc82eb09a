// Writing the heads of messages: sixteen bytes of text at a time, as `cl_scan.h` reads them.
#ifndef ENVOYD_CL_HEADS_H
#define ENVOYD_CL_HEADS_H
#include "cl_scan.h"
/// Copies `count` bytes, few as a rule: without a call up to 64. The places may not overlap.
static inline void cl_copy(uint8_t *to, const uint8_t *from, size_t count) {
    if (count >= 16) {
        if (count > 32) {
            if (count > 64) {
                memcpy(to, from, count);
                return;
            }
            memcpy(to + 16, from + 16, 16);
            memcpy(to + count - 32, from + count - 32, 16);
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
/// What is written with `cl_put` and `cl_put_line` may take almost this many bytes more behind its end.
enum { CL_WIDE = 16 };
/// Copies `base[at..<at + count]`. Reads nothing outside `base[0..<readable]`, and writes up to 15 bytes behind the copy. The
/// places may not overlap.
static inline void cl_put(uint8_t *to, const uint8_t *base, size_t at, size_t count, size_t readable) {
    if (at + count + 15 > readable) {
        cl_copy(to, base + at, count);
        return;
    }
    for (size_t i = 0; i < count; i += 16) memcpy(to + i, base + at + i, 16);
}
/// From `16 - length` on a bit 0x20 for each byte of a name's sixteen, and 0 for what stands behind it.
static const uint8_t cl_name_bits[32] = {
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
};
/// Copies a line of `count` bytes that begins with a name of `name` ones: A–Z of those in lower case. Reads and writes up to
/// 15 bytes behind the line. The places may not overlap.
static inline void cl_put_line(uint8_t *to, const uint8_t *from, size_t name, size_t count) {
    size_t i = 0;
    do {
        size_t left = name - i < 16 ? name - i : 16;
        cl_bytes16 v = cl_load16(from + i);
        v |= __builtin_bit_cast(cl_bytes16, v - (cl_bytes16)('A') < (cl_bytes16)(26)) &
             cl_load16(cl_name_bits + 16 - left);
        memcpy(to + i, &v, 16);
        i += 16;
    } while (i < name);
    for (; i < count; i += 16) memcpy(to + i, from + i, 16);
}
#define CL_LETTER(c) (1u << ((c) & 31))
/// Whether a field's name of this length, with this first letter, may be one of those that `HeaderID.classify` knows. One bit for
/// each letter, in either case; a name that it knows and that is not here is not found.
static inline bool cl_known_name(uint8_t first, size_t length) {
    static const uint32_t letters[41] = {
        [2] = CL_LETTER('t'),
        [3] = CL_LETTER('v'),
        [4] = CL_LETTER('h') | CL_LETTER('d'),
        [6] = CL_LETTER('e') | CL_LETTER('s'),
        [7] = CL_LETTER('u') | CL_LETTER('t'),
        [10] = CL_LETTER('c') | CL_LETTER('k'),
        [12] = CL_LETTER('x'),
        [14] = CL_LETTER('c') | CL_LETTER('h'),
        [15] = CL_LETTER('x'),
        [16] = CL_LETTER('p') | CL_LETTER('x'),
        [17] = CL_LETTER('t') | CL_LETTER('x'),
        [19] = CL_LETTER('x'),
        [20] = CL_LETTER('x'),
        [21] = CL_LETTER('x'),
        [24] = CL_LETTER('x'),
        [27] = CL_LETTER('x'),
        [29] = CL_LETTER('x'),
        [30] = CL_LETTER('x'),
        [31] = CL_LETTER('x'),
        [32] = CL_LETTER('x'),
        [34] = CL_LETTER('x'),
        [35] = CL_LETTER('x'),
        [38] = CL_LETTER('x'),
        [40] = CL_LETTER('x'),
    };
    return length < sizeof letters / sizeof *letters && letters[length] >> (first & 31) & 1;
}
#undef CL_LETTER
/// A UUID in its text form (RFC 9562 §4), 36 bytes.
static inline void cl_put_uuid(uint8_t *to, uint64_t high, uint64_t low) {
    uint64_t words[2] = {__builtin_bswap64(high), __builtin_bswap64(low)};
    cl_bytes16 v;
    memcpy(&v, words, 16);
    cl_bytes16 first = v >> 4, second = v & (cl_bytes16)(15);
    cl_bytes16 digits[2] = {
        __builtin_shufflevector(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
        __builtin_shufflevector(first, second, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    };
    uint64_t text[4];
    for (int i = 0; i < 2; i++) {
        cl_bytes16 letters = __builtin_bit_cast(cl_bytes16, digits[i] > (cl_bytes16)(9)) & (cl_bytes16)('a' - '9' - 1);
        digits[i] += letters + (cl_bytes16)('0');
        memcpy(text + 2 * i, &digits[i], 16);
    }
    memcpy(to, &text[0], 8);
    to[8] = '-';
    memcpy(to + 9, &text[1], 4);
    to[13] = '-';
    memcpy(to + 14, (uint8_t *)&text[1] + 4, 4);
    to[18] = '-';
    memcpy(to + 19, &text[2], 4);
    to[23] = '-';
    memcpy(to + 24, (uint8_t *)&text[2] + 4, 4);
    memcpy(to + 28, &text[3], 8);
}
#endif
