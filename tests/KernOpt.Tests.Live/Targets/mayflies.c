// Threads that live for some hundred microseconds each, one after the other, four at a time. On a line of input it ends, with 0 when all of them have done what they were made for.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_ulong begun, done;
static atomic_int stopping;

static void *live(void *unused)
{
    volatile unsigned sum = 0;
    for (unsigned i = 0; i < 200000; i++) sum += i;
    atomic_fetch_add(&done, sum == 2820030816u);
    return unused;
}

static void *make(void *unused)
{
    while (!stopping) {
        pthread_t thread;
        atomic_fetch_add(&begun, 1);
        if (pthread_create(&thread, 0, live, 0)) return unused;
        pthread_join(thread, 0);
    }
    return unused;
}

int main(void)
{
    pthread_t makers[4];
    char line[16];
    for (int i = 0; i < 4; i++) pthread_create(&makers[i], 0, make, 0);
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return 2;
    stopping = 1;
    for (int i = 0; i < 4; i++) pthread_join(makers[i], 0);
    return begun != done;
}
