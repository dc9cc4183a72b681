using Iced.Intel;
using KernOpt.Live.Stubs;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Compile;

/// <summary>Slots in words that points have in common, each with a key in its first word, 0 for nobody.</summary>
/// <param name="FirstWord">The first of the shared words.</param>
/// <param name="Bits">Of the hash: a key's search begins at one of so many slots.</param>
/// <param name="Shift">A slot has 2^Shift bytes.</param>
/// <param name="Tries">Slots that a key may have, from there on: that many less one come behind the last.</param>
internal readonly record struct SlotTable(int FirstWord, int Bits, byte Shift, int Tries);

/// <summary>The registers of a search, none of them rax.</summary>
internal readonly record struct SlotRegisters(AssemblerRegister64 Key, AssemblerRegister64 Slot, AssemblerRegister64 Tries);

internal sealed partial class PassageCode
{
    /// <summary>What tells a call of one thread from all others that last: 44 bits of the place of its return address, 20 of the thread's number, which is in rax and is used up.</summary>
    public void FetchCallKey(AssemblerRegister64 key)
    {
        code.shl(rax, 44);
        FetchFrame(key);
        code.shr(key, 3);
        code.or(key, rax);
    }

    /// <summary>Where the search for the key begins; uses rax.</summary>
    public void FetchFirstSlot(SlotTable table, SlotRegisters search)
    {
        Hash(rax, search.Key, table.Bits, table.Shift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, search.Slot, StubAssembler.At(context.SharedWord(table.FirstWord))));
        code.add(search.Slot, rax);
    }

    /// <summary>
    /// From the first slot on; goes on behind with one that was free and is the key's now, to "own" with one that was already, and else to "full". Looks at all that the key may have before it takes
    /// any, so that it never has two; uses rax.
    /// </summary>
    public void TakeSlot(SlotTable table, SlotRegisters search, AssemblerRegister64 free, Label own, Label full)
    {
        var (key, slot, tries) = search;
        Label next = code.CreateLabel(), further = code.CreateLabel();
        code.mov(tries.Low32(), table.Tries);
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
        code.add(slot, 1 << table.Shift);
        code.dec(tries.Low32());
        code.jne(next);
        code.test(free, free);
        code.je(full);
        code.mov(slot, free);
        code.mov(eax, 0);
        code.@lock.cmpxchg(__qword_ptr[slot], key);
        // Somebody else has taken it in this moment: it is given up, rather than looked for again.
        code.jne(full);
    }

    /// <summary>From the first slot on; to "found" with the key's, and else to "none".</summary>
    public void FindSlot(SlotTable table, SlotRegisters search, Label found, Label none)
    {
        var next = code.CreateLabel();
        code.mov(search.Tries.Low32(), table.Tries);
        code.Label(ref next);
        code.cmp(__qword_ptr[search.Slot], search.Key);
        code.je(found);
        code.add(search.Slot, 1 << table.Shift);
        code.dec(search.Tries.Low32());
        code.jne(next);
        code.jmp(none);
    }

    /// <summary>
    /// Right behind a subtraction of times: the clocks of two processors may differ by less than it takes to get from one to the other, so that no time at all is one of 0.
    /// </summary>
    public void ZeroIfBelow(AssemblerRegister64 time, AssemblerRegister64 free)
    {
        code.mov(free.Low32(), 0);
        code.cmovb(time, free);
    }
}
