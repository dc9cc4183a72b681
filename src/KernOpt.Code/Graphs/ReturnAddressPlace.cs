namespace KernOpt.Code.Graphs;

/// <summary>Where on the stack a function's return address lies while it runs.</summary>
public static class ReturnAddressPlace
{
    /// <summary>Bytes above the stack pointer before an instruction of a block, 0 at the entry; null where paths disagree or it cannot be told.</summary>
    public static int? Above(FunctionGraph graph, int block, int index) =>
        new StackDepth(graph, new AbiRegisterUse()).At(new CodePlace(block, index)) is { } depth and <= 0 and > int.MinValue / 2 ? (int)-depth : null;
}
