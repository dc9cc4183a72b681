using System.Collections.Immutable;
using System.Diagnostics;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Passes;
using KernOpt.Target;

namespace KernOpt.Optimize;

/// <summary>The passes in their order, each with the reason for its place. The body is verified after each one.</summary>
internal static class PassPipeline
{
    public static readonly ImmutableArray<IPass> Specialization =
    [
        // First, while the code still has its original shape: a table is recognized by the original address that its jump would take.
        new DecideTables(),
        // The facts follow only edges that can be taken, so one run decides all branches that the bindings decide.
        new DecideBranches(),
        // Before anything looks at liveness: unreachable code would keep registers and flags alive.
        new RemoveUnreachableBlocks(),
        // Before folding: a user that holds the value itself lets the move that made it die.
        new SubstituteOperands(),
        // What is left has a register result; folding it cuts its inputs loose.
        new FoldConstants(),
        // Takes away what only the table jumps, the branches and the folded instructions used.
        new RemoveDeadInstructions(),
        // After that, because it looks for free registers, and each dead move would occupy one.
        new ReduceStrength(),
        // The divisors' own moves, sign extensions and clears of edx are dead only now.
        new RemoveDeadInstructions(),
        // Decided branches leave blocks that hold nothing but a jump.
        new ThreadJumps(),
        // Threading takes away the last way into the blocks that it passes by.
        new RemoveUnreachableBlocks(),
        // Joins what has become a straight line, so that the layout has fewer and longer pieces to place.
        new MergeBlocks(),
        // Last: no pass after it may change edges.
        new LayOutStraight(),
    ];

    public static readonly ImmutableArray<IPass> Outlining =
    [
        // Jumps to jumps would be counted as blocks of their own.
        new ThreadJumps(),
        new RemoveUnreachableBlocks(),
        // Last: no pass after it may change edges.
        new OutlineColdBlocks(),
    ];

    /// <summary>
    /// Runs the passes in order. A body that breaks a structural rule is a bug of the pass that ran last: it is named in the refusal, and the body must not be used.
    /// </summary>
    public static Outcome<ImmutableArray<PassReport>> Run(IReadOnlyList<IPass> passes, FunctionBody body, PassContext context)
    {
        var reports = ImmutableArray.CreateBuilder<PassReport>(passes.Count);
        foreach (var pass in passes)
        {
            var before = BodyMeasure.SizeOf(body);
            var start = Stopwatch.GetTimestamp();
            var changes = pass.Run(body, context);
            var time = Stopwatch.GetElapsedTime(start);
            if (!BodyVerifier.Check(body).Try(out _, out var why)) return Reasons.PassBrokeBody.With($"{pass.Id}: {why}");
            reports.Add(new PassReport(pass.Id, changes, before, BodyMeasure.SizeOf(body), time, [.. context.TakeSkips()]));
        }
        return reports.ToImmutable();
    }
}
