// Four threads run through a five-byte instruction that is changed from outside between "mov eax, 1" and "jmp stub"; the stub counts and does "mov eax, 2".
// Each execution is counted before, after, by its result, and by the stub: all must agree. Prints the sites; on "stop" prints the counts.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counts { unsigned long before, after, by_stub, pad[5]; };

#define SITE(offset) \
    __asm__(".text\n .balign 64\n .skip 64\n .skip (" #offset " + 64 - 3) % 64\n run_" #offset ":\n incq (%rdi)\n" \
            "site_" #offset ":\n movl $1, %eax\n back_" #offset ":\n incq 8(%rdi)\n ret\n" \
            ".skip 64\n stub_" #offset ":\n incq 16(%rdi)\n movl $2, %eax\n jmp back_" #offset "\n"); \
    extern unsigned long run_##offset(struct counts *); extern char site_##offset[], stub_##offset[];
SITE(0) SITE(3) SITE(4) SITE(8) SITE(11) SITE(12) SITE(59)

static const struct { int offset; unsigned long (*run)(struct counts *); char *site, *stub; } sites[] = {
#define ROW(offset) { offset, run_##offset, site_##offset, stub_##offset },
    ROW(0) ROW(3) ROW(4) ROW(8) ROW(11) ROW(12) ROW(59)
};

static volatile int stopping;
static int chosen;
static unsigned long totals[4], wrong;

static void *run(void *unused)
{
    struct counts counts __attribute__((aligned(64))) = { 0 };
    unsigned long ones = 0, twos = 0, others = 0;
    while (!stopping) {
        for (int i = 0; i < 1000; i++) {
            unsigned long result = sites[chosen].run(&counts);
            if (result == 1) ones++; else if (result == 2) twos++; else others++;
        }
    }
    if (counts.before != counts.after || counts.by_stub != twos || ones + twos != counts.before || others) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals[0], counts.before, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals[1], ones, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals[2], twos, __ATOMIC_RELAXED);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[4];
    char line[64];
    if (argc < 2) return 64;
    for (unsigned i = 0; i < sizeof sites / sizeof *sites; i++) if (sites[i].offset == atoi(argv[1])) chosen = (int)i;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, run, 0);
    printf("site=%lx stub=%lx\n", (unsigned long)sites[chosen].site, (unsigned long)sites[chosen].stub);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return 1;
    stopping = 1;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    printf("total=%lx ones=%lx twos=%lx wrong=%lx\n", totals[0], totals[1], totals[2], wrong);
    fflush(stdout);
    return wrong != 0;
}
