using System.Runtime.CompilerServices;

namespace KernOpt.Code.Graphs;

/// <summary>Where on the stack a function's return address lies while it runs. Worked out once for each graph.</summary>
public static class ReturnAddressPlace
{
    private static readonly ConditionalWeakTable<FunctionGraph, StackDepth> Known = [];

    /// <summary>Bytes above the stack pointer before an instruction of a block, 0 at the entry; null where paths disagree or it cannot be told.</summary>
    public static int? Above(FunctionGraph graph, int block, int index)
    {
        var depths = Known.GetValue(graph, g => new StackDepth(g, new AbiRegisterUse()));
        lock (depths) return depths.At(new CodePlace(block, index)) is { } depth and <= 0 and > int.MinValue / 2 ? (int)-depth : null;
    }
}
