using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>fast-count</c>: counts like <see cref="CountAction"/>, without a locked instruction in threads that own a slot. The thread that counts most has one of its own, first:
/// <code>
///     mov eax, fs:[number] ; cmp rax, [first] ; jne others
///     inc qword [first's]
///  done:
///     …                                 ; the way back, and behind it:
///  others:
///     movzx eax, al ; shl eax, 6 ; lea rdx, [slots] ; add rdx, rax
///     mov eax, fs:[number] ; cmp [rdx], rax ; jne together
///     inc qword [rdx+8] ; jmp done
///  together:
///     lock inc qword [all others'] ; jmp done
/// </code>
/// Slots are given away by <see cref="GiveSlots"/>, from outside, and never taken back: whoever finds his number in one is the only one that counts there. Threads without one, and those of forked
/// processes, count together. Exact as long as no two threads have one number: so not where threads are made without thread-local memory of their own (clone(2) without CLONE_SETTLS),
/// nor across namespaces of processes. Where many threads pass, none of them is the first, and the way by the slots is in line (the comparison with the first, and the two jumps, are 1 ns to all others).
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="Target.ITarget.FindThreadNumberOffset"/>.</param>
/// <param name="HasFirst">Whether one thread goes before the others.</param>
public sealed record PerThreadCountAction(int ThreadNumberOffset, bool HasFirst = true) : ProbeAction
{
    private const int SlotBits = 8;
    private const int SlotWords = 8, SlotShift = 6, CountIn = 8;
    private const int Together = 0, First = 8, FirstsCount = 16, FirstSlot = 24;

    private const ulong FewestForFirst = 1000;

    /// <summary>No thread's number, unlike 0, which may stand in the memory of one that the C library has not made.</summary>
    private const ulong Nobody = ulong.MaxValue;

    /// <summary>Slots of a cache line each: words of a point.</summary>
    internal const int WordsOfPoint = FirstSlot + (SlotWords << SlotBits);

    internal override int Words => WordsOfPoint;
    internal override int MostBytes => 112;
    internal override int Registers => 2;

    internal override void Prepare(Span<ulong> words)
    {
        words[First] = Nobody;
        words[FirstSlot] = Nobody;
    }

    internal override void Emit(PassageCode passage, int words)
    {
        var code = passage.Code;
        Label notFirst = code.CreateLabel(), together = code.CreateLabel(), done = code.CreateLabel();
        var number = passage.Free(0);
        passage.FetchThreadNumber(number, ThreadNumberOffset);
        if (HasFirst)
        {
            code.AddInstruction(Instruction.Create(Iced.Intel.Code.Cmp_r64_rm64, number, StubAssembler.At(passage.Context.Word(words + First))));
            code.jne(notFirst);
            code.AddInstruction(Instruction.Create(Iced.Intel.Code.Inc_rm64, StubAssembler.At(passage.Context.Word(words + FirstsCount))));
            passage.OutOfLine(notFirst, () =>
            {
                CountInSlot(passage, words, together);
                code.jmp(done);
            });
        }
        else CountInSlot(passage, words, together);
        passage.Land(ref done);
        passage.OutOfLine(together, () =>
        {
            code.LockedIncrement(passage.Context.Word(words + Together));
            code.jmp(done);
        });
    }

    /// <summary>With the thread's number in the first free register.</summary>
    private void CountInSlot(PassageCode passage, int words, Label others)
    {
        var code = passage.Code;
        var (number, slot) = (passage.Free(0), passage.Free(1));
        // The number is fetched twice rather than kept: two registers are dead at more places than three.
        code.movzx(number.Low32(), number.Low8());
        code.shl(number.Low32(), SlotShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, slot, StubAssembler.At(passage.Context.Word(words + FirstSlot))));
        code.add(slot, number);
        passage.FetchThreadNumber(number, ThreadNumberOffset);
        code.cmp(__qword_ptr[slot], number);
        code.jne(others);
        code.inc(__qword_ptr[slot + CountIn]);
    }

    /// <summary>
    /// Gives each of these threads a slot of a point, as far as theirs is free, and the first place, while nobody has it, to the one that has counted most there. Word, store: of the point's words,
    /// from the action's first.
    /// </summary>
    public static void GiveSlots(IEnumerable<int> threads, Func<int, ulong> word, Action<int, ulong> store)
    {
        foreach (var thread in threads)
        {
            var slot = SlotOf(thread & ((1 << SlotBits) - 1));
            if (word(slot) is 0 or Nobody) store(slot, (uint)thread);
        }
        if (word(First) is not (0 or Nobody)) return;
        var most = Enumerable.Range(0, 1 << SlotBits).Select(SlotOf).MaxBy(slot => word(slot + CountIn / 8));
        if (word(most + CountIn / 8) >= FewestForFirst) store(First, word(most));
    }

    /// <summary>Passages of all threads.</summary>
    public static ulong Read(Func<int, ulong> word)
    {
        var sum = word(Together) + word(FirstsCount);
        for (var slot = 0; slot < 1 << SlotBits; slot++) sum += word(SlotOf(slot) + CountIn / 8);
        return sum;
    }

    private static int SlotOf(int number) => FirstSlot + SlotWords * number;

    public override string ToString() => "fast-count";
}
