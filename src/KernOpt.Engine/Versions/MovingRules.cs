using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>Which functions may run as a moved copy at all, whatever is done to it.</summary>
public static class MovingRules
{
    public static Outcome<Done> Check(Session session, FunctionGraph graph)
    {
        var function = graph.Function;
        if (ChangedByOthers(graph, session.Live.Source) is { } at) return Reasons.TextIsNotTheFiles.With($"{function} at {at}");
        var traits = FunctionTraits.Analyze(graph, session.Live.Source);
        if (traits.CallsReturnsTwice) return Reasons.ReturnsTwice.With($"{function} calls setjmp, vfork or their kind: a later return may come back into code that has gone");
        if (traits.CallsCallerDependent) return Reasons.CalleeLooksAtCaller.With($"{function} calls dlsym, dlopen or their kind");
        if (traits.IsJudgedByPlace) return Reasons.JudgedByPlace.With($"{function}");
        var makesCalls = graph.Calls.Length > 0;
        if (makesCalls && ReturnAddressTables.In(function.Module) is { } table) return Reasons.ReturnAddressesAreKeys.With($"{function}: {function.Module.Name} has {table}");
        var risk = session.Program.ExceptionMayPass(function, makesCalls);
        return risk.MayPass ? Reasons.ExceptionMayPass.With($"{function}: {risk.Why}") : Done.It;
    }

    /// <summary>Where the function is not what its module's file holds: another tool's breakpoint or jump, which a copy would carry along.</summary>
    internal static Address? ChangedByOthers(FunctionGraph graph, ICodeSource source)
    {
        var module = graph.Function.Module;
        if (!module.File.Try(out var file, out _)) return null;
        foreach (var block in graph.Blocks)
        {
            var live = new byte[block.Close - block.Start];
            var own = file.Image.BytesAt(module.ToFile(block.Start), (ulong)live.Length).Span;
            if (source.Read(block.Start, live) != live.Length) return block.Start;
            var same = own.CommonPrefixLength(live);
            if (same < live.Length) return block.Start + same;
        }
        return null;
    }
}
