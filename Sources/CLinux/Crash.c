#define _GNU_SOURCE
#include "CrashText.h"
#include "include/cl_crash.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unwind.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CL_CRASH_SANITIZED 1
#endif
#endif

// Everything below `cl_crash` runs in a signal handler, whatever locks this and other threads hold: system calls and memory of
// its own. The unwinder of libgcc takes no lock either (with glibc 2.35 and later); should it hang, or the reader of the lines,
// the timer ends the process.

enum {
    CL_CRASH_LIMIT_US = 700000,
    CL_CRASH_STACK = 128 * 1024,
    CL_CRASH_GUARD = 64 * 1024,
};

static const struct {
    int number;
    const char *name;
    const char *text;
} cl_signals[] = {
    {SIGSEGV, "SIGSEGV", "Segmentation fault"}, {SIGBUS, "SIGBUS", "Bus error"},
    {SIGILL, "SIGILL", "Illegal instruction"}, {SIGTRAP, "SIGTRAP", "Trace/breakpoint trap"},
    {SIGFPE, "SIGFPE", "Floating point exception"}, {SIGABRT, "SIGABRT", "Aborted"},
};
enum { CL_SIGNALS = sizeof cl_signals / sizeof cl_signals[0] };

/// The thread that tells of its crash; 0: none.
static pid_t cl_crashing;
static int cl_crash_signal;
static char cl_crash_text[201];
static long cl_crash_utc_offset;
static int cl_crash_descriptor = -1;

/// Swift's runtime; a program without Swift has none.
extern char *swift_demangle(const char *, size_t, char *, size_t *, uint32_t) __attribute__((weak));

// MARK: Lines

struct cl_line {
    char bytes[1024];
    size_t count;
};

static void put(struct cl_line *line, const char *text) {
    // A byte is left for the end of the line.
    while (*text != 0 && line->count < sizeof line->bytes - 1) line->bytes[line->count++] = *text++;
}

static void put_number(struct cl_line *line, uint64_t value, unsigned base, int width) {
    char digits[24];
    int n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || n < width);
    char text[2] = {0, 0};
    while (n > 0) {
        text[0] = digits[--n];
        put(line, text);
    }
}

static void put_hex(struct cl_line *line, uint64_t value) {
    put(line, "0x");
    put_number(line, value, 16, 1);
}

/// `[2026-11-23 10:00:00.123][4711][critical][main] `, as the log has it.
static void begin(struct cl_line *line) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t seconds = (int64_t)now.tv_sec + cl_crash_utc_offset;
    int64_t time = seconds % 86400;
    // Days since 0000-03-01, by which leap days come last.
    int64_t days = seconds / 86400 + 719468;
    int64_t era = days / 146097;
    int64_t of_era = days % 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    line->count = 0;
    put(line, "[");
    put_number(line, (uint64_t)(years + era * 400 + (month <= 2)), 10, 4);
    put(line, "-");
    put_number(line, (uint64_t)month, 10, 2);
    put(line, "-");
    put_number(line, (uint64_t)day, 10, 2);
    put(line, " ");
    put_number(line, (uint64_t)(time / 3600), 10, 2);
    put(line, ":");
    put_number(line, (uint64_t)(time / 60 % 60), 10, 2);
    put(line, ":");
    put_number(line, (uint64_t)(time % 60), 10, 2);
    put(line, ".");
    put_number(line, (uint64_t)now.tv_nsec / 1000000, 10, 3);
    put(line, "][");
    put_number(line, (uint64_t)getpid(), 10, 1);
    put(line, "][critical][main] ");
}

static void write_all(int descriptor, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t n = write(descriptor, bytes, count);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            // The timer bounds it.
            struct pollfd entry = {descriptor, POLLOUT, 0};
            poll(&entry, 1, -1);
            continue;
        }
        if (n <= 0) return;
        bytes += n;
        count -= (size_t)n;
    }
}

static void end(struct cl_line *line) {
    line->bytes[line->count++] = '\n';
    // The log first: standard error may be a pipe that nobody reads.
    int log = __atomic_load_n(&cl_crash_descriptor, __ATOMIC_RELAXED);
    if (log >= 0) write_all(log, line->bytes, line->count);
    write_all(STDERR_FILENO, line->bytes, line->count);
}

// MARK: The backtrace

static struct cl_frame cl_frames[CL_CRASH_FRAMES];
static int cl_frame_count;

static uintptr_t program_counter(const ucontext_t *context) {
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    return 0;
#endif
}

static _Unwind_Reason_Code collect(struct _Unwind_Context *context, void *fault) {
    int is_exact = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &is_exact);
    if (pc == 0) return _URC_END_OF_STACK;
    // The handler's own frames come first.
    if (cl_frame_count == 1) {
        static bool is_behind;
        if (!is_behind) {
            is_behind = pc == *(uintptr_t *)fault;
            return _URC_NO_REASON;
        }
    }
    if (cl_frame_count == CL_CRASH_FRAMES) return _URC_END_OF_STACK;
    // A return address may belong to the next line, or to the next function.
    cl_frames[cl_frame_count++].pc = is_exact ? pc : pc - 1;
    return _URC_NO_REASON;
}

/// Reads a word that may not be there.
static bool peek(uintptr_t at, uintptr_t *value) {
    struct iovec to = {value, sizeof *value}, from = {(void *)at, sizeof *value};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof *value;
}

/// Where no function is around the place, as behind a call of nothing: who called, then along the frame pointers, which all of
/// our code has.
static void follow_frames(const ucontext_t *context) {
    uintptr_t frame, caller = 0;
#if defined(__x86_64__)
    peek((uintptr_t)context->uc_mcontext.gregs[REG_RSP], &caller);
    frame = (uintptr_t)context->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
    caller = (uintptr_t)context->uc_mcontext.regs[30];
    frame = (uintptr_t)context->uc_mcontext.regs[29];
#else
    return;
#endif
    while (caller != 0 && cl_frame_count < CL_CRASH_FRAMES) {
        cl_frames[cl_frame_count++].pc = caller - 1;
        uintptr_t next;
        if (!peek(frame, &next) || !peek(frame + sizeof frame, &caller) || next <= frame) break;
        frame = next;
    }
}

static void print_frame(int number, const struct cl_frame *frame, bool demangles) {
    struct cl_line line;
    begin(&line);
    put(&line, "#");
    put_number(&line, (uint64_t)number, 10, 1);
    put(&line, ": ");
    if (frame->symbol != NULL) {
        char *readable = demangles && swift_demangle != NULL ? swift_demangle(frame->symbol, strlen(frame->symbol), NULL, NULL, 0) : NULL;
        put(&line, readable != NULL ? readable : frame->symbol);
        put(&line, " + ");
        put_number(&line, frame->offset, 10, 1);
        put(&line, " ");
    }
    put(&line, "[");
    if (frame->module != NULL) {
        put(&line, frame->module);
        put(&line, " ");
        put_hex(&line, frame->address);
    } else {
        put_hex(&line, frame->pc);
    }
    put(&line, "]");
    end(&line);
}

static void tell(int signo, const siginfo_t *info, const ucontext_t *context) {
    struct cl_line line;
    begin(&line);
    put(&line, "Caught ");
    for (int i = 0; i < CL_SIGNALS; i++) {
        if (cl_signals[i].number != signo) continue;
        put(&line, cl_signals[i].text);
        put(&line, " (");
        put(&line, cl_signals[i].name);
        put(&line, ")");
    }
    // Of the kernel's making, and not sent by somebody.
    bool is_fault = info->si_code > 0;
    if (is_fault) {
        put(&line, ", suspect faulting address ");
        put_hex(&line, (uintptr_t)info->si_addr);
    } else {
        put(&line, ", sent by pid ");
        put_number(&line, (uint64_t)info->si_pid, 10, 1);
    }
    char thread[17] = "";
    prctl(PR_GET_NAME, thread);
    put(&line, ", in thread ");
    put(&line, thread);
    put(&line, "; ");
    put(&line, cl_crash_text);
    end(&line);

    begin(&line);
    put(&line, "Backtrace (`addr2line -Cfie FILE ADDRESS` gives lines, `swift demangle` names):");
    end(&line);
    // Apart, since the stack may be of no use.
    uintptr_t pc = program_counter(context);
    cl_frames[0].pc = pc;
    cl_frame_count = 1;
    cl_frames_resolve(cl_frames, 1);
    // Names are made readable by code that allocates. A trap in our own code or Swift's is not within malloc, a signal may be.
    bool demangles = is_fault && cl_frames[0].is_swift;
    print_frame(0, &cl_frames[0], demangles);
    _Unwind_Backtrace(collect, &pc);
    if (cl_frame_count == 1) follow_frames(context);
    cl_frames_resolve(cl_frames + 1, cl_frame_count - 1);
    for (int i = 1; i < cl_frame_count; i++) print_frame(i, &cl_frames[i], demangles);
}

// MARK: The end

/// Ends the process by this signal, from whatever handler and thread.
static void die(int signo) {
    signal(signo, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), signo);
    _exit(128 + signo);
}

static void cl_late(int signo) {
    (void)signo;
    die(__atomic_load_n(&cl_crash_signal, __ATOMIC_RELAXED));
}

static void start_timer(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = cl_late;
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGALRM, &action, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    struct itimerval limit = {{0, 0}, {0, CL_CRASH_LIMIT_US}};
    setitimer(ITIMER_REAL, &limit, NULL);
}

static void cl_crash(int signo, siginfo_t *info, void *context) {
    pid_t self = (pid_t)syscall(SYS_gettid);
    pid_t other = 0;
    if (!__atomic_compare_exchange_n(&cl_crashing, &other, self, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        // Telling of the first has failed: what is out is out.
        if (other == self) die(__atomic_load_n(&cl_crash_signal, __ATOMIC_RELAXED));
        // One tale at a time; the process ends with it.
        for (;;) pause();
    }
    __atomic_store_n(&cl_crash_signal, signo, __ATOMIC_RELAXED);
    start_timer();
    tell(signo, info, context);
    // A fault happens once more on return, now with the default action, so that a core shows the place.
    signal(signo, SIG_DFL);
    if (info->si_code > 0 && signo != SIGTRAP) return;
    die(signo);
}

int cl_crash_thread(void) {
    if (!cl_crash_is_supported()) return 0;
    char *room = mmap(NULL, CL_CRASH_GUARD + CL_CRASH_STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return -errno;
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = room + CL_CRASH_GUARD;
    stack.ss_size = CL_CRASH_STACK;
    if (mprotect(stack.ss_sp, stack.ss_size, PROT_READ | PROT_WRITE) != 0 || sigaltstack(&stack, NULL) != 0) {
        int code = errno;
        munmap(room, CL_CRASH_GUARD + CL_CRASH_STACK);
        return -code;
    }
    return 0;
}

static _Unwind_Reason_Code nothing(struct _Unwind_Context *context, void *argument) {
    (void)context;
    (void)argument;
    return _URC_END_OF_STACK;
}

void cl_crash_install(void) {
    if (!cl_crash_is_supported()) return;
    cl_crash_thread();
    // Whatever the unwinder makes at its first use is made now.
    _Unwind_Backtrace(nothing, NULL);
    for (int i = 0; i < CL_SIGNALS; i++) {
        struct sigaction action;
        if (sigaction(cl_signals[i].number, NULL, &action) != 0 || action.sa_handler != SIG_DFL) continue;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = cl_crash;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(cl_signals[i].number, &action, NULL);
    }
}

void cl_crash_describe(const char *text) {
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) != NULL) cl_crash_utc_offset = local.tm_gmtoff;
    strncpy(cl_crash_text, text, sizeof cl_crash_text - 1);
}

void cl_crash_log(int descriptor) { __atomic_store_n(&cl_crash_descriptor, descriptor, __ATOMIC_RELAXED); }

int cl_signal_thread(pid_t process, pid_t thread, int signo) {
    return syscall(SYS_tgkill, process, thread, signo) == 0 ? 0 : -errno;
}

bool cl_crash_is_supported(void) {
#ifdef CL_CRASH_SANITIZED
    return false;
#else
    return true;
#endif
}
