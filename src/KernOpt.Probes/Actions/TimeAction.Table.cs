using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>Calls of threads that have no row: one table for all, whose slots are taken by cmpxchg (Knuth, TAOCP 3, §6.4). Distinct as long as no two of them have numbers that differ by a multiple of 2^20.</summary>
public sealed partial record TimeAction
{
    private const int SlotBits = 10;
    private const int Slots = (1 << SlotBits) + Tries - 1;
    private const int TableWords = 2 * Slots;

    private static readonly SlotTable TableOfMarks = new(Table, SlotBits, MarkShift, Tries);

    private static SlotRegisters Search(PassageCode passage) => new(passage.Free(2), passage.Free(3), passage.Free(4));

    /// <summary>Leaves the slot that is taken in the register of marks.</summary>
    private static void EnterTable(PassageCode passage, Label full)
    {
        var own = passage.Code.CreateLabel();
        FirstOfTable(passage);
        passage.TakeSlot(TableOfMarks, Search(passage), passage.Free(5), own, full);
        passage.Code.Label(ref own);
        passage.Code.nop();
    }

    /// <summary>The time has been taken.</summary>
    private static void LeaveTable(PassageCode passage, int words, Label missed)
    {
        var code = passage.Code;
        var (slot, time) = (passage.Free(3), passage.Free(5));
        var found = code.CreateLabel();
        FirstOfTable(passage);
        passage.FindSlot(TableOfMarks, Search(passage), found, missed);
        code.Label(ref found);
        code.mov(rax, __qword_ptr[slot + TimeIn]);
        code.mov(__qword_ptr[slot], 0);
        Subtract(passage, time, rax, rdx);
        code.LockedAdd(passage.Context.Word(words + Sum), time);
        passage.Magnitude(time);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, slot, StubAssembler.At(passage.Context.Word(words + Histogram))));
        code.@lock.inc(__qword_ptr[slot + time * 8]);
    }

    /// <summary>The thread's number is in rax.</summary>
    private static void FirstOfTable(PassageCode passage)
    {
        passage.FetchCallKey(passage.Free(2));
        passage.FetchFirstSlot(TableOfMarks, Search(passage));
    }
}
