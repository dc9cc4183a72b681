using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Which call targets never return: imports and the C library's functions by name, and functions all of whose paths end in such a call or in ud2.
/// A function is looked at when first asked for, at most once. Where the answer is unknown (an indirect jump, recursion, a chain of more than
/// <see cref="DeepestChain"/> calls, unreadable code) it is "returns", which only ever adds paths to a graph.
/// </summary>
public sealed class NoReturnAnalysis(ICodeSource source)
{
    private const int DeepestChain = 24;
    private const ulong LargestFunction = 16 * 1024;

    private static readonly ConditionalWeakTable<ICodeSource, NoReturnAnalysis> Shared = [];

    private readonly ConcurrentDictionary<Address, bool> known = new();

    /// <summary>The analysis of a source, shared by all who parse from it, for as long as the source lives.</summary>
    public static NoReturnAnalysis Of(ICodeSource source) => Shared.GetValue(source, s => new NoReturnAnalysis(s));

    /// <summary>After modules have gone: what was known of an address says nothing about what is loaded there next.</summary>
    public static void Forget(ICodeSource source) => Shared.Remove(source);

    public bool NeverReturns(Address target) => NeverReturns(target, []);

    private bool NeverReturns(Address target, List<Address> chain)
    {
        if (known.TryGetValue(target, out var answer)) return answer;
        if (source.TryGetImport(target, out var import)) return known[target] = NoReturnNames.OfImport(import);
        if (source.FunctionAt(target) is not { } function || function.Start != target) return known[target] = false;
        // A thunk there may stand for ret: it pops the address that leads back to it.
        if (function.Module.Location.HidesWays) return known[target] = false;
        if (NoReturnNames.OfFunction(function)) return known[target] = true;
        if (function.Size is 0 or > LargestFunction) return known[target] = false;
        if (chain.Count >= DeepestChain || chain.Contains(target)) return false;

        chain.Add(target);
        answer = !CanReturn(function, chain);
        chain.RemoveAt(chain.Count - 1);
        return known[target] = answer;
    }

    /// <summary>Some path leads to a ret or to what is unknown. Paths without calls are walked first, since they cost nothing to decide.</summary>
    private bool CanReturn(Function function, List<Address> chain)
    {
        using var piece = CodePiece.TryRead(function, source);
        if (piece is null) return true;
        var open = new Stack<int>([0]);
        var afterCalls = new Stack<(int Offset, Address Callee)>();
        while (true)
        {
            while (open.TryPop(out var offset))
            {
                if (PathReturns(piece, offset, open, afterCalls, chain)) return true;
            }
            if (!afterCalls.TryPop(out var call)) return false;
            if (!NeverReturns(call.Callee, chain)) open.Push(call.Offset);
        }
    }

    private bool PathReturns(CodePiece piece, int offset, Stack<int> open, Stack<(int, Address)> afterCalls, List<Address> chain)
    {
        while (offset < piece.Length && !piece.IsStart(offset))
        {
            if (piece.IsInside(offset) || !piece.TryDecode(offset, out var instruction, out _)) return true;
            offset += instruction.Length;
            var target = new Address(instruction.NearBranchTarget);
            switch (instruction.FlowControl)
            {
                case FlowControl.Return or FlowControl.IndirectBranch or FlowControl.XbeginXabortXend:
                    return true;
                case FlowControl.Exception:
                    return false;
                case FlowControl.Next when instruction.Mnemonic == Mnemonic.Hlt:
                    return false;
                case FlowControl.Call when instruction.Op0Kind == OpKind.NearBranch64:
                    afterCalls.Push((offset, target));
                    return false;
                case FlowControl.UnconditionalBranch or FlowControl.ConditionalBranch:
                    if (piece.Contains(target)) open.Push(piece.OffsetOf(target));
                    else if (!NeverReturns(target, chain)) return true;
                    if (instruction.FlowControl == FlowControl.UnconditionalBranch) return false;
                    break;
            }
        }
        return offset >= piece.Length;
    }
}
