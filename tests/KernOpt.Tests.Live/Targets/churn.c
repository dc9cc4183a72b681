// Calls a function from threads and processes that come and go, as lines of input say; when all of them have ended it answers "ok CALLS", the calls of this line.
//   threads N M   N threads, eight at a time, M calls each
//   forks N M     N forked children, four at a time, M calls each, and as many by the parent beside each
//   vforks N M    N children made by vfork, which make M calls each and then become /bin/true, while another thread makes as many
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long sink;

__attribute__((noipa)) long counted(long x) { return x * 3 + 1; }

static void call(long times)
{
    for (long i = 0; i < times; i++) sink = counted(i);
}

static void *calls(void *times)
{
    call((long)times);
    return 0;
}

static long threads(long n, long m)
{
    enum { AT_ONCE = 8 };
    pthread_t at[AT_ONCE];
    for (long made = 0; made < n; made++) {
        if (made >= AT_ONCE) pthread_join(at[made % AT_ONCE], 0);
        if (pthread_create(&at[made % AT_ONCE], 0, calls, (void *)m)) return -1;
    }
    for (long left = n < AT_ONCE ? 0 : n - AT_ONCE; left < n; left++) pthread_join(at[left % AT_ONCE], 0);
    return n * m;
}

static long forks(long n, long m)
{
    int status;
    for (long made = 0; made < n; made++) {
        if (made >= 4 && (wait(&status) < 0 || status)) return -1;
        pid_t child = fork();
        if (child < 0) return -1;
        call(m);
        if (!child) _exit(0);
    }
    while (wait(&status) > 0) if (status) return -1;
    return 2 * n * m;
}

static long vforks(long n, long m)
{
    for (long made = 0; made < n; made++) {
        pthread_t beside;
        int status;
        if (pthread_create(&beside, 0, calls, (void *)m)) return -1;
        pid_t child = vfork();
        if (!child) {
            call(m);
            execl("/bin/true", "true", (char *)0);
            _exit(1);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0 || status) return -1;
        pthread_join(beside, 0);
    }
    return 2 * n * m;
}

int main(void)
{
    char what[16];
    long n, m;
    while (scanf("%15s %ld %ld", what, &n, &m) == 3) {
        long made = !strcmp(what, "threads") ? threads(n, m) : !strcmp(what, "forks") ? forks(n, m) : vforks(n, m);
        if (made < 0) return 1;
        printf("ok %ld\n", made);
        fflush(stdout);
    }
    return 0;
}
