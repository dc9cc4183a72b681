// Threads come and go, children are forked, a library is opened and closed, and the program becomes itself anew, while functions of it are changed.
//   family LIBRARY    prints "rounds children wrong library" every half second; SIGUSR1 opens or closes the library, SIGUSR2 executes the program again
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t toggled, again;
static volatile long wrong;

__attribute__((noinline)) unsigned long work(const unsigned char *bytes, long count, unsigned factor)
{
    unsigned long sum = 0;
    for (long i = 0; i < count; i++) sum = sum * factor + bytes[i];
    return sum;
}

static unsigned char bytes[64];
static unsigned long expected;

static void *worker(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2000; i++)
        if (work(bytes, sizeof bytes, 31) != expected) __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
    return 0;
}

static void on_signal(int number) { if (number == SIGUSR1) toggled = 1; else again = 1; }

int main(int argc, char **argv)
{
    (void)argc;
    void *library = 0;
    unsigned long (*plugged)(const unsigned char *, long) = 0;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = i * 7, expected = expected * 31 + bytes[i];
    long rounds = 0, children = 0;
    struct timespec last, t;
    clock_gettime(CLOCK_MONOTONIC, &last);
    for (;; rounds++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, worker, 0);
        pid_t child = fork();
        if (child == 0) { worker(0); _exit(wrong != 0); }
        int status = 0;
        waitpid(child, &status, 0);
        if (status) wrong++;
        children++;
        for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
        if (toggled) {
            toggled = 0;
            if (library) dlclose(library), library = 0;
            else if ((library = dlopen(argv[1], RTLD_NOW))) plugged = dlsym(library, "plugged");
        }
        for (int i = 0; library && i < 2000; i++) if (plugged(bytes, sizeof bytes) != expected) wrong++;
        if (again) execv(argv[0], argv);
        clock_gettime(CLOCK_MONOTONIC, &t);
        if (t.tv_sec - last.tv_sec + (t.tv_nsec - last.tv_nsec) * 1e-9 < 0.2) continue;
        last = t;
        printf("%ld %ld %ld %s\n", rounds, children, wrong, library ? "open" : "closed");
        fflush(stdout);
    }
}
