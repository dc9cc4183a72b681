using KernOpt.Code.Graphs;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>Which functions may run as a moved copy at all, whatever is done to it.</summary>
public static class MovingRules
{
    public static Outcome<Done> Check(Session session, FunctionGraph graph)
    {
        var function = graph.Function;
        var traits = FunctionTraits.Analyze(graph, session.Live.Source);
        if (traits.CallsReturnsTwice) return Reasons.ReturnsTwice.With($"{function} calls setjmp, vfork or their kind: a later return may come back into code that has gone");
        var risk = session.Program.ExceptionMayPass(function, makesCalls: graph.Calls.Length > 0);
        return risk.MayPass ? Reasons.ExceptionMayPass.With($"{function}: {risk.Why}") : Done.It;
    }
}
