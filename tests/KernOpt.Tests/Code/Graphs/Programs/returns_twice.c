/* Prints where its functions are, in the order of the names below, and waits. */
#include <setjmp.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static jmp_buf place;
static ucontext_t context;
volatile int depth;

struct saved { long registers[8]; };

__attribute__((noipa)) int sets_jump(int x) { return setjmp(place) ? -x : x + depth; }

__attribute__((noipa)) int sets_signal_jump(int x) { sigjmp_buf own; return sigsetjmp(own, 1) ? -x : x + depth; }

__attribute__((noipa)) int takes_context(int x) { return getcontext(&context) + x; }

__attribute__((noipa)) int forks(int x) { pid_t child = vfork(); if (child == 0) _exit(x); return waitpid(child, NULL, 0) == child; }

__attribute__((noipa)) void stores_many(struct saved *into, long a, long b, long c, long d, long e) { into->registers[0] = a * b; into->registers[1] = b * c; into->registers[2] = c * d; into->registers[3] = d * e; into->registers[4] = e * a; }

__attribute__((noipa)) int plain(int x) { struct saved s; stores_many(&s, x, 2, 3, 4, 5); return (int)s.registers[depth & 3] + printf("%s", ""); }

int main(void)
{
    printf("%p %p %p %p %p\n", (void *)sets_jump, (void *)sets_signal_jump, (void *)takes_context, (void *)forks, (void *)plain);
    fflush(stdout);
    return sets_jump(1) + sets_signal_jump(1) + takes_context(1) + forks(0) + plain(1) + getchar();
}
