using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;

namespace KernOpt.Code.Bodies;

/// <summary>
/// Registers that the psABI lets a function change and that this one gives back all the same, by restoring them before it returns: functions of the Windows
/// ABI (rsi, rdi, xmm6 …), clang's preserve_most, interrupt-like code. Their callers rely on it, so they are live at its returns.
/// <code>
///     movaps [rsp+32], xmm6      ; the value of entry is put somewhere
///     …
///     movaps xmm6, [rsp+32]      ; a plain move is the last to write it
///     ret
/// </code>
/// </summary>
/// <remarks>
/// The rule: the value of entry is moved to memory or to another register while it may still be there; a plain move, load or pop may be the last write before a
/// return; and at every return the register may hold its value of entry, restored or never changed. Where the slot is, and that it is the same one, is not asked:
/// what is called kept without need only costs an instruction that could have gone. Not seen: values restored in parts or by arithmetic.
/// What the function never writes needs no rule: versions do not write it either.
/// </remarks>
public static class KeptRegisters
{
    /// <summary>Those that <see cref="Liveness.AtReturn"/> does not have, with vectors as far as they have names without EVEX.</summary>
    private static readonly ImmutableArray<Register> Candidates =
    [
        Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11,
        .. Enumerable.Range(4, 12).Select(n => Register.XMM0 + n),
    ];

    /// <summary>What is known of the candidates at a place. The value of entry may be there untouched; it may have been brought back.</summary>
    private readonly record struct State(LiveSet Untouched, LiveSet Restored)
    {
        public static State operator |(State a, State b) => new(a.Untouched | b.Untouched, a.Restored | b.Restored);
    }

    public static LiveSet Of(FunctionGraph graph)
    {
        var all = LiveSet.Of([.. Candidates]);
        var atStart = new Dictionary<int, State> { [graph.EntryIndex] = new(all, LiveSet.Empty) };
        var saved = LiveSet.Empty;
        var open = new Queue<int>([graph.EntryIndex]);
        var atReturns = new Dictionary<int, State>();
        while (open.TryDequeue(out var index))
        {
            var block = graph.Blocks[index];
            var state = atStart[index];
            foreach (var instruction in block.Instructions) state = After(instruction, state, ref saved);
            if (block.End == BlockEnd.Return) atReturns[index] = state;
            foreach (var next in block.Successors)
            {
                var joined = atStart.TryGetValue(next, out var before) ? before | state : state;
                if (atStart.ContainsKey(next) && joined == before) continue;
                atStart[next] = joined;
                open.Enqueue(next);
            }
        }
        if (atReturns.Count == 0) return LiveSet.Empty;
        var restored = atReturns.Values.Aggregate(LiveSet.Empty, (set, s) => set | s.Restored);
        var everywhere = atReturns.Values.Aggregate(all, (set, s) => set & (s.Untouched | s.Restored));
        return saved & restored & everywhere;
    }

    private static State After(in Instruction instruction, State state, ref LiveSet saved)
    {
        if (MovedFrom(instruction) is { } source) saved |= state.Untouched & source;
        var kills = RegisterEffects.Of(instruction).Kills;
        var gone = LiveSet.Empty;
        foreach (var register in Candidates)
        {
            if (kills.Overlaps(LiveSet.Of(register))) gone |= LiveSet.Of(register);
        }
        return new State(state.Untouched - gone, (state.Restored - gone) | MovedTo(instruction));
    }

    /// <summary>The whole register that a plain move puts elsewhere.</summary>
    private static LiveSet? MovedFrom(in Instruction instruction) => instruction.Mnemonic == Mnemonic.Push && instruction.Op0Kind == OpKind.Register
        ? Candidate(instruction.Op0Register)
        : IsMove(instruction) && instruction.Op1Kind == OpKind.Register ? Candidate(instruction.Op1Register) : null;

    /// <summary>The whole register that a plain move fills.</summary>
    private static LiveSet MovedTo(in Instruction instruction)
    {
        var isPop = instruction.Mnemonic == Mnemonic.Pop;
        if (instruction.Op0Kind != OpKind.Register || !(isPop || (IsMove(instruction) && instruction.Op1Kind is OpKind.Register or OpKind.Memory))) return LiveSet.Empty;
        return Candidate(instruction.Op0Register);
    }

    private static LiveSet Candidate(Register register)
    {
        if (register.IsVectorRegister()) register = Register.XMM0 + register.GetNumber();
        return Candidates.Contains(register) ? LiveSet.Of(register) : LiveSet.Empty;
    }

    private static bool IsMove(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Mov or Mnemonic.Movq or Mnemonic.Vmovq or Mnemonic.Movaps or Mnemonic.Movups or Mnemonic.Movapd or Mnemonic.Movupd or Mnemonic.Movdqa
            or Mnemonic.Movdqu or Mnemonic.Vmovaps or Mnemonic.Vmovups or Mnemonic.Vmovapd or Mnemonic.Vmovupd or Mnemonic.Vmovdqa or Mnemonic.Vmovdqu => true,
        _ => false,
    };
}
