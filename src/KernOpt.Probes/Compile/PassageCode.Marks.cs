using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Compile;

/// <summary>
/// What threads have passed: a table for each mark, of words that the points have in common. A thread takes a row of its own when it first comes by, and keeps it; where all are taken, its marks are
/// not kept, and do not hold.
/// <code>
///     row:  number of the thread, 0 for nobody ; place of the return address (inside), 1 (flag), 0 for none
///     …
///     passages of threads that found no row
/// </code>
/// </summary>
internal sealed partial class PassageCode
{
    private const int MarkRows = 256, MarkTries = 8, MarkRowShift = 4, MarkRowBytes = 1 << MarkRowShift, MarkIn = 8;

    private const int WithoutRow = 2 * (MarkRows + MarkTries - 1);

    public const int WordsOfMarks = WithoutRow + 1;

    /// <summary>Passages of threads that found no row, by the table's first of the shared words.</summary>
    public static ulong PassagesWithoutRow(int table, Func<int, ulong> word) => word(table + WithoutRow);

    /// <summary>The first of the shared words of each mark's table.</summary>
    public required IReadOnlyDictionary<ThreadMark, int> Marks { get; init; }

    /// <summary>Where the function begins. A call that lies deeper in the stack is over.</summary>
    public void EnterMark(Inside inside) => AtRow(inside, row =>
    {
        var kept = code.CreateLabel();
        FetchFrame(rax);
        code.cmp(__qword_ptr[row + MarkIn], rax);
        code.ja(kept);
        code.mov(__qword_ptr[row + MarkIn], rax);
        code.Label(ref kept);
        code.nop();
    });

    /// <summary>Where it ends: the outermost call.</summary>
    public void LeaveMark(Inside inside) => AtRow(inside, row =>
    {
        var inner = code.CreateLabel();
        FetchFrame(rax);
        code.cmp(__qword_ptr[row + MarkIn], rax);
        code.jne(inner);
        code.mov(__qword_ptr[row + MarkIn], 0);
        code.Label(ref inner);
        code.nop();
    });

    public void SetFlag(Flag flag, bool value) => AtRow(flag, row => code.mov(__qword_ptr[row + MarkIn], value ? 1 : 0));

    private void JumpIfMarked(ThreadMark mark, bool wanted, Label to)
    {
        Label none = code.CreateLabel(), done = code.CreateLabel();
        var row = FindRow(mark, none);
        if (mark is Flag) code.cmp(__qword_ptr[row + MarkIn], 0);
        else
        {
            code.lea(rax, __[rsp + below]);
            code.cmp(__qword_ptr[row + MarkIn], rax);
        }
        if (mark is Flag) code.jne(wanted ? to : done);
        else code.jae(wanted ? to : done);
        // Above the call's own frame it is over.
        if (mark is Inside) code.mov(__qword_ptr[row + MarkIn], 0);
        code.Label(ref none);
        if (wanted) code.nop();
        else code.jmp(to);
        code.Label(ref done);
        code.nop();
    }

    private void AtRow(ThreadMark mark, Action<AssemblerRegister64> body)
    {
        var none = code.CreateLabel();
        body(FindRow(mark, none));
        code.Label(ref none);
        code.nop();
    }

    /// <summary>The thread's row, which is taken if it has none yet; uses four registers, of which the first is rax.</summary>
    private AssemblerRegister64 FindRow(ThreadMark mark, Label none)
    {
        var (row, number, tries) = (Free(1), Free(2), Free(3));
        Label next = code.CreateLabel(), further = code.CreateLabel(), found = code.CreateLabel();
        FetchThreadNumber(number, mark.ThreadNumberOffset);
        code.movzx(eax, number.Low8());
        code.shl(eax, MarkRowShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, row, StubAssembler.At(context.SharedWord(Marks[mark]))));
        code.add(row, rax);
        code.mov(tries.Low32(), MarkTries);
        code.Label(ref next);
        code.mov(rax, __qword_ptr[row]);
        code.cmp(rax, number);
        code.je(found);
        code.test(rax, rax);
        code.jne(further);
        code.@lock.cmpxchg(__qword_ptr[row], number);
        code.je(found);
        code.Label(ref further);
        code.add(row, MarkRowBytes);
        code.dec(tries.Low32());
        code.jne(next);
        code.LockedIncrement(context.SharedWord(Marks[mark] + WithoutRow));
        code.jmp(none);
        code.Label(ref found);
        code.nop();
        return row;
    }
}
