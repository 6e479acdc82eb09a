// System calls without libc's wrapper between: what a request makes four of is not worth a call, errno and a look whether this
// thread is to be cancelled.
#ifndef ENVOYD_CL_CALL_H
#define ENVOYD_CL_CALL_H
#include "cl_base.h"
#include <sys/syscall.h>
// _GNU_SOURCE only.
extern long syscall(long, ...);
/// The call's result, or -errno.
static inline long cl_call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__) && !defined(__ILP32__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    long result = syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
#endif
}
#endif
