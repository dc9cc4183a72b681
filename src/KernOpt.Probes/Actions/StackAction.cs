using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>stack</c>: copies the stack from the stack pointer upwards, and the registers that unwinding begins with, into a ring of records (<see cref="RecordRing"/>). The copy is unwound from outside: the
/// passage follows no pointer. Shared words:
/// <code>
///     ring of records:  sequence ; point ; time ; thread ; thread pointer ; words copied ; rsp, rbp, rbx, r12 … r15 ; … ; the words
///     row of a thread:  number + 1, 0 for nobody ; thread pointer ; lowest and end of what it may copy
/// </code>
/// What it reads is mapped, for:
/// <list type="bullet">
/// <item>the return address lies above the stack pointer, as far as is known (else the point is refused): so all is mapped up to the end of that one's page, and that is copied of any stack;</item>
/// <item>a thread with a row copies on, up to the end that the row tells, where its stack pointer lies within: in the stack that it was made with. That stays mapped as long as the thread runs. It is the
/// thread that the row was written for if number and thread pointer are: a forked child has another number, a new thread with an old number another pointer, and if not, the same stack. Coroutines, and
/// handlers on a stack of their own, are outside of the row.</item>
/// </list>
/// Rows are given from outside (<see cref="Give"/>), once each: its bounds are read before its number, so that they are either the thread's own or the number is not.
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="ITarget.FindThreadNumberOffset"/>.</param>
public sealed record StackAction(int ThreadNumberOffset) : ProbeAction
{
    /// <summary>Words of stack in a record.</summary>
    public const int MostWords = (1 << RecordBits) - StackWord;

    /// <summary>Rows; a thread's is that of its number modulo so many.</summary>
    public const int Rows = 256;

    private const int CapacityBits = 7, RecordBits = 10, StackWord = 16;
    private const int ThreadIn = RecordRing.ContentIn, PointerIn = ThreadIn + 8, CountIn = ThreadIn + 16, RegistersIn = ThreadIn + 24, StackIn = 8 * StackWord;
    private const int RowWords = 4, RowShift = 5, RowPointerIn = 8, RowLowIn = 16, RowEndIn = 24;
    private const int PageMask = 0xFFF;

    private static readonly RecordRing Ring = new(CapacityBits, RecordBits);

    /// <summary>What calls keep (x86-64 psABI, 3.2.1), the stack pointer first: no other register is needed to unwind.</summary>
    private static readonly ImmutableArray<Register> Kept = [Register.RSP, Register.RBP, Register.RBX, Register.R12, Register.R13, Register.R14, Register.R15];

    private static readonly ImmutableArray<Expression> KeptValues = [.. Kept.Select(r => new RegisterValue(r))];

    public override ImmutableArray<Expression> Values => KeptValues;

    internal override int Words => 1;
    internal override int SharedWords => Ring.Words + Rows * RowWords;
    internal override int MostBytes => 448;

    /// <summary>rdtsc answers in these.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];

    internal override int Registers => 8;

    /// <summary>
    /// Where it is not known how far above the return address lies the stack may be another one, or empty. So it may be behind a system call, of which a new thread comes out on a stack with nothing above
    /// (clone(2)): in functions that make one only the entry is before all of them for sure.
    /// </summary>
    internal override Refusal? Check(FunctionGraph graph, Point point)
    {
        if (ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null) return Reasons.CallerNotKnown.With($"{graph.Function} at {point}");
        var mayBeBehindSystemCall = !FunctionEntry.IsAt(graph, point) && graph.Blocks.Any(b => b.Instructions.Any(i => i.Mnemonic is Mnemonic.Syscall or Mnemonic.Sysenter or Mnemonic.Int));
        return mayBeBehindSystemCall ? Reasons.StackMayBeNew.With($"{graph.Function} at {point}") : null;
    }

    internal override void Emit(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (record, sequence, from) = (passage.Free(2), passage.Free(3), passage.Free(4));
        Label full = code.CreateLabel(), done = code.CreateLabel();
        Ring.Begin(passage, record, sequence, full);
        // The stack pointer last, which is where the copy begins.
        for (var i = KeptValues.Length - 1; i >= 0; i--) code.mov(__qword_ptr[record + (RegistersIn + 8 * i)], passage.Compute(KeptValues[i], 4));
        FindEnd(passage, record, from);
        Copy(passage, record, from);
        RecordRing.End(passage, record, sequence);
        passage.Land(ref done);
        passage.OutOfLine(full, () =>
        {
            RecordRing.Lose(passage);
            code.jmp(done);
        });
    }

    /// <summary>
    /// Where reading must end:
    /// <code>
    ///     lea end, [from + (return address) + 7] ; or end, 4095 ; inc end
    ///     row := the thread's ; low, bound := its bounds
    ///     number and pointer are the row's, low &lt;= from &lt; bound:  end := bound
    /// </code>
    /// </summary>
    private void FindEnd(PassageCode passage, AssemblerRegister64 record, AssemblerRegister64 from)
    {
        var code = passage.Code;
        var (end, row, bound) = (passage.Free(5), passage.Free(6), passage.Free(7));
        var page = code.CreateLabel();
        var above = ReturnAddressPlace.Above(passage.Context.Graph, passage.Context.Point.Block.Index, passage.Context.Point.Index) ?? throw new InvalidOperationException($"no return address at {passage.Context.Point}");
        code.lea(end, __[from + (above + 7)]);
        code.or(end, PageMask);
        code.inc(end);
        passage.FetchThreadNumber(rax, ThreadNumberOffset);
        code.mov(__qword_ptr[record + ThreadIn], rax);
        code.movzx(edx, al);
        code.shl(edx, RowShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, row, StubAssembler.At(passage.Context.SharedWord(Ring.Words))));
        code.add(row, rdx);
        code.mov(rdx, __qword_ptr[row + RowLowIn]);
        code.mov(bound, __qword_ptr[row + RowEndIn]);
        code.inc(rax);
        code.cmp(__qword_ptr[row], rax);
        passage.FetchThreadPointer(rax);
        code.mov(__qword_ptr[record + PointerIn], rax);
        code.jne(page);
        code.cmp(__qword_ptr[row + RowPointerIn], rax);
        code.jne(page);
        code.cmp(from, rdx);
        code.jb(page);
        code.cmp(from, bound);
        code.jae(page);
        code.mov(end, bound);
        passage.Land(ref page);
    }

    /// <summary>Whole words up to the end, as many as a record holds, from the last one down.</summary>
    private static void Copy(PassageCode passage, AssemblerRegister64 record, AssemblerRegister64 from)
    {
        var code = passage.Code;
        var count = passage.Free(5);
        Label fits = code.CreateLabel(), next = code.CreateLabel(), none = code.CreateLabel();
        code.sub(count, from);
        code.shr(count, 3);
        code.cmp(count, MostWords);
        code.jbe(fits);
        code.mov(count.Low32(), MostWords);
        code.Label(ref fits);
        code.mov(__qword_ptr[record + CountIn], count);
        code.test(count, count);
        code.je(none);
        code.Label(ref next);
        code.mov(rax, __qword_ptr[from + count * 8 - 8]);
        code.mov(__qword_ptr[record + count * 8 + (StackIn - 8)], rax);
        code.dec(count);
        code.jne(next);
        passage.Land(ref none);
    }

    /// <summary>The row that is a thread's, if it is anybody's.</summary>
    public static int RowOf(int thread) => thread & (Rows - 1);

    /// <summary>Writes a thread's row, which must be nobody's yet, or its own with a higher lowest address. Store: of the shared words.</summary>
    public static void Give(StackBounds given, Action<int, ulong> store)
    {
        var row = Ring.Words + RowWords * RowOf(given.Thread);
        store(row + 3, given.End);
        store(row + 2, given.Low);
        store(row + 1, given.ThreadPointer);
        store(row, (ulong)(uint)given.Thread + 1);
    }

    /// <summary>Takes the row of a thread that has ended; it must not be given again.</summary>
    public static void Close(int thread, Action<int, ulong> store) => store(Ring.Words + RowWords * RowOf(thread), 0);

    /// <summary>Moves finished records into the list, in order: see <see cref="RecordRing.Drain"/>; <see cref="TraceAction.LostOf"/> tells of these, too.</summary>
    public static Drained Drain(Func<int, ulong> word, Action<int, ulong> store, ICollection<StackRecord> into, bool givesUp) => Ring.Drain(word, store, at =>
    {
        var content = at + RecordRing.ContentWord;
        // The words are the target's to spoil.
        var words = new ulong[Math.Min(word(content + 2), MostWords)];
        for (var i = 0; i < words.Length; i++) words[i] = word(at + StackWord + i);
        into.Add(new StackRecord((int)word(at + 1), (int)word(content), word(content + 1), [.. Enumerable.Range(content + 3, Kept.Length).Select(word)], words));
    }, givesUp);

    public override string ToString() => "stack";
}

/// <summary>What one thread may copy where its stack pointer is in [Low, End): up to End. Addresses; Thread as it is told itself.</summary>
public readonly record struct StackBounds(int Thread, ulong ThreadPointer, ulong Low, ulong End);

/// <summary>The stack at one passage. Registers: rsp, rbp, rbx, r12 to r15. Words: from rsp upwards.</summary>
public sealed record StackRecord(int Point, int Thread, ulong ThreadPointer, ImmutableArray<ulong> Registers, ulong[] Words)
{
    public ulong StackPointer => Registers[0];

    /// <summary>The word at an address; null where it was not copied.</summary>
    public ulong? Word(ulong at)
    {
        var bytes = MemoryMarshal.AsBytes(Words.AsSpan());
        var offset = unchecked(at - StackPointer);
        return offset <= (ulong)bytes.Length && (ulong)bytes.Length - offset >= 8 ? BitConverter.ToUInt64(bytes[(int)offset..]) : null;
    }
}
