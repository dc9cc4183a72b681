using System.Diagnostics;
using KernOpt.Validate.Comparing;
using KernOpt.Validate.Running;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate;

/// <summary>The runs of one validation, until one differs, all are done, or the time is used up.</summary>
internal sealed class ValidationSession
{
    /// <summary>Ticks that a version may use where the original needed at most one.</summary>
    private const int GenerousTicks = 20;

    private readonly ValidationRequest request;
    private readonly SandboxMemory memory;
    private readonly CodeSwitch code;
    private readonly Runner runner;
    private readonly TraceComparison comparison;
    private readonly InputGenerator inputs;
    private RunCounts counts = new();

    public ValidationSession(ValidationRequest request, SandboxLayout layout, CodeFacts facts, SandboxMemory memory, SandboxProcess process)
    {
        this.request = request;
        this.memory = memory;
        code = new CodeSwitch(request, facts, memory);
        runner = new Runner(request, layout, facts, code, memory, process);
        comparison = new TraceComparison(request, layout, facts, page => memory.Find(page)?.Baseline);
        inputs = new InputGenerator(request, layout, facts);
    }

    public ValidationReport Run(long started)
    {
        code.ArmAll();
        Mismatch? mismatch = null;
        var running = Stopwatch.GetTimestamp();
        while (mismatch is null && counts.Total < request.Limits.Runs && Stopwatch.GetElapsedTime(started) < request.Limits.Time)
        {
            var input = inputs.Next();
            var reached = code.Reached;
            mismatch = RunPair(input);
            if (code.Reached > reached) inputs.Keep(input);
        }
        var seconds = Stopwatch.GetElapsedTime(running).TotalSeconds;
        var runs = 2 * (counts.Total + (mismatch is null ? 0 : 1));
        return new ValidationReport(counts, code.Measure(), mismatch, Stopwatch.GetElapsedTime(started), runs / seconds, request.RandomSeed);
    }

    private Mismatch? RunPair(RunInput input)
    {
        var original = runner.RunOriginal(input);
        if (original.End is ObservationKind.TimedOut or ObservationKind.TooMuchMemory)
        {
            Count(original.End, input);
            return null;
        }
        var version = runner.RunVersion(input, original, GenerousTicks);
        if (version.End == ObservationKind.TooMuchMemory)
        {
            Count(version.End, input);
            return null;
        }
        if (comparison.Differ(original, version) is { } what) return new Mismatch(what, input.ToString());
        Count(original.End, input);
        return null;
    }

    private void Count(ObservationKind end, RunInput input) => counts = end switch
    {
        ObservationKind.Returned => counts with { Returned = counts.Returned + 1, ReturnedBound = counts.ReturnedBound + (input.IsBound ? 1 : 0) },
        ObservationKind.Faulted => counts with { Faulted = counts.Faulted + 1 },
        ObservationKind.LeftForGood => counts with { LeftForGood = counts.LeftForGood + 1 },
        ObservationKind.EventLimit => counts with { EventLimit = counts.EventLimit + 1 },
        ObservationKind.TimedOut => counts with { TimedOut = counts.TimedOut + 1 },
        _ => counts with { TooMuchMemory = counts.TooMuchMemory + 1 },
    };
}
