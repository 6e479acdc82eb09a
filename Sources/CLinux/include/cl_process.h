// Processes: pidfd, limits, usage.
#ifndef ENVOYD_CL_PROCESS_H
#define ENVOYD_CL_PROCESS_H
#include "cl_base.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
// _GNU_SOURCE only.
extern int pthread_setname_np(pthread_t, const char *);
extern long syscall(long, ...);
static inline int cl_pidfd_open(pid_t pid) { return (int)CL_RETRY(syscall(SYS_pidfd_open, pid, 0)); }
static inline int cl_pidfd_signal(int pidfd, int signo) { return (int)CL_RETRY(syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0)); }
static inline int cl_set_thread_name(const char *name) { return -pthread_setname_np(pthread_self(), name); }
static inline int cl_online_processors(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }
static inline bool cl_exited(int status) { return WIFEXITED(status); }
static inline int cl_exit_status(int status) { return WEXITSTATUS(status); }
static inline bool cl_signaled(int status) { return WIFSIGNALED(status); }
static inline int cl_term_signal(int status) { return WTERMSIG(status); }
/// Bytes that malloc has given out, and that it holds from the kernel.
static inline void cl_heap_usage(uint64_t *used, uint64_t *held) {
    struct mallinfo2 m = mallinfo2();
    *used = m.uordblks + m.hblkhd;
    *held = m.arena + m.hblkhd;
}
/// Gives free memory of the heap back to the kernel.
static inline void cl_heap_trim(void) { (void)malloc_trim(0); }
#endif
