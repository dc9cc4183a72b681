using Iced.Intel;
using KernOpt.Binary;

namespace KernOpt.Code.Graphs;

/// <summary>
/// How far the stack pointer is from where it was at the function's entry, in bytes (0 at the entry, negative when something is pushed), at each
/// place of a graph. Null where paths disagree, or where it is moved by what is not a constant. A frame pointer is followed too:
///     push rbp; mov rbp, rsp; and rsp, -32; ...; leave        depth 0 again after leave
/// Calls are taken to leave the stack pointer and the callee-saved rbp as they were (x86-64 psABI, 3.2.1).
/// </summary>
internal sealed class StackDepth
{
    private readonly record struct State(long? Stack, long? Frame)
    {
        public State Meet(State other) => new(Stack == other.Stack ? Stack : null, Frame == other.Frame ? Frame : null);
    }

    private const long AddressBytes = 8;

    private readonly FunctionGraph graph;
    private readonly AbiRegisterUse effects;
    private readonly State?[] entries;

    public StackDepth(FunctionGraph graph, AbiRegisterUse effects)
    {
        this.graph = graph;
        this.effects = effects;
        entries = new State?[graph.Blocks.Length];
        entries[graph.EntryIndex] = new State(0, null);
        var open = new Stack<int>([graph.EntryIndex]);
        foreach (var pad in graph.LandingPads)
        {
            entries[pad] = AtLandingPad(pad);
            open.Push(pad);
        }
        while (open.TryPop(out var index))
        {
            var after = Through(graph.Blocks[index], entries[index]!.Value, graph.Blocks[index].Instructions.Length);
            foreach (var successor in graph.Blocks[index].Successors)
            {
                var merged = entries[successor] is { } known ? known.Meet(after) : after;
                if (entries[successor] == merged) continue;
                entries[successor] = merged;
                open.Push(successor);
            }
        }
    }

    /// <summary>The depth before the instruction at the place.</summary>
    public long? At(CodePlace place) =>
        entries[place.Block] is { } state ? Through(graph.Blocks[place.Block], state, place.Index).Stack : null;

    /// <summary>By the row of the unwind table: that is what the unwinder goes by when it comes there.</summary>
    private State AtLandingPad(int block)
    {
        var module = graph.Function.Module;
        var at = module.ToFile(graph.Blocks[block].Start);
        if (!module.File.Try(out var file, out _) || file.Unwind.EntryAt(at)?.RowAt(at) is not { } row) return default;
        return new State(DepthOf(UnwindRow.Rsp), DepthOf(UnwindRow.Rbp));

        // The canonical frame address is where the stack pointer was before the return address was pushed.
        long? DepthOf(byte register) => !row.Cfa.IsExpression && row.Cfa.Register == register ? AddressBytes - row.Cfa.Offset : null;
    }

    /// <summary>The instructions of a block, each with the depth before it.</summary>
    public Walk Along(BasicBlock block) => new(this, block);

    /// <summary>Goes over a block without a word of memory: a program has millions of them.</summary>
    public struct Walk
    {
        private readonly StackDepth depths;
        private readonly BasicBlock block;
        private State state;
        private int index;

        internal Walk(StackDepth depths, BasicBlock block)
        {
            (this.depths, this.block) = (depths, block);
            state = depths.entries[block.Index] ?? default;
            index = -1;
        }

        public readonly ref readonly Instruction Instruction => ref block.Instructions.ItemRef(index);
        public readonly long? Depth => state.Stack;

        public bool MoveNext()
        {
            if (index >= 0) state = depths.After(block.Instructions.ItemRef(index), state);
            return ++index < block.Instructions.Length;
        }
    }

    private State Through(BasicBlock block, State state, int count)
    {
        for (var i = 0; i < count; i++) state = After(block.Instructions.ItemRef(i), state);
        return state;
    }

    private State After(in Instruction instruction, State state)
    {
        if (AbiRegisterUse.IsCall(instruction) || LeavesBoth(instruction)) return state;
        switch (instruction.Code)
        {
            case Iced.Intel.Code.Leaveq:
                return new State(state.Frame + 8, null);
            case Iced.Intel.Code.Mov_rm64_r64 or Iced.Intel.Code.Mov_r64_rm64 when instruction.Op0Kind == OpKind.Register && instruction.Op1Kind == OpKind.Register:
                if (instruction.Op0Register == Register.RBP && instruction.Op1Register == Register.RSP) return state with { Frame = state.Stack };
                if (instruction.Op0Register == Register.RSP && instruction.Op1Register == Register.RBP) return state with { Stack = state.Frame };
                break;
            case Iced.Intel.Code.Lea_r64_m when instruction.MemoryIndex == Register.None:
                if (ValueOf(instruction.MemoryBase, state) is not { } origin) break;
                var moved = origin + (long)instruction.MemoryDisplacement64;
                if (instruction.Op0Register == Register.RSP) return state with { Stack = moved };
                if (instruction.Op0Register == Register.RBP) return state with { Frame = moved };
                break;
            case Iced.Intel.Code.Add_rm64_imm8 or Iced.Intel.Code.Add_rm64_imm32 when instruction.Op0Register == Register.RSP:
                return state with { Stack = state.Stack + (long)instruction.GetImmediate(1) };
            case Iced.Intel.Code.Sub_rm64_imm8 or Iced.Intel.Code.Sub_rm64_imm32 when instruction.Op0Register == Register.RSP:
                return state with { Stack = state.Stack - (long)instruction.GetImmediate(1) };
        }
        var frame = effects.Writes(instruction, Register.RBP) ? null : state.Frame;
        if (instruction.IsStackInstruction && instruction.Op0Register != Register.RSP) return new State(state.Stack + instruction.StackPointerIncrement, frame);
        return new State(effects.Writes(instruction, Register.RSP) ? null : state.Stack, frame);
    }

    /// <summary>Only instructions of the stack write rsp or rbp without naming it. Most instructions are settled here, at a tenth of the cost.</summary>
    private static bool LeavesBoth(in Instruction instruction)
    {
        if (instruction.IsStackInstruction || instruction.IsPrivileged) return false;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Register && instruction.GetOpRegister(i).GetFullRegister() is Register.RSP or Register.RBP) return false;
        }
        return true;
    }

    private static long? ValueOf(Register register, State state) => register switch
    {
        Register.RSP => state.Stack,
        Register.RBP => state.Frame,
        _ => null,
    };
}
