// Prints the address and bytes of a function, then waits for input: "call" calls it, "exec" becomes another program, "quit" ends.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline, aligned(64), section(".text.answer"))) int answer(void)
{
    int value;
    __asm__ volatile("movl $42, %0" : "=a"(value));
    return value;
}

int main(int argc, char **argv)
{
    char line[64];
    (void)argc;
    printf("answer=%lx main=%lx\n", (unsigned long)answer, (unsigned long)main);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "call", 4)) { printf("result=%x\n", answer()); fflush(stdout); }
        if (!strncmp(line, "exec", 4)) execl(argv[0], argv[0], (char *)0);
        if (!strncmp(line, "quit", 4)) return 7;
    }
    return 0;
}
