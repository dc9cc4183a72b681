// A process that, on "enter", calls a given address on a thread of its own, which calls back into a wait; on "fork" makes a child that lives on.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <signal.h>
#include <unistd.h>

static int gate[2];

void wait_here(void)
{
    char byte;
    if (read(gate[0], &byte, 1) != 1) abort();
}

// Addresses come masked, so that the only pointers into the code are those of calls; the thread stays, so that its stack is not a dead one.
static const unsigned long mask = 0x5555555555555555;

static void *enter(void *masked)
{
    ((void (*)(void))((unsigned long)masked ^ mask))();
    for (;;) pause();
}

int main(void)
{
    char line[128];
    pid_t child = 0;
    if (pipe(gate)) return 1;
    printf("wait=%lx\n", (unsigned long)wait_here);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        pthread_t thread;
        if (!strncmp(line, "enter ", 6)) pthread_create(&thread, 0, enter, (void *)strtoul(line + 6, 0, 16));
        if (!strncmp(line, "leave", 5) && write(gate[1], "x", 1) != 1) return 1;
        if (!strncmp(line, "fork", 4) && !(child = fork())) { for (;;) pause(); }
        if (!strncmp(line, "kill", 4)) kill(child, SIGKILL);
        usleep(50000);
        printf("ok=1 child=%x\n", child);
        fflush(stdout);
    }
    if (child) kill(child, SIGKILL);
    return 0;
}
