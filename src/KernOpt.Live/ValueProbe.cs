using System.Buffers.Binary;
using System.Collections.Immutable;
using KernOpt.Live.Regions;
using KernOpt.Live.Stubs;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// One sampled call. Arguments are rdi, rsi, rdx, rcx, r8, r9 as the caller passed them; those that the site no longer has are 0 (see
/// <see cref="ValueProbe.KnownArguments"/>). StackPointer is rsp at the function's entry, Time the processor's time stamp counter.
/// </summary>
public readonly record struct ProbeRecord(
    ulong Rdi, ulong Rsi, ulong Rdx, ulong Rcx, ulong R8, ulong R9, Address ReturnAddress, ulong StackPointer, ulong Time);

/// <summary>A sampling probe at a redirection's site: see <see cref="ProbeCode"/>. Reading it is plain loads from memory that is shared with the target.</summary>
public sealed class ValueProbe : Installed
{
    public const int MostRecords = 1 << 14;

    private const int StuckDrains = 3;

    private readonly Lock gate = new();
    private int drainsStuck;
    private ulong lostByReader;

    internal ValueProbe(LiveRegion region, PlacedEntry placed) : base(region, placed)
    {
    }

    public ulong RedirectId => Entry.Parent;

    /// <summary>On average one call in this many is recorded.</summary>
    public uint Every => (uint)Entry.Facts;

    /// <summary>Records that the ring holds, a power of two.</summary>
    public int Capacity => CapacityOf(Entry);

    /// <summary>Bit n: argument n of rdi, rsi, rdx, rcx, r8, r9 is known at the site.</summary>
    public int KnownArguments => (int)(Entry.More & 0x3F);

    /// <summary>Calls that were to be recorded and were not, for want of room in the ring or by a thread that did not finish its record.</summary>
    public ulong Lost => LoadData(ProbeCode.LostAt) + lostByReader;

    /// <summary>Calls recorded since the probe was made, read or not.</summary>
    public ulong Recorded => LoadData(ProbeCode.HeadAt);

    /// <summary>
    /// Moves all finished records since the last call into the list, in the order in which their slots were taken, and answers how many. A record that is
    /// still being written ends the reading; one that is still unfinished after three calls (a thread that left it by longjmp) is given up.
    /// </summary>
    public int Drain(ICollection<ProbeRecord> into)
    {
        lock (gate)
        {
            var head = LoadData(ProbeCode.HeadAt);
            var tail = LoadData(ProbeCode.TailAt);
            // The words are the target's to spoil: never more than the ring holds.
            if (head - tail > (ulong)Capacity) tail = head - Math.Min(head, (ulong)Capacity);
            var count = 0;
            for (; tail != head; tail++)
            {
                if (!TryRead(tail, out var record))
                {
                    if (count > 0 || ++drainsStuck < StuckDrains) break;
                    lostByReader++;
                    drainsStuck = 0;
                    continue;
                }
                drainsStuck = 0;
                into.Add(record);
                count++;
            }
            Region.Memory.Store(DataAt(ProbeCode.TailAt), tail);
            return count;
        }
    }

    internal static int CapacityOf(Entry entry) => (int)(entry.Facts >> 32);

    private bool TryRead(ulong index, out ProbeRecord record)
    {
        var at = DataAt(ProbeCode.RingAt) + ((index & (ulong)(Capacity - 1)) << ProbeCode.RecordShift);
        record = default;
        if (Region.Memory.Load(at) != index + 1) return false;
        Span<byte> bytes = stackalloc byte[ProbeCode.RecordBytes];
        Region.Memory.Read(at, bytes);
        record = new ProbeRecord(Argument(bytes, 0), Argument(bytes, 1), Argument(bytes, 2), Argument(bytes, 3), Argument(bytes, 4), Argument(bytes, 5),
            new Address(Word(bytes, ProbeCode.ReturnAddressIn)), Word(bytes, ProbeCode.StackPointerIn), Word(bytes, ProbeCode.TimeIn));
        return Region.Memory.Load(at) == index + 1;
    }

    private static ulong Argument(ReadOnlySpan<byte> bytes, int index) => Word(bytes, ProbeCode.ArgumentsIn + 8 * index);

    private static ulong Word(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
