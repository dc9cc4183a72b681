using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>fast-count</c>: counts like <see cref="CountAction"/>, without a locked instruction in threads that own a slot:
/// <code>
///     mov eax, fs:[number] ; and eax, 255 ; shl eax, 6 ; lea rcx, [slots] ; add rax, rcx
///     mov ecx, fs:[number] ; cmp [rax], rcx ; jne others
///     inc qword [rax+8]
///     …
///  others: lock inc [shared]
/// </code>
/// Slots are given away by <see cref="GiveSlots"/>, from outside, and never taken back: whoever finds his number in one is the only one that counts there. Threads without one, and those of forked
/// processes, count together. Exact as long as no two threads have one number: so not where threads are made without thread-local memory of their own (clone(2) without CLONE_SETTLS),
/// nor across namespaces of processes.
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="Target.ITarget.FindThreadNumberOffset"/>.</param>
public sealed record PerThreadCountAction(int ThreadNumberOffset) : ProbeAction
{
    private const int SlotBits = 8;
    private const int SlotWords = 8, SlotShift = 6, CountIn = 8;
    private const int Together = 0, FirstSlot = 8;

    /// <summary>Slots of a cache line each: words of a point.</summary>
    internal const int WordsOfPoint = FirstSlot + (SlotWords << SlotBits);

    internal override int Words => WordsOfPoint;
    internal override int MostBytes => 80;
    internal override int Registers => 2;

    internal override void Emit(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (slot, number) = (passage.Free(0), passage.Free(1));
        Label others = code.CreateLabel(), done = code.CreateLabel();
        passage.FetchThreadNumber(slot, ThreadNumberOffset);
        code.and(slot.Low32(), (1 << SlotBits) - 1);
        code.shl(slot.Low32(), SlotShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, number, StubAssembler.At(passage.Context.Word(words + FirstSlot))));
        code.add(slot, number);
        passage.FetchThreadNumber(number, ThreadNumberOffset);
        code.cmp(__qword_ptr[slot], number);
        code.jne(others);
        code.inc(__qword_ptr[slot + CountIn]);
        code.jmp(done);
        code.Label(ref others);
        code.LockedIncrement(passage.Context.Word(words + Together));
        code.Label(ref done);
        code.nop();
    }

    /// <summary>Gives each of these threads a slot of a point, as far as theirs is free. Word, store: of the point's words, from the action's first.</summary>
    public static void GiveSlots(IEnumerable<int> threads, Func<int, ulong> word, Action<int, ulong> store)
    {
        foreach (var thread in threads)
        {
            var slot = FirstSlot + SlotWords * (thread & ((1 << SlotBits) - 1));
            if (word(slot) == 0) store(slot, (uint)thread);
        }
    }

    /// <summary>Passages of all threads.</summary>
    public static ulong Read(Func<int, ulong> word)
    {
        var sum = word(Together);
        for (var slot = 0; slot < 1 << SlotBits; slot++) sum += word(FirstSlot + SlotWords * slot + CountIn / 8);
        return sum;
    }

    public override string ToString() => "fast-count";
}
