// Threads that each sit in one kind of wait, and check that they never see what they should not: an EINTR without a signal, a changed register, a short
// or lost wait. Prints facts, then on each line of input prints "errors=… rounds=…"; ends with 0 when there was no error.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_ulong errors, rounds, handled, sent;
static atomic_int stopping;

static void fail(const char *what, long value)
{
    if (atomic_fetch_add(&errors, 1) < 5) fprintf(stderr, "waits: %s %ld\n", what, value);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

// A system call with all other registers set to known values, which must be the same afterwards (rcx and r11 belong to the instruction).
static long checked_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    uint64_t changed = 0;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile(
        "push %%rbx\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
        "movabs $0x1111222233334444, %%rbx\n mov %%rdi, %%r12\n mov %%rsi, %%r13\n mov %%rdx, %%r14\n mov %%r8, %%r15\n"
        "stc\n syscall\n"
        "setnc %%cl\n movzbl %%cl, %%ecx\n"
        "movabs $0x1111222233334444, %%r11\n cmp %%r11, %%rbx\n je 1f\n or $2, %%ecx\n 1:"
        "cmp %%rdi, %%r12\n je 2f\n or $4, %%ecx\n 2:"
        "cmp %%rsi, %%r13\n je 3f\n or $8, %%ecx\n 3:"
        "cmp %%rdx, %%r14\n je 4f\n or $16, %%ecx\n 4:"
        "cmp %%r8, %%r15\n je 5f\n or $32, %%ecx\n 5:"
        "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbx\n"
        : "=a"(result), "=c"(changed), "+r"(r10), "+r"(r8), "+r"(r9)
        : "0"(number), "D"(a), "S"(b), "d"(c)
        : "r11", "memory", "cc");
    if (changed) fail("a call changed registers", (long)changed);
    if (r10 != d || r9 != f) fail("a call changed r10 or r9", r10);
    return result;
}

static void *wait_epoll_for_ever(void *unused)
{
    int pipes[2], epoll = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };
    if (pipe(pipes)) abort();
    epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event);
    while (!stopping) {
        long result = checked_call(SYS_epoll_wait, epoll, (long)&event, 1, -1, 0, 0);
        fail("epoll_wait(-1) came back", result);
    }
    return unused;
}

static void *wait_epoll_timeout(void *unused)
{
    int epoll = epoll_create1(0);
    struct epoll_event event;
    while (!stopping) {
        double before = now();
        long result = epoll_wait(epoll, &event, 1, 150);
        double took = now() - before;
        if (result != 0) fail("epoll_wait(150)", errno);
        if (took < 148) fail("epoll_wait(150) was short by us", (long)((150 - took) * 1000));
        atomic_fetch_add(&rounds, 1);
    }
    return unused;
}

static void *wait_nanosleep(void *unused)
{
    while (!stopping) {
        struct timespec time = { 0, 70 * 1000 * 1000 };
        double before = now();
        long result = checked_call(SYS_nanosleep, (long)&time, 0, 0, 0, 0, 0);
        if (result != 0) fail("nanosleep", result);
        if (now() - before < 69.9) fail("nanosleep was short", 0);
        atomic_fetch_add(&rounds, 1);
    }
    return unused;
}

static void *wait_futex(void *unused)
{
    static int word;
    while (!stopping) {
        long result = checked_call(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
        fail("futex came back", result);
    }
    return unused;
}

static void *wait_read(void *unused)
{
    int pipes[2];
    char byte;
    if (pipe(pipes)) abort();
    while (!stopping) {
        long result = checked_call(SYS_read, pipes[0], (long)&byte, 1, 0, 0, 0);
        fail("read came back", result);
    }
    return unused;
}

static void *wait_receive_timeout(void *unused)
{
    int pair[2];
    char byte;
    struct timeval time = { 3600, 0 };
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) abort();
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    while (!stopping) {
        long result = checked_call(SYS_recvfrom, pair[0], (long)&byte, 1, 0, 0, 0);
        fail("recv with a timeout came back", result);
    }
    return unused;
}

static void *wait_poll(void *unused)
{
    int pipes[2];
    if (pipe(pipes)) abort();
    while (!stopping) {
        struct pollfd entry = { pipes[0], POLLIN, 0 };
        double before = now();
        long result = checked_call(SYS_poll, (long)&entry, 1, 90, 0, 0, 0);
        if (result != 0) fail("poll", result);
        if (now() - before < 89.9) fail("poll was short", 0);
        atomic_fetch_add(&rounds, 1);
    }
    return unused;
}

static void *wait_signal(void *unused)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    while (!stopping) {
        long result = checked_call(SYS_rt_sigtimedwait, (long)&set, 0, 0, 8, 0, 0);
        fail("sigtimedwait came back", result);
    }
    return unused;
}

static void *wait_semaphore(void *unused)
{
    int id = semget(IPC_PRIVATE, 1, 0600);
    struct sembuf down = { 0, -1, 0 };
    if (id < 0) return unused;
    printf("semaphore=%x\n", id);
    fflush(stdout);
    while (!stopping) {
        long result = checked_call(SYS_semop, id, (long)&down, 1, 0, 0, 0);
        fail("semop came back", result);
    }
    return unused;
}

// Runs through all general registers with a checksum that any change breaks, and vector registers too.
static void *busy(void *unused)
{
    while (!stopping) {
        uint64_t sum, vector;
        __asm__ volatile(
            "mov $1, %%rax\n mov $2, %%rbx\n mov $3, %%rcx\n mov $4, %%rdx\n mov $5, %%rsi\n mov $6, %%rdi\n mov $7, %%r8\n mov $8, %%r9\n"
            "mov $9, %%r10\n mov $10, %%r11\n mov $11, %%r12\n mov $12, %%r13\n mov $13, %%r14\n movq %%r14, %%xmm3\n mov $20000, %%r15\n"
            "movq $77, -64(%%rsp)\n"
            "1: add %%rax, %%rbx\n sub %%rax, %%rbx\n xchg %%rcx, %%rdx\n xchg %%rcx, %%rdx\n movq %%r14, %%xmm3\n dec %%r15\n jnz 1b\n"
            "add %%rbx, %%rax\n add %%rcx, %%rax\n add %%rdx, %%rax\n add %%rsi, %%rax\n add %%rdi, %%rax\n add %%r8, %%rax\n add %%r9, %%rax\n"
            "add %%r10, %%rax\n add %%r11, %%rax\n add %%r12, %%rax\n add %%r13, %%rax\n add %%r14, %%rax\n add -64(%%rsp), %%rax\n movq %%xmm3, %%rbx\n"
            : "=a"(sum), "=b"(vector)
            :
            : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm3", "memory", "cc");
        if (sum != 91 + 77 || vector != 13) fail("registers of the busy loop", (long)sum);
        atomic_fetch_add(&rounds, 1);
    }
    return unused;
}

// A thread that is sent signals: each must be handled once, and interrupt its wait exactly when one was handled.
static void on_signal(int number) { (void)number; atomic_fetch_add(&handled, 1); }

static void *interrupted(void *argument)
{
    int epoll = epoll_create1(0), restart = argument != 0;
    struct epoll_event event;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, restart ? SIGRTMIN + 1 : SIGRTMIN + 2);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    while (!stopping) {
        static __thread unsigned long before;
        before = atomic_load(&handled);
        long result = epoll_wait(epoll, &event, 1, 5000);
        if (result == 0) continue;
        if (errno != EINTR) fail("epoll_wait of the interrupted", errno);
        if (atomic_load(&handled) == before) fail("EINTR without a signal", 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    void *(*all[])(void *) = { wait_epoll_for_ever, wait_epoll_timeout, wait_nanosleep, wait_futex, wait_read, wait_receive_timeout, wait_poll, wait_signal, wait_semaphore, busy };
    const char *names[] = { "epoll", "timeout", "nanosleep", "futex", "read", "receive", "poll", "signal", "semop", "busy" };
    pthread_t thread;
    char line[64];
    sigset_t set;
    int signals = argc > 2 ? atoi(argv[2]) : 0;

    sigfillset(&set);
    sigdelset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        if (argc > 1 && (!strcmp(argv[1], names[i]) || !strcmp(argv[1], "all"))) pthread_create(&thread, 0, all[i], 0);
    if (signals) {
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        sigaction(SIGRTMIN + 1, &action, 0);
        action.sa_flags = 0;
        sigaction(SIGRTMIN + 2, &action, 0);
        pthread_t one, two;
        pthread_create(&one, 0, interrupted, (void *)1);
        pthread_create(&two, 0, interrupted, 0);
        usleep(50000);
        printf("ready=1\n");
        fflush(stdout);
        for (int i = 0; i < signals; i++) {
            // Real-time signals queue: each one sent must be handled once.
            if (!pthread_kill(one, SIGRTMIN + 1)) sent++;
            if (!pthread_kill(two, SIGRTMIN + 2)) sent++;
            usleep(1000);
        }
        usleep(100000);
        if (sent != handled) fail("signals lost or doubled", (long)(sent - handled));
        printf("signals=%lx\n", (unsigned long)sent);
        fflush(stdout);
    } else {
        usleep(50000);
        printf("ready=1\n");
        fflush(stdout);
    }
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "quit", 4)) return errors != 0;
        printf("errors=%lx rounds=%lx handled=%lx\n", (unsigned long)errors, (unsigned long)rounds, (unsigned long)handled);
        fflush(stdout);
    }
    return 2;
}
