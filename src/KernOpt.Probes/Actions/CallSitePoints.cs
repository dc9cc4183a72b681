using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Probes.Actions;

/// <summary>
/// A call or a system call of a function: the point before it and the point that control comes back to. Target is null for calls through pointers and for system calls. Number: which system
/// call, where a constant in the same block says so.
/// </summary>
public sealed record CallSitePoints(Point Before, Point After, Address? Target, bool IsSystemCall, int? Number)
{
    public Address At => Before.At;

    /// <summary>After is not right behind the call, but some instructions later.</summary>
    public bool IsLater { get; init; }

    public bool IsIndirect => Target is null && !IsSystemCall;

    /// <summary>All that come back, in order of blocks.</summary>
    public static IEnumerable<CallSitePoints> In(FunctionGraph graph)
    {
        foreach (var block in graph.Blocks)
        {
            for (var i = 0; i < block.Instructions.Length; i++)
            {
                if (!IsSite(block.Instructions[i]) || Behind(graph, block, i) is not { } after) continue;
                var instruction = block.Instructions[i];
                var isSystemCall = instruction.Mnemonic == Mnemonic.Syscall;
                var target = instruction.Op0Kind == OpKind.NearBranch64 ? new Address(instruction.NearBranchTarget) : (Address?)null;
                yield return new CallSitePoints(new Point(block, i), after, target, isSystemCall, isSystemCall ? NumberAt(block, i) : null);
            }
        }
    }

    /// <summary>It may be passed without the call, too, where the block is jumped to.</summary>
    internal static bool IsBehindSite(FunctionGraph graph, Point point, out Instruction site)
    {
        site = default;
        if (point.Index > 0) site = point.Block.Instructions[point.Index - 1];
        else
        {
            var before = point.Block.Predecessors.Select(p => graph.Blocks[p]).FirstOrDefault(b => b.End == BlockEnd.FallThrough && !b.Instructions.IsEmpty && b.Close == point.Block.Start);
            if (before is null) return false;
            site = before.Instructions[^1];
        }
        return IsSite(site);
    }

    /// <summary>It is a call, or a system call.</summary>
    public static bool IsSite(in Instruction instruction) => instruction.Mnemonic == Mnemonic.Syscall || instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall && instruction.Mnemonic == Mnemonic.Call;

    private static Point? Behind(FunctionGraph graph, BasicBlock block, int index)
    {
        if (index + 1 < block.Instructions.Length) return new Point(block, index + 1);
        if (block.End != BlockEnd.FallThrough || block.Successors.Length != 1) return null;
        var next = graph.Blocks[block.Successors[0]];
        return next.Start == block.Close && !next.Instructions.IsEmpty ? new Point(next, 0) : null;
    }

    private static int? NumberAt(BasicBlock block, int index)
    {
        for (var i = index - 1; i >= 0; i--)
        {
            var instruction = block.Instructions[i];
            if (instruction.Mnemonic == Mnemonic.Mov && instruction.Op0Kind == OpKind.Register && instruction.Op0Register is Register.EAX or Register.RAX)
                return instruction.Op1Kind is OpKind.Immediate32 or OpKind.Immediate32to64 ? (int)instruction.GetImmediate(1) : null;
            if (instruction.Mnemonic == Mnemonic.Xor && instruction.Op0Kind == OpKind.Register && instruction.Op0Register == Register.EAX && instruction.Op1Kind == OpKind.Register && instruction.Op1Register == Register.EAX) return 0;
            if (instruction.FlowControl is not FlowControl.Next) return null;
            foreach (var used in new InstructionInfoFactory().GetInfo(instruction).GetUsedRegisters())
            {
                if (used.Register.GetFullRegister() == Register.RAX && used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.None)) return null;
            }
        }
        return null;
    }
}
