using System.Buffers.Binary;
using System.Collections.Immutable;
using Iced.Intel;
using Decoder = Iced.Intel.Decoder;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using KernOpt.Probes;
using KernOpt.Probes.Language;
using KernOpt.Target;
using KernOpt.Tests.Code.Bodies;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Probes;

/// <summary>
/// A point in an emulated machine: behind two pushes, before a read of [rdi+8]. Mapped are its words, to their end, the page at whose start or end these eight bytes lie, one of stack, and the
/// thread's: what is stored or read elsewhere faults.
/// </summary>
internal sealed class EmulatedPoint : IDisposable
{
    public const int Index = 2, Entry = 0, Exit = 5;
    public const int ThreadNumberOffset = 0x2D0;
    public const uint ThreadNumberIs = 123456;
    public static readonly AddressRange Caller = new(new Address(0x50_0000), 0x1000);

    private const ulong Code = 0x1000_0000, CodeBytes = 512 << 10, Words = Code + CodeBytes, WordBytes = 2 << 20, Pointed = 0x7100_0000_0000, Stack = 0x7200_0000_0000, Thread = 0x7300_0000_0000, Data = 0x7400_0000_0000;
    /// <summary>A variable in the middle of a page of data.</summary>
    public static readonly DataPlace Variable = new(new Address(Data + Page / 2), new AddressRange(new Address(Data), Page), IsAlwaysThere: true);

    /// <summary>The last page of a stack, behind which nothing is mapped, is where a point is reached; there are some below.</summary>
    public const ulong StackEnd = Stack + Page, StackStart = Stack - 3 * Page;
    public const ulong ThreadPointerIs = Thread;

    private const int StackBytes = (int)(StackEnd - StackStart);
    public const int Page = 4096;
    private const int Above = 16, RedZone = 128, Below = 256;
    private const RflagsBits Status = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.CF | RflagsBits.PF;

    private readonly Emulator emulator = new();
    private readonly BasicBlock block;
    private ulong next = Code;
    private ulong words = Words;

    /// <param name="code">Other instructions of the function; the last returns.</param>
    public EmulatedPoint(Action<Assembler>? code = null)
    {
        emulator.Map(Code, CodeBytes, Emulator.Access.Read | Emulator.Access.Execute);
        emulator.Map(Words, WordBytes, Emulator.Access.Read | Emulator.Access.Write);
        emulator.Map(Pointed, Page, Emulator.Access.Read);
        emulator.Map(StackStart, StackBytes, Emulator.Access.Read | Emulator.Access.Write);
        emulator.Map(Thread, Page, Emulator.Access.Read);
        emulator.Map(Data, Page, Emulator.Access.Read);
        emulator.OnSystemCall = Kernel;
        SetThreadNumber(ThreadNumberIs);
        emulator.SetThreadPointer(Thread);
        emulator.Write(Thread, BitConverter.GetBytes(Thread));
        block = new BasicBlock(0, HandMade.Start, [.. HandMade.Assemble(code ?? (c =>
        {
            c.push(rbx);
            c.push(rbp);
            c.mov(rax, __qword_ptr[rdi + 8]);
            c.pop(rbp);
            c.pop(rbx);
            c.ret();
        })).Select((instruction, n) =>
        {
            // Each has an address of its own.
            instruction.IP = HandMade.Start.Value + 8 * (ulong)n;
            return instruction;
        })], BlockEnd.Return);
        Graph = new FunctionGraph(HandMade.Function, [block]);
    }

    public FunctionGraph Graph { get; }

    public const ulong ProcessIs = 4321, UserIs = 1000, CpuTimeStep = 1_500_000_000;

    private ulong cpuTime;

    /// <summary>What Linux does for the calls that inserted code makes; it overwrites rcx and r11. Any other call is answered with ENOSYS, and seen by the tests as a wrong result.</summary>
    private void Kernel(Emulator machine)
    {
        const int rax = 0, rcx = 1, rdx = 2, rsi = 6, rdi = 7, r8 = 8, r9 = 9, r10 = 10, r11 = 11;
        const long noSuchCall = -38, badAddress = -14;
        machine.SetGeneral(rcx, 0xC0FFEE);
        machine.SetGeneral(r11, 0xC0FFEE);
        machine.SetGeneral(rax, machine.General(rax) switch
        {
            39 => ProcessIs,
            102 => UserIs,
            228 when machine.General(rdi) == 3 => CpuTime(machine.General(rsi)),
            310 when (machine.General(rdi), machine.General(rdx), machine.General(r8), machine.General(r9)) == (ProcessIs, 1, 1, 0) => Copy(machine.General(rsi), machine.General(r10)),
            _ => unchecked((ulong)noSuchCall),
        });

        ulong CpuTime(ulong into)
        {
            cpuTime += CpuTimeStep;
            machine.Write(into, [.. BitConverter.GetBytes(cpuTime / 1_000_000_000), .. BitConverter.GetBytes(cpuTime % 1_000_000_000)]);
            return 0;
        }

        ulong Copy(ulong local, ulong remote)
        {
            var (to, room) = (BitConverter.ToUInt64(machine.Read(local, 16), 0), BitConverter.ToUInt64(machine.Read(local, 16), 8));
            var (from, length) = (BitConverter.ToUInt64(machine.Read(remote, 16), 0), BitConverter.ToUInt64(machine.Read(remote, 16), 8));
            if (room != length || length > 8 || machine.TryRead(from, (int)length) is not { } bytes) return unchecked((ulong)badAddress);
            machine.Write(to, bytes);
            return length;
        }
    }

    public void SetThreadNumber(uint number) => emulator.Write(Thread + ThreadNumberOffset, BitConverter.GetBytes(number));
    public Point Point => new(block, Index);

    /// <summary>What the last passage left in the words.</summary>
    public ulong Word(int word) => BinaryPrimitives.ReadUInt64LittleEndian(emulator.Read(words + 8 * (ulong)word, 8));

    public void StoreWord(int word, ulong value) => emulator.Write(words + 8 * (ulong)word, BitConverter.GetBytes(value));

    public ulong SharedWord(IPointProgram program, int word) => Word(program.Words + word);

    /// <summary>Fresh words for the next passages.</summary>
    public void Clear(IPointProgram program) => emulator.Write(words, new byte[8 * (program.Words + program.SharedWords)]);

    /// <summary>Code for a set of what is live, and where it lies.</summary>
    public (ulong At, ulong End) Emit(IPointProgram program, LiveSet live, int index = Index, int pushed = 0)
    {
        // What is written behind them faults.
        words = Words + WordBytes - 8 * (ulong)(program.Words + program.SharedWords);
        var at = next;
        var context = new PointContext(Graph, new Point(block, index), 7, new Address(words), new Address(words) + 8 * (ulong)program.Words, live, pushed, new OutOfLine());
        var (bytes, inLine) = StubAssembler.Assemble(
            new Address(at),
            c =>
            {
                program.Emit(c, context);
                c.ud2();
            },
            _ => context.OutOfLine.Write()).Value;
        Assert.InRange(bytes.Length, 1, program.MostBytes + 2);
        emulator.Write(at, bytes);
        next += (ulong)(bytes.Length + 15 & ~15);
        return (at, at + (ulong)inLine - 2);
    }

    /// <summary>The code as text: words by their number, jumps without their distance.</summary>
    public IEnumerable<string> Instructions(IPointProgram program, LiveSet live)
    {
        var (at, end) = Emit(program, live);
        var decoder = Decoder.Create(64, emulator.Read(at, (int)(end - at)), at);
        var formatter = new IntelFormatter { Options = { MemorySizeOptions = MemorySizeOptions.Default, SpaceAfterOperandSeparator = false, RipRelativeAddresses = false } };
        while (decoder.IP < end)
        {
            var instruction = decoder.Decode();
            var output = new StringOutput();
            formatter.Format(instruction, output);
            var text = output.ToString().Replace(" ptr", "", StringComparison.Ordinal);
            if (instruction.IsJccShortOrNear) text = $"{instruction.Mnemonic}".ToLowerInvariant() + " short";
            else if (instruction.IsIPRelativeMemoryOperand)
            {
                var offset = instruction.IPRelativeMemoryAddress - words;
                text = System.Text.RegularExpressions.Regex.Replace(text, @"\[[^\]]*\]", $"[word {offset / 8}{(offset % 8 == 0 ? "" : $"+{offset % 8}")}]");
            }
            yield return text;
        }
    }

    public bool HasRoom => next < Code + CodeBytes - (1 << 16);

    /// <summary>A state in which the point may be reached, with memory at random.</summary>
    public MachineState Arrive(Random random)
    {
        var state = new MachineState { Flags = 2 | ((ulong)random.Next() & (ulong)0x8D5) };
        for (var i = 0; i < 16; i++) state.General[i] = (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> (random.Next(3) == 0 ? random.Next(64) : 0);
        state.General[MachineState.Rsp] = Stack + 2048 + 8 * (ulong)random.Next(64);
        state.General[Register.RDI - Register.RAX] = Pointed + (random.Next(2) == 0 ? unchecked((ulong)-8) : Page - 16);
        var memory = new byte[Page];
        random.NextBytes(memory);
        emulator.Write(Data, memory);
        random.NextBytes(memory);
        emulator.Write(Pointed, memory);
        random.NextBytes(memory);
        BinaryPrimitives.WriteUInt64LittleEndian(memory.AsSpan((int)(state.General[MachineState.Rsp] - Stack) + Above), Caller.Start.Value + (ulong)random.Next(0x1800));
        emulator.Write(Stack, memory);
        return state;
    }

    /// <summary>Words from an address up.</summary>
    public ulong[] WordsFrom(ulong address, int count) => [.. Enumerable.Range(0, count).Select(i => Load(address + 8 * (ulong)i, 8))];

    public void WriteStack(byte[] content) => emulator.Write(StackStart, content);

    /// <summary>Above: how far the return address is from the stack pointer.</summary>
    /// <summary>The word at an address.</summary>
    public ulong Memory(ulong address) => Load(address, 8);

    public Meaning MeaningOf(MachineState state, int above = Above) => new(state, Load, Load(state.General[MachineState.Rsp] + (ulong)above, 8));

    /// <summary>Runs a passage; answers what it did that it must not have, null when there is nothing.</summary>
    public string? Pass((ulong At, ulong End) code, MachineState before, LiveSet live)
    {
        var stack = emulator.Read(StackStart, StackBytes);
        var (after, fault) = emulator.Run(code.At, code.End, before);
        if (fault is not null) return fault;
        for (var register = Register.RAX; register <= Register.R15; register++)
        {
            var mustStay = register == Register.RSP || live.Parts(register) != RegisterPart.None;
            if (mustStay && after.General[register - Register.RAX] != before.General[register - Register.RAX]) return $"{register} was changed";
        }
        var flags = (ulong)MaskOf(live.Flags & Status) | 0x400;
        if ((after.Flags & flags) != (before.Flags & flags)) return $"flags: {before.Flags:x} became {after.Flags:x}";
        var now = emulator.Read(StackStart, StackBytes);
        var top = (int)(before.General[MachineState.Rsp] - StackStart);
        for (var i = now.AsSpan().CommonPrefixLength(stack); i < StackBytes; i++)
        {
            if (now[i] != stack[i] && (i < top - RedZone - Below || i >= top - RedZone)) return $"the stack was changed at rsp{i - top:+0;-0}";
        }
        return null;
    }

    public void Dispose() => emulator.Dispose();

    /// <summary>What cannot be read makes the passage one that is not recorded.</summary>
    private ulong Load(ulong address, int bytes)
    {
        var read = new byte[8];
        (emulator.TryRead(address, bytes) ?? throw new UnreadableException()).CopyTo(read, 0);
        return BinaryPrimitives.ReadUInt64LittleEndian(read);
    }

    private static uint MaskOf(RflagsBits flags)
    {
        var mask = 0u;
        foreach (var (flag, bit) in FlagBits)
        {
            if ((flags & flag) != 0) mask |= 1u << bit;
        }
        return mask;
    }

    private static readonly ImmutableArray<(RflagsBits Flag, int Bit)> FlagBits =
        [(RflagsBits.CF, 0), (RflagsBits.PF, 2), (RflagsBits.AF, 4), (RflagsBits.ZF, 6), (RflagsBits.SF, 7), (RflagsBits.OF, 11)];
}

/// <summary>An expression reads where nothing is mapped.</summary>
internal sealed class UnreadableException : Exception;
