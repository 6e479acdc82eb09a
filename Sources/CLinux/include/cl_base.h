// What every header here begins with.
#ifndef ENVOYD_CL_BASE_H
#define ENVOYD_CL_BASE_H
// No _GNU_SOURCE here: it would change what libc's headers declare, and Swift's Glibc module has them without it. What is
// GNU only is declared by hand where it is used.
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
/// A libc result turned into "value or -errno", retried when a signal interrupted it.
#define CL_RETRY(call)                                       \
    ({                                                       \
        __typeof__(call) cl_result;                          \
        do                                                   \
            cl_result = (call);                              \
        while (cl_result < 0 && errno == EINTR);             \
        cl_result < 0 ? (__typeof__(call))-errno : cl_result; \
    })
#endif
