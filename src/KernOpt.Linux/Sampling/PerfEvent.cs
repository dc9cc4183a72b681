using System.Buffers.Binary;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Sampling;

/// <summary>What is counted: "cycles" (hardware) or "perf_event cpu-clock" (a timer on CPU time).</summary>
internal enum PerfSource
{
    Cycles,
    CpuClock,
}

/// <summary>
/// One perf_event_open(2) event on one thread, with its ring of samples. User-mode samples only, which needs no privilege up to perf_event_paranoid 2.
/// </summary>
internal sealed unsafe class PerfEvent : IDisposable
{
    private const int AttributeSize = 112;   // PERF_ATTR_SIZE_VER5
    private const int Page = 4096, HeadOffset = 1024, TailOffset = 1032;
    private const uint SampleRecord = 9, LostRecord = 2;

    private readonly int descriptor;
    private readonly byte* ring;
    private readonly ulong dataLength;

    private PerfEvent(int thread, int descriptor, byte* ring, ulong dataLength)
    {
        Thread = thread;
        this.descriptor = descriptor;
        this.ring = ring;
        this.dataLength = dataLength;
    }

    public int Thread { get; }

    /// <summary>The event, or the negated error of perf_event_open or mmap.</summary>
    public static (PerfEvent? Event, long Error) Open(int thread, PerfSource source, int hertz, int pages)
    {
        var attributes = stackalloc byte[AttributeSize];
        Fill(new(attributes, AttributeSize), source, hertz);
        const int closeOnExec = 8;
        var descriptor = (int)SystemCall.Invoke(CallNumber.perf_event_open, (long)attributes, thread, -1, -1, closeOnExec);
        if (descriptor < 0) return (null, descriptor);
        var length = (ulong)pages * Page;
        var address = SystemCall.Map(0, length + Page, MapFlags.ProtectionRead | MapFlags.ProtectionWrite, MapFlags.Shared, descriptor, 0);
        if (address is < 0 and > -4096)
        {
            SystemCall.Close(descriptor);
            return (null, address);
        }
        return (new(thread, descriptor, (byte*)address, length), 0);
    }

    /// <summary>struct perf_event_attr: type, size, config, sample_period or sample_freq, sample_type, read_format, flag bits, …, clockid at 92.</summary>
    private static void Fill(Span<byte> attributes, PerfSource source, int hertz)
    {
        const ulong frequencyMode = 1 << 10, excludeKernel = 1 << 5, excludeHypervisor = 1 << 6, useClock = 1 << 25;
        const ulong ip = 1, threadId = 2, time = 4, period = 256;
        attributes.Clear();
        var isCycles = source == PerfSource.Cycles;
        BinaryPrimitives.WriteUInt32LittleEndian(attributes, isCycles ? 0u : 1u);   // PERF_TYPE_HARDWARE / PERF_TYPE_SOFTWARE; config 0 is cycles / cpu-clock
        BinaryPrimitives.WriteUInt32LittleEndian(attributes[4..], AttributeSize);
        BinaryPrimitives.WriteUInt64LittleEndian(attributes[16..], isCycles ? (ulong)hertz : 1_000_000_000UL / (ulong)hertz);
        BinaryPrimitives.WriteUInt64LittleEndian(attributes[24..], ip | threadId | time | period);
        BinaryPrimitives.WriteUInt64LittleEndian(attributes[40..], excludeKernel | excludeHypervisor | useClock | (isCycles ? frequencyMode : 0));
        BinaryPrimitives.WriteInt32LittleEndian(attributes[92..], 1);   // CLOCK_MONOTONIC
    }

    /// <summary>Moves the samples out of the ring; answers how many the kernel had to drop. Weight: nanoseconds per sample, or 0 to take the sample's own period.</summary>
    public long Drain(ICollection<Sample> into, ulong weight)
    {
        // The control page and the data are one mapping of Page + dataLength bytes; every offset into the data is taken modulo its length.
        var head = Volatile.Read(ref *(ulong*)(ring + HeadOffset));
        var tail = *(ulong*)(ring + TailOffset);
        long lost = 0;
        while (tail < head)
        {
            var header = Word(tail);
            var size = header >> 48;
            if (size < 8 || size > head - tail) break;
            if ((uint)header == SampleRecord) into.Add(ReadSample(tail + 8, weight));
            else if ((uint)header == LostRecord) lost += (long)Word(tail + 16);
            tail += size;
        }
        Volatile.Write(ref *(ulong*)(ring + TailOffset), head);
        return lost;
    }

    public void Dispose()
    {
        SystemCall.Unmap((ulong)ring, dataLength + Page);
        SystemCall.Close(descriptor);
    }

    private Sample ReadSample(ulong at, ulong weight)
        => new(new(Word(at)), (int)(Word(at + 8) >> 32), Word(at + 16), weight != 0 ? weight : Word(at + 24));

    /// <summary>Records are multiples of 8 bytes, so a word never wraps around.</summary>
    private ulong Word(ulong at) => *(ulong*)(ring + Page + (at % dataLength));
}
