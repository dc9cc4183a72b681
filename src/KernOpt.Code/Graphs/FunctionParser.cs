using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Machine code to control-flow graph, by recursive traversal from the function's entry. Data between instructions is never decoded, since only
/// reached code is. Whatever cannot be explained refuses the whole function with a reason of the KO2xxx range; nothing is guessed.
/// </summary>
public static class FunctionParser
{
    public static Outcome<FunctionGraph> Parse(Function function, ICodeSource source)
    {
        if (function.IsFragment) return Reasons.SplitOffPart.With($"{function} at {function.Start}");
        using var trace = new CodeTrace(function, source, NoReturnAnalysis.Of(source));
        if (trace.Start() is { } refusal) return refusal;
        return trace.HasIndirectJumps ? new IndirectJumps(trace).Resolve() : new GraphBuilder(trace).Build();
    }
}
