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

    /// <summary>Looks at all slots that the call may have, so that it never has two. Leaves the one that is taken in the register of marks.</summary>
    private static void EnterTable(PassageCode passage, Label full)
    {
        var code = passage.Code;
        var (key, slot, tries, free) = (passage.Free(2), passage.Free(3), passage.Free(4), passage.Free(5));
        Label next = code.CreateLabel(), further = code.CreateLabel(), own = code.CreateLabel();
        FirstOfTable(passage);
        code.mov(free.Low32(), 0);
        code.Label(ref next);
        code.mov(rax, __qword_ptr[slot]);
        code.cmp(rax, key);
        code.je(own);
        code.test(rax, rax);
        code.jne(further);
        code.test(free, free);
        code.cmove(free, slot);
        code.Label(ref further);
        code.add(slot, MarkBytes);
        code.dec(tries.Low32());
        code.jne(next);
        code.test(free, free);
        code.je(full);
        code.mov(slot, free);
        code.mov(eax, 0);
        code.@lock.cmpxchg(__qword_ptr[slot], key);
        // Somebody else has taken it in this moment: the call is given up, rather than looked for again.
        code.jne(full);
        code.Label(ref own);
        code.nop();
    }

    /// <summary>The time has been taken.</summary>
    private static void LeaveTable(PassageCode passage, int words, Label missed)
    {
        var code = passage.Code;
        var (key, slot, tries, time) = (passage.Free(2), passage.Free(3), passage.Free(4), passage.Free(5));
        Label next = code.CreateLabel(), found = code.CreateLabel();
        FirstOfTable(passage);
        code.Label(ref next);
        code.cmp(__qword_ptr[slot], key);
        code.je(found);
        code.add(slot, MarkBytes);
        code.dec(tries.Low32());
        code.jne(next);
        code.jmp(missed);
        code.Label(ref found);
        code.mov(rax, __qword_ptr[slot + TimeIn]);
        code.mov(__qword_ptr[slot], 0);
        Subtract(code, time, rax, rdx);
        code.AddInstruction(LockedAdd(passage, words + Sum, time));
        code.or(time, 1);
        code.bsr(time, time);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, slot, StubAssembler.At(passage.Context.Word(words + Histogram))));
        code.@lock.inc(__qword_ptr[slot + time * 8]);
    }

    private static Instruction LockedAdd(PassageCode passage, int word, AssemblerRegister64 value)
    {
        var add = Instruction.Create(Iced.Intel.Code.Add_rm64_r64, StubAssembler.At(passage.Context.Word(word)), value);
        add.HasLockPrefix = true;
        return add;
    }

    /// <summary>The thread's number is in rax. The call: 44 bits of the place of the return address, 20 of the number.</summary>
    private static void FirstOfTable(PassageCode passage)
    {
        var code = passage.Code;
        var (key, slot, tries) = (passage.Free(2), passage.Free(3), passage.Free(4));
        code.shl(rax, 44);
        passage.FetchFrame(key);
        code.shr(key, 3);
        code.or(key, rax);
        passage.Hash(rax, key, SlotBits, MarkShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, slot, StubAssembler.At(passage.Context.SharedWord(Table))));
        code.add(slot, rax);
        code.mov(tries.Low32(), Tries);
    }
}
