// What a process that crashes says before it ends: the signal, the thread, who it was, and a backtrace with names.
#ifndef ENVOYD_CL_CRASH_H
#define ENVOYD_CL_CRASH_H
#include "cl_base.h"
/// Whether this build has it. With a sanitizer it has not: that has a report of its own.
bool cl_crash_is_supported(void);
/// From here on SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE and SIGABRT write their lines to standard error, and end the process as
/// they would have. A handler that is there already stays (Swift's own, with SWIFT_BACKTRACE). Also `cl_crash_thread`.
void cl_crash_install(void);
/// Gives the calling thread a second stack, without which nothing could be said when its first has overflowed. 0 or -errno.
int cl_crash_thread(void);
/// What the first line says of the process; at most 200 bytes. One thread only.
void cl_crash_describe(const char *text);
/// The lines go to this descriptor too; -1: to none.
void cl_crash_log(int descriptor);
/// Sends a signal to one thread of a process. 0 or -errno.
int cl_signal_thread(pid_t process, pid_t thread, int signo);
#endif
