using KernOpt.Linux.Native;

namespace KernOpt.Linux.Threads;

/// <summary>
/// Ends the turns of our own threads soon after they have had what they asked for. The kernel looks whether a turn is over at its tick only (4 ms at 250 Hz), or when
/// another thread wakes up on that processor; so a thread of ours wakes up on each of them every 400 µs and sleeps again at once, which takes some 0.5 % of its time.
/// The loop is machine code: managed code would stand still during a garbage collection, which is one of the long turns.
/// </summary>
internal static unsafe class TurnTicks
{
    /// <summary>Where there are more processors than this, one is free in most cases, and turns do not matter.</summary>
    private const int MostProcessors = 8;

    private const long Nanoseconds = 400_000;

    private const int MaskWords = 128;   // of 64 processors each; the kernel's own limit is 8,192 processors
    private const ulong PageBytes = 4096;
    private const int TimeAt = 64;

    /// <summary>Called with the address of a struct timespec; never returns.</summary>
    private static ReadOnlySpan<byte> Loop =>
    [
        0x48, 0x89, 0xfb,         //     mov rbx, rdi
        0xb8, 35, 0, 0, 0,        // L:  mov eax, 35 (nanosleep)
        0x48, 0x89, 0xdf,         //     mov rdi, rbx
        0x31, 0xf6,               //     xor esi, esi
        0x0f, 0x05,               //     syscall
        0xeb, 0xf2,               //     jmp L
    ];

    private static int isBegun;

    /// <summary>Begins once, until the process ends. Where memory may not be made executable, turns stay as the kernel ends them.</summary>
    public static void Once()
    {
        if (Interlocked.Exchange(ref isBegun, 1) != 0) return;
        var processors = Allowed();
        if (processors.Count > MostProcessors) return;
        var page = SystemCall.Map(0, PageBytes, MapFlags.ProtectionRead | MapFlags.ProtectionWrite, MapFlags.Private | MapFlags.Anonymous, -1, 0);
        if (page < 0) return;
        // The page is ours and larger than the loop and the time at its 64th byte.
        Loop.CopyTo(new Span<byte>((void*)page, TimeAt));
        ((long*)(page + TimeAt))[1] = Nanoseconds;
        if (SystemCall.Invoke(CallNumber.mprotect, page, (long)PageBytes, MapFlags.ProtectionRead | MapFlags.ProtectionExecute) < 0) return;
        foreach (var processor in processors)
        {
            new Thread(() => Tick(processor, page), maxStackSize: 128 << 10) { Name = "kernopt ticks", IsBackground = true }.Start();
        }
    }

    private static void Tick(int processor, long page)
    {
        if (!StayOn(processor)) return;
        Scheduling.WakeExactly();
        Urgency.Begin();
        ((delegate* unmanaged<long, void>)page)(page + TimeAt);
    }

    private static List<int> Allowed()
    {
        var mask = stackalloc ulong[MaskWords];
        // The kernel writes at most the size that it is given, and answers how much that was.
        var bytes = SystemCall.Invoke(CallNumber.sched_getaffinity, 0, MaskWords * sizeof(ulong), (long)mask);
        var found = new List<int>();
        for (var processor = 0; processor < bytes * 8; processor++)
        {
            if ((mask[processor / 64] >> (processor % 64) & 1) != 0) found.Add(processor);
        }
        return found;
    }

    private static bool StayOn(int processor)
    {
        var mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        mask[processor / 64] = 1UL << (processor % 64);
        return SystemCall.Invoke(CallNumber.sched_setaffinity, 0, MaskWords * sizeof(ulong), (long)mask) == 0;
    }
}
