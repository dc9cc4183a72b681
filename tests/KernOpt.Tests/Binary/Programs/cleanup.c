// Cleans up by the C personality when it is unwound; with EXITS a thread may be unwound.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void release(char **held)
{
    free(*held);
}

__attribute__((noinline)) int holds(int n)
{
    __attribute__((cleanup(release))) char *held = malloc((size_t)n);
    held[0] = (char)n;
    printf("%p\n", (void *)held);
    return held[0];
}

int main(int argc, char **argv)
{
    (void)argv;
    printf("%d\n", holds(argc + 10));
    fflush(stdout);
    getchar();
#ifdef EXITS
    pthread_exit(NULL);
#endif
    return 0;
}
