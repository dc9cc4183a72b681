// Functions without padding near them, whose first instructions have one, two, three and four bytes, or cross a cache line; and direct calls that do. "N T" runs each N times in each of T threads, holds
// the results against the same thing in C, and answers "ok", or the name of the function that was wrong. "N -1" does so in a child that it forks, "0 -2" makes a child that
// stays and answers its number, "0 -3" ends that one.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUNCTION(name, body) ".globl " name "\n.type " name ",@function\n" name ":\n" body "\n.size " name ", . - " name "\n"
#define FILLER(name, bytes) FUNCTION(name, ".fill " bytes " - 1, 1, 0x90\n ret")

__asm__(".text\n.p2align 6\n"
    FILLER("q_before", "189")
    FUNCTION("q_cross", "mov $0x81828384, %eax\n add %edi, %eax\n ret")
    FILLER("q_between", "150")
    FUNCTION("q_one", "push %rbx\n mov %rdi, %rbx\n mov %edi, %eax\n add %ebx, %eax\n pop %rbx\n ret")
    FUNCTION("q_two", "mov %edi, %eax\n movzbl %al, %eax\n add %edi, %eax\n ret")
    FUNCTION("q_three", "mov %rdi, %rax\n add %edi, %eax\n ret")
    FUNCTION("q_four", "lea 5(%rdi), %rax\n mov %edi, %ecx\n add %ecx, %eax\n ret")
    FUNCTION("q_flags", "cmp %edi, %esi\n sbb %eax, %eax\n sub %edi, %eax\n ret")
    FUNCTION("q_loop", "xor %eax, %eax\n mov %edi, %ecx\n and $15, %ecx\n jz 2f\n1: add %edi, %eax\n dec %ecx\n jnz 1b\n2: ret\n .fill 4, 1, 0x90")
    FILLER("q_behind", "150")
    ".p2align 6\n"
    FILLER("q_to2", "126") FUNCTION("q_call2", "call q_leaf\n ret")
    FILLER("q_to3", "57") FUNCTION("q_call3", "call q_leaf\n ret")
    FILLER("q_to4", "57") FUNCTION("q_call4", "call q_leaf\n ret")
    FILLER("q_to1", "61") FUNCTION("q_call1", "call q_leaf\n ret")
    FUNCTION("q_leaf", "lea (%rdi,%rdi), %eax\n ret"));

typedef unsigned Function(unsigned long, unsigned long);
Function q_cross, q_one, q_two, q_three, q_four, q_flags, q_call1, q_call2, q_call3, q_call4, q_loop;

static unsigned expect(int function, unsigned x)
{
    switch (function) {
    case 0: return 0x81828384 + x;
    case 1: return 2 * x;
    case 2: return (x & 0xff) + x;
    case 3: return 2 * x;
    case 4: return 2 * x + 5;
    case 5: return (x / 2 < x ? -1u : 0) - x;
    case 10: return x * (x & 15);
    default: return 2 * x;
    }
}

static Function *const functions[] = {q_cross, q_one, q_two, q_three, q_four, q_flags, q_call1, q_call2, q_call3, q_call4, q_loop};
static const char *const names[] = {"q_cross", "q_one", "q_two", "q_three", "q_four", "q_flags", "q_call1", "q_call2", "q_call3", "q_call4", "q_loop"};
enum { FUNCTIONS = sizeof functions / sizeof *functions };
static unsigned long rounds;

static void *run(void *unused)
{
    for (unsigned long i = 0; i < rounds; i++) {
        unsigned x = i % 3 == 0 ? (unsigned)i * 0x9e3779b9u : i % 20;
        for (int f = 0; f < FUNCTIONS; f++)
            if (functions[f](x, x / 2) != expect(f, x)) return (void *)names[f];
    }
    return unused;
}

int main(void)
{
    int threads;
    pid_t child = 0;
    while (scanf("%lu %d", &rounds, &threads) == 2) {
        pthread_t all[16];
        const char *wrong = "ok";
        if (threads == -1) {
            int status = -1;
            if (!(child = fork())) _exit(run(0) != 0);
            waitpid(child, &status, 0);
            if (status) wrong = "child";
        }
        if (threads == -2) {
            if (!(child = fork())) for (;;) pause();
            printf("%d\n", child);
            fflush(stdout);
            continue;
        }
        if (threads == -3) {
            kill(child, SIGKILL);
            waitpid(child, 0, 0);
        }
        for (int t = 0; t < threads; t++) pthread_create(&all[t], 0, run, 0);
        for (int t = 0; t < threads; t++) {
            void *answer;
            pthread_join(all[t], &answer);
            if (answer) wrong = answer;
        }
        puts(wrong);
        fflush(stdout);
    }
    return 0;
}
