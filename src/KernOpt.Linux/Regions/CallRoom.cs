using System.Buffers.Binary;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// Memory of the target in which a borrowed thread makes many system calls in a row. Data: what each has answered, a word a call. Code:
///     mov eax, …   mov rdi, …   mov rsi, …   mov rdx, …   mov r10, …   mov r8, …   mov r9, …   syscall   mov [result], rax        for each call
///     ppoll(nothing, 1 ms)                                                                                                       the tracer stops it here
///     mov rax, …   …   jmp [rip+0]                                                                                               as in <see cref="CallStub"/>
/// It is complete in itself: when the tracer dies, the thread makes all of the calls and goes on where it was. No flags, no other registers and no stack are touched. And ppoll is a call that
/// leaves alone what the kernel keeps of a call that is to be restarted (restart_block).
/// </summary>
internal sealed class CallRoom : IDisposable
{
    /// <summary>How many calls have room.</summary>
    public const int MostCalls = 256;

    private const int CallBytes = 5 + (6 * 10) + 2 + 7, PollBytes = CallBytes - 7;

    private const ulong Page = 4096, DataBytes = Page, CodeBytes = (((MostCalls * CallBytes) + PollBytes + CallStub.WayOnBytes + 16) + Page - 1) / Page * Page;

    /// <summary>In the last words of the data: how long ppoll waits (struct timespec), of which the kernel leaves what was not waited; and before that the number of the row.</summary>
    private const ulong TimeOffset = DataBytes - 16, RowOffset = TimeOffset - 8;

    private const long UsualWait = 1_000_000;

    /// <summary>No call answers this: an error is above -4096, an address is positive.</summary>
    private const ulong NotMade = 1UL << 63;

    private readonly SharedRegion region;
    private readonly TargetMemory memory;
    private readonly long wait;
    private ulong rows;

    private CallRoom(SharedRegion region, TargetMemory memory, long wait) => (this.region, this.memory, this.wait) = (region, memory, wait);

    public AddressRange Range => region.Range;

    /// <summary>A thread may be in it that we could not stop: it must stay as it is.</summary>
    public bool IsEntered { get; set; }

    private Address Code => region.Range.Start + DataBytes;

    /// <summary>In the middle of the largest gap: no jump must reach it, and there it is in nobody's way.</summary>
    /// <param name="mapper">The target's.</param>
    /// <param name="memory">The target's.</param>
    /// <param name="wait">For how many nanoseconds the thread waits to be stopped.</param>
    public static Outcome<CallRoom> Map(RegionMapper mapper, TargetMemory memory, long wait = UsualWait) =>
        mapper.Map(new RegionRequest(default, DataBytes, CodeBytes), CallStub.RoomNameOffset, map => [Middle(map)]).Then<CallRoom>(region => new CallRoom(region, memory, wait));

    /// <summary>Whether both parts are mapped as they were.</summary>
    public bool IsIn(TargetMap map) => map.At(Range.Start) is { Path: RegionMaps.RoomPath } data && data.Range == new AddressRange(Range.Start, DataBytes)
        && map.At(Code) is { Path: RegionMaps.RoomPath } code && code.Range == new AddressRange(Code, CodeBytes) && code.Inode == data.Inode;

    /// <summary>Whether the address space in which a thread would come in has what was prepared last: not after execve(2), nor when the program has unmapped it.</summary>
    public bool IsThere()
    {
        Span<byte> there = stackalloc byte[8], here = stackalloc byte[8];
        region.Read(RowOffset, here);
        if (memory.Read(Range.Start + RowOffset, there) != there.Length || !there.SequenceEqual(here)) return false;
        region.Read(DataBytes, here);
        return memory.Read(Code, there) == there.Length && there.SequenceEqual(here);
    }

    /// <summary>Writes the code for the next calls of a batch, no more than that, and answers for how many. Nobody is in it.</summary>
    public int Prepare(CallBatch batch, int most, in Registers goOn)
    {
        var count = Math.Min(Math.Min(most, MostCalls), batch.Left);
        region.Store(RowOffset, ++rows);
        region.Store(TimeOffset, 0);
        region.Store(TimeOffset + 8, (ulong)wait);
        Span<byte> code = stackalloc byte[CallBytes];
        ReadOnlySpan<byte> store = [0x48, 0x89, 0x05];
        for (var i = 0; i < count; i++)
        {
            region.Store(Result(i), NotMade);
            WriteCall(code, batch[i]);
            store.CopyTo(code[PollBytes..]);
            BinaryPrimitives.WriteInt32LittleEndian(code[(PollBytes + store.Length)..], (int)((region.Range.Start + Result(i)) - (Code + (ulong)((i + 1) * CallBytes))));
            region.Write(DataBytes + (ulong)(i * CallBytes), code);
        }
        WriteCall(code, new(CallNumber.ppoll, C: (region.Range.Start + TimeOffset).Value));
        region.Write(DataBytes + (ulong)(count * CallBytes), code[..PollBytes]);
        Span<byte> way = stackalloc byte[CallStub.WayOnBytes];
        CallStub.WriteWayOn(way, goOn);
        region.Write(DataBytes + (ulong)((count * CallBytes) + PollBytes), way);
        return count;
    }

    /// <summary>The registers with which a stopped thread comes in. OriginalRax is -1 so that the kernel restarts nothing.</summary>
    public Registers Entry(in Registers stopped) => stopped with { Rip = Code.Value, OriginalRax = ulong.MaxValue };

    /// <summary>How many of the prepared calls have answered.</summary>
    public int Made(int count)
    {
        var made = 0;
        while (made < count && region.Load(Result(made)) != NotMade) made++;
        return made;
    }

    /// <summary>Tells a batch what the thread has made by the stop in which it has these registers; also a call behind which it was stopped at once.</summary>
    public void Note(CallBatch batch, int count, in Registers now)
    {
        var made = NoteAnswers(batch, count);
        if (made < count && now.Rip == (Code + (ulong)((made * CallBytes) + PollBytes)).Value) batch.Note(now.Rax);
    }

    /// <summary>The same, of a thread that did not stop; answers how many.</summary>
    public int NoteAnswers(CallBatch batch, int count)
    {
        var made = Made(count);
        for (var i = 0; i < made; i++) batch.Note(region.Load(Result(i)));
        return made;
    }

    /// <summary>Our own mapping; the target's is unmapped by a call.</summary>
    public void Dispose() => region.Dispose();

    private static ulong Result(int call) => 8 * (ulong)call;

    private static void WriteCall(Span<byte> into, RemoteArguments call)
    {
        into[0] = 0xb8;
        BinaryPrimitives.WriteInt32LittleEndian(into[1..], (int)call.Number);
        ReadOnlySpan<(byte Rex, byte Opcode)> loads = [(0x48, 0xbf), (0x48, 0xbe), (0x48, 0xba), (0x49, 0xba), (0x49, 0xb8), (0x49, 0xb9)];
        const int first = 5;
        var at = first + CallStub.WriteLoads(into[first..], loads, [call.A, call.B, call.C, call.D, call.E, call.F]);
        into[at] = 0x0f;
        into[at + 1] = 0x05;
    }

    private static Address Middle(TargetMap map)
    {
        var (from, best, middle) = (Occupied.Lowest, 0UL, Occupied.Lowest);
        foreach (var (start, end) in map.Mappings.Where(m => m.Range.Start.Value < Occupied.Highest).Select(m => (Start: m.Range.Start.Value, End: m.Range.End.Value)).Append((Start: Occupied.Highest, End: Occupied.Highest)))
        {
            if (start > from && start - from > best) (best, middle) = (start - from, from + ((start - from) / 2));
            from = Math.Max(from, end);
        }
        return new Address(middle).AlignDown(Page);
    }
}
