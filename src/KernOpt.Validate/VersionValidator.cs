using System.Diagnostics;
using KernOpt.Linux.Native;
using KernOpt.Target;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate;

/// <summary>
/// Tries a version against its original before it goes live: both are run natively in a process of ours, on the same inputs, and everything that anyone
/// could see of a run is compared. See docs/adr/0004-validation.md for what is and is not shown by that.
/// </summary>
public static class VersionValidator
{
    /// <summary>
    /// A report means that no run differed and that there were enough. Refused with <see cref="Reasons.VersionDiffers"/> (the detail says what differed and
    /// on which input), <see cref="Reasons.NotEnoughEvidence"/>, <see cref="Reasons.NondeterministicCode"/>, <see cref="Reasons.OriginalUnreadable"/> or
    /// <see cref="Reasons.SandboxUnavailable"/>.
    /// </summary>
    public static Outcome<ValidationReport> Validate(ValidationRequest request) => Examine(request).Then<ValidationReport>(report =>
    {
        if (report.Mismatch is { } mismatch) return Reasons.VersionDiffers.With($"{mismatch} (random seed {report.RandomSeed}, run {report.Runs.Total + 1})");
        var least = request.Limits.MinimumReturned;
        if (report.Runs.Returned < least) return TooFew(report, request.Limits, report.Runs.Returned, least, "returned");
        if (request.Bindings.Length > 0 && report.Runs.ReturnedBound < least / 2)
        {
            return TooFew(report, request.Limits, report.Runs.ReturnedBound, least / 2, "returned with arguments that satisfy the bindings");
        }
        return report;
    });

    /// <summary>Like <see cref="Validate"/>, but a difference or too few runs are findings of the report, not refusals.</summary>
    public static Outcome<ValidationReport> Examine(ValidationRequest request)
    {
        using var thread = new TracerThread("kernopt-validate");
        return thread.Run(() => ExamineOnTracer(request));
    }

    private static Refusal TooFew(ValidationReport report, ValidationLimits limits, int count, int needed, string what)
    {
        var runs = report.Runs;
        (int Count, string What)[] others =
        [
            (runs.Faulted, "faulted alike"), (runs.LeftForGood, "called what does not come back"), (runs.EventLimit, "made too many calls"),
            (runs.TimedOut, "took too long"), (runs.TooMuchMemory, "touched too much memory"),
        ];
        var text = $"{count} of {runs.Total} runs {what} within {report.Elapsed.TotalSeconds:0.0} s, {needed} are needed";
        var rest = string.Join(", ", others.Where(o => o.Count > 0).Select(o => $"{o.Count} {o.What}"));
        if (rest.Length > 0) text = $"{text} ({rest})";
        return Reasons.NotEnoughEvidence.With(runs.Total < limits.Runs && report.Elapsed >= limits.Time ? $"{text}; try again when the machine is less busy" : text);
    }

    private static Outcome<ValidationReport> ExamineOnTracer(ValidationRequest request)
    {
        var started = Stopwatch.GetTimestamp();
        if (!Running.CodeFacts.Of(request).Try(out var facts, out var why)) return why;
        var layout = SandboxLayout.AwayFrom(Taken(request));
        if (!PageSource.Create(request, layout).Try(out var source, out why)) return why;
        if (!SandboxMemory.Create(source).Try(out var memory, out why)) return why;
        using (memory)
        {
            if (!SandboxProcess.Start(layout, memory.File, request.Limits.RunMilliseconds).Try(out var process, out why)) return why;
            using (process)
            {
                try
                {
                    memory.Attach(process);
                    return new ValidationSession(request, layout, facts, memory, process).Run(started);
                }
                catch (SandboxLostException lost)
                {
                    return Reasons.SandboxUnavailable.With(lost.Message);
                }
            }
        }
    }

    private static IEnumerable<AddressRange> Taken(ValidationRequest request)
        => request.Map.Mappings.Select(m => m.Range).Append(request.Version.Code.Range).Concat(request.Extra.Select(e => e.Range));
}
